#include "wasi/directory_reader.h"

#include "temp_dir.h"
#include "wasi/owned_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

using wzrun::test::TempDir;
using wzrun::wasi::DirectoryReader;
using wzrun::wasi::Dirent;
using wzrun::wasi::Filetype;
using wzrun::wasi::OwnedFd;

namespace {

OwnedFd open_directory(const TempDir& temp) {
  return OwnedFd{::open(temp.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

std::vector<std::string> names_from(DirectoryReader& reader, int fd, std::uint64_t cookie) {
  std::vector<std::string> names;
  REQUIRE(reader.seek(fd, cookie));
  while (const auto* item = reader.peek(fd).value()) {
    names.emplace_back(item->name);
    reader.advance();
  }
  return names;
}

}  // namespace

TEST_CASE("directory reader: lists every entry once, with `.` and `..`") {
  const TempDir temp;
  std::multiset<std::string> expected{".", ".."};
  for (int i = 0; i < 3000; ++i) {
    const auto name = "a file with a longer name " + std::to_string(i);
    temp.write(name, "");
    expected.insert(name);
  }
  const auto fd = open_directory(temp);
  DirectoryReader reader;
  const auto names = names_from(reader, fd.get(), 0);
  CHECK(std::multiset<std::string>{names.begin(), names.end()} == expected);
}

TEST_CASE("directory reader: every cookie ever given leads back to the entry after it") {
  const TempDir temp;
  for (int i = 0; i < 50; ++i)
    temp.write(std::to_string(i), "");
  const auto fd = open_directory(temp);
  DirectoryReader reader;
  const auto all = names_from(reader, fd.get(), 0);
  std::vector<std::uint64_t> cookies;
  REQUIRE(reader.seek(fd.get(), 0));
  while (const auto* item = reader.peek(fd.get()).value()) {
    cookies.push_back(item->next);
    reader.advance();
  }
  REQUIRE(cookies.size() == all.size());
  for (std::size_t i = cookies.size(); i-- > 0;) {
    const auto rest = names_from(reader, fd.get(), cookies[i]);
    CHECK(rest == std::vector<std::string>{all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end()});
  }
}

TEST_CASE("directory reader: cookie 0 sees what was made since") {
  const TempDir temp;
  const auto fd = open_directory(temp);
  DirectoryReader reader;
  CHECK(names_from(reader, fd.get(), 0).size() == 2);
  temp.write("new", "");
  CHECK(names_from(reader, fd.get(), 0).size() == 3);
}

TEST_CASE("directory reader: a number that was no cookie is an errno or another place, nothing worse") {
  const TempDir temp;
  const auto fd = open_directory(temp);
  DirectoryReader reader;
  for (const auto cookie : {std::uint64_t{1}, std::uint64_t{12345}, ~std::uint64_t{0}, std::uint64_t{1} << 63})
    if (reader.seek(fd.get(), cookie))
      CHECK(reader.peek(fd.get()));
  for (int again = 0; again < 2; ++again)
    CHECK(reader.seek(fd.get(), ~std::uint64_t{0}).error() == wzrun::wasi::Errno::inval);
}

TEST_CASE("pack_dirent: an entry that does not fit is cut off at the buffer's end") {
  const Dirent header{.next = 1, .ino = 2, .namlen = 4, .type = Filetype::regular_file};
  for (std::size_t size = 0; size <= sizeof header + 6; ++size) {
    std::vector<std::uint8_t> buffer(size + 8, 0xee);
    const auto used = pack_dirent(std::span{buffer}.first(size), 0, header, "name");
    CHECK(used == std::min(size, sizeof header + 4));
    CHECK(buffer[used] == 0xee);
  }
}
