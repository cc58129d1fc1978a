#include "wasi/descriptor.h"

#include "wasi/directory_reader.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

using wzrun::wasi::Descriptor;
using wzrun::wasi::DescriptorTable;
using wzrun::wasi::Errno;
using wzrun::wasi::Filetype;
using wzrun::wasi::OwnedFd;
namespace rights = wzrun::wasi::rights;

namespace {

Descriptor named(std::string name) {
  Descriptor descriptor;
  descriptor.preopen_name = std::move(name);
  return descriptor;
}

DescriptorTable table_of(std::size_t count) {
  DescriptorTable table;
  for (std::size_t i = 0; i < count; ++i)
    REQUIRE(table.insert(named(std::to_string(i))) == i);
  return table;
}

}  // namespace

TEST_CASE("descriptor table: a new descriptor gets the lowest free number") {
  auto table = table_of(6);
  REQUIRE(table.remove(4));
  REQUIRE(table.remove(1));
  CHECK(table.insert({}) == 1U);
  CHECK(table.insert({}) == 4U);
  CHECK(table.insert({}) == 6U);
}

TEST_CASE("descriptor table: a number that is free or was never used is EBADF") {
  auto table = table_of(3);
  REQUIRE(table.remove(2));
  for (const auto fd : {2U, 3U, 0x7fffffffU, 0xffffffffU}) {
    CHECK(table.get(fd).error() == Errno::badf);
    CHECK(table.remove(fd).error() == Errno::badf);
  }
}

TEST_CASE("descriptor table: at its limit there is EMFILE until one is closed") {
  DescriptorTable table{2};
  REQUIRE(table.insert({}));
  REQUIRE(table.insert({}));
  CHECK(table.insert({}).error() == Errno::mfile);
  CHECK(table.check_room().error() == Errno::mfile);
  REQUIRE(table.remove(0));
  CHECK(table.check_room());
  CHECK(table.insert({}) == 0U);
}

TEST_CASE("descriptor table: renumber moves a descriptor onto another, which is handed back") {
  auto table = table_of(4);
  const auto replaced = table.renumber(3, 1);
  REQUIRE(replaced);
  CHECK(replaced->preopen_name == "1");
  CHECK((*table.get(1))->preopen_name == "3");
  CHECK(table.get(3).error() == Errno::badf);
  CHECK(table.insert({}) == 3U);
}

TEST_CASE("descriptor table: renumber of a number to itself changes nothing; a free one is EBADF on either side") {
  auto table = table_of(2);
  CHECK(table.renumber(1, 1));
  CHECK((*table.get(1))->preopen_name == "1");
  CHECK(table.renumber(5, 0).error() == Errno::badf);
  CHECK(table.renumber(0, 5).error() == Errno::badf);
  CHECK((*table.get(0))->preopen_name == "0");
}

TEST_CASE("descriptor table: what a descriptor is comes before the rights that it lacks") {
  DescriptorTable table;
  Descriptor file;
  file.filetype = Filetype::regular_file;
  file.base = rights::fd_read;
  Descriptor directory;
  directory.filetype = Filetype::directory;
  directory.base = rights::path_open;
  REQUIRE(table.insert(std::move(file)));
  REQUIRE(table.insert(std::move(directory)));
  CHECK(table.file(0, rights::fd_read));
  CHECK(table.file(0, rights::fd_write).error() == Errno::notcapable);
  CHECK(table.directory(0, rights::fd_write).error() == Errno::notdir);
  CHECK(table.directory(1, rights::path_open));
  CHECK(table.directory(1, rights::path_symlink).error() == Errno::notcapable);
  CHECK(table.file(1, rights::fd_write).error() == Errno::badf);
}

TEST_CASE("descriptor table: a removed descriptor closes the host's when it goes") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const OwnedFd other{ends[1]};
  DescriptorTable table;
  Descriptor descriptor;
  descriptor.owned = OwnedFd{ends[0]};
  descriptor.fd = ends[0];
  REQUIRE(table.insert(std::move(descriptor)));
  REQUIRE(table.remove(0));
  CHECK(::fcntl(ends[0], F_GETFD) == -1);
}

TEST_CASE("file types: datagram sockets are told from stream sockets") {
  for (const auto& [type, expected] :
       {std::pair{SOCK_DGRAM, Filetype::socket_dgram}, std::pair{SOCK_STREAM, Filetype::socket_stream}}) {
    const OwnedFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
    struct stat status;
    REQUIRE(::fstat(fd.get(), &status) == 0);
    CHECK(wzrun::wasi::filetype_of(fd.get(), status) == expected);
  }
}
