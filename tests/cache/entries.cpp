// What is stored is found again, byte for byte, or not at all.

#include "cache/cache_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace wzrun::test {
namespace {

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Changes a file in place, as damage does.
void overwrite(const std::filesystem::path& path, std::size_t offset, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

/// The bytes that this process has read so far.
std::uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string word;
  std::uint64_t number = 0;
  io >> word >> number;
  return number;
}

/// Bytes that are read to find what must be there.
std::uint64_t cost_of_finding(DirectoryCache& cache, const std::string& name) {
  const auto before = bytes_read();
  CHECK(cache.find(key_named(name)).has_value());
  return bytes_read() - before;
}

void wait_until_settled(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto fingerprint = FileFingerprint::of(fd);
  close(fd);
  REQUIRE(fingerprint);
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  while (!fingerprint->is_settled(now()))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace

TEST_CASE("entries: what was stored is found, also by another process, and maps from its first byte") {
  const TempDir dir;
  const auto bytes = bytes_of(100'000);
  const auto cache = open_cache(dir / "cache");
  REQUIRE(cache);
  CHECK(cache->is_empty());
  CHECK(miss(*cache, "a") == "the cache is empty");
  REQUIRE(store(*cache, "a", bytes));
  CHECK_FALSE(cache->is_empty());
  CHECK(found(*cache, "a") == bytes);
  CHECK(miss(*cache, "b") == "not in the cache");
  CHECK(Child([&] { return found(*open_cache(dir / "cache"), "a") == bytes ? 0 : 1; }).wait() == 0);

  const auto entry = cache->find(key_named("a"));
  REQUIRE(entry);
  void* const map = mmap(nullptr, entry->size_bytes(), PROT_READ, MAP_PRIVATE, entry->fd(), 0);
  REQUIRE(map != MAP_FAILED);
  CHECK(std::memcmp(map, bytes.data(), bytes.size()) == 0);
  munmap(map, entry->size_bytes());
}

TEST_CASE("entries: files are the owner's alone, and so are the directories that were made") {
  const TempDir dir;
  const auto cache = open_cache(dir / "a/b/cache");
  REQUIRE(store(*cache, "x", bytes_of(10)));
  for (const auto* path : {"a", "a/b", "a/b/cache"})
    CHECK((std::filesystem::status(dir / path).permissions() & std::filesystem::perms::all) ==
          std::filesystem::perms::owner_all);
  struct stat status{};
  REQUIRE(stat(entry_path(dir / "a/b/cache", "x").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("entries: empty values and descriptions of any length") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "empty", {}, ""));
  CHECK(found(*cache, "empty") == Bytes{});
  REQUIRE(store(*cache, "long", bytes_of(5), std::string(100'000, 'x')));
  CHECK(found(*cache, "long") == bytes_of(5));
}

TEST_CASE("entries: storing again replaces the value, and those who have the old one keep it") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(5000, 1)));
  const auto old = cache->find(key_named("a"));
  REQUIRE(old);
  auto* const map = static_cast<std::uint8_t*>(mmap(nullptr, old->size_bytes(), PROT_READ, MAP_PRIVATE, old->fd(), 0));
  REQUIRE(store(*cache, "a", bytes_of(6000, 2)));
  CHECK(found(*cache, "a") == bytes_of(6000, 2));
  CHECK(Bytes(map, map + old->size_bytes()) == bytes_of(5000, 1));
  cache->clear();
  CHECK(Bytes(map, map + old->size_bytes()) == bytes_of(5000, 1));
  munmap(map, old->size_bytes());
}

TEST_CASE("entries: with any byte flipped it is a miss, and is replaced") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto bytes = bytes_of(200);
  const auto path = entry_path(dir / "cache", "a");
  REQUIRE(store(*cache, "a", bytes));
  const auto whole = read_all(path);
  REQUIRE(whole.size() > bytes.size());
  for (std::size_t i = 0; i < whole.size(); i++) {
    CAPTURE(i);
    REQUIRE(found(*cache, "a") == bytes);
    overwrite(path, i, static_cast<char>(whole[i] ^ (1 << (i % 8))));
    REQUIRE(miss(*cache, "a") == "the entry is damaged");
    REQUIRE(miss(*cache, "a") == "not in the cache");
    REQUIRE(store(*cache, "a", bytes));
  }
}

TEST_CASE("entries: cut short or made longer it is a miss, and is replaced") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto bytes = bytes_of(200);
  const auto path = entry_path(dir / "cache", "a");
  REQUIRE(store(*cache, "a", bytes));
  const auto size = std::filesystem::file_size(path);
  for (std::size_t length = 0; length < size + 100; length++) {
    if (length == size)
      continue;
    CAPTURE(length);
    std::filesystem::resize_file(path, length);
    REQUIRE(miss(*cache, "a") == "the entry is damaged");
    REQUIRE(store(*cache, "a", bytes));
    REQUIRE(found(*cache, "a") == bytes);
  }
}

TEST_CASE("entries: one under another key's name is a miss") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(100)));
  std::filesystem::rename(entry_path(dir / "cache", "a"), entry_path(dir / "cache", "b"));
  CHECK(miss(*cache, "b") == "the entry is damaged");
}

TEST_CASE("entries: what is not a file of one's own is a miss and is replaced") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(100)));
  const auto path = entry_path(dir / "cache", "a");
  const auto check = [&](std::string_view reason) {
    CHECK(miss(*cache, "a") == reason);
    REQUIRE(store(*cache, "a", bytes_of(100)));
    CHECK(found(*cache, "a") == bytes_of(100));
  };
  SUBCASE("a symbolic link") {
    std::filesystem::rename(path, dir / "elsewhere");
    std::filesystem::create_symlink(dir / "elsewhere", path);
    check("Too many levels of symbolic links");
  }
  SUBCASE("a FIFO") {
    std::filesystem::remove(path);
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    check("the entry is not a regular file");
  }
  SUBCASE("writable by others") {
    REQUIRE(chmod(path.c_str(), 0666) == 0);
    check("others may write to the entry");
  }
  SUBCASE("of another user") {
    if (geteuid() != 0) {
      MESSAGE("skipped: only root can give files away");
      return;
    }
    REQUIRE(chown(path.c_str(), 12345, 12345) == 0);
    check("the entry belongs to user 12345");
  }
}

TEST_CASE("entries: a directory in an entry's place is a miss, and storing fails without harm") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(100)));
  const auto path = entry_path(dir / "cache", "a");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK(miss(*cache, "a") == "the entry is not a regular file");
  CHECK_FALSE(store(*cache, "a", bytes_of(100)));
  CHECK(count_files(dir / "cache", "tmp-") == 0);
}

TEST_CASE("entries: one that was found intact and has settled is not read again, and is once it changes") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto bytes = bytes_of(4 << 20);
  const auto path = entry_path(dir / "cache", "a");
  REQUIRE(store(*cache, "a", bytes));
  std::this_thread::sleep_for(std::chrono::milliseconds(60));  // its times are finer than a millisecond: that is enough
  CHECK(cost_of_finding(*cache, "a") > bytes.size());
  CHECK(cost_of_finding(*cache, "a") < 10'000);

  REQUIRE(store(*cache, "a", bytes));
  using Clock = std::filesystem::file_time_type::clock;
  std::filesystem::last_write_time(path, std::chrono::floor<std::chrono::seconds>(Clock::now()));
  CHECK(cost_of_finding(*cache, "a") > bytes.size());
  CHECK(cost_of_finding(*cache, "a") >
        bytes.size());  // where times are of seconds, a change within the same one would not show
  wait_until_settled(path);
  CHECK(cost_of_finding(*cache, "a") > bytes.size());
  CHECK(cost_of_finding(*cache, "a") < 10'000);
  CHECK(Child([&] { return cost_of_finding(*cache, "a") < 10'000 ? 0 : 1; }).wait() == 0);
  overwrite(path, 12345, static_cast<char>(~bytes[12345]));
  CHECK(miss(*cache, "a") == "the entry is damaged");
}

TEST_CASE("entries: who has made sure of one has read it for the others, and damage that it finds stays to be found") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto bytes = bytes_of(4 << 20);
  const auto path = entry_path(dir / "cache", "a");
  cache->make_sure(key_named("a"));  // of nothing
  REQUIRE(store(*cache, "a", bytes));
  cache->make_sure(key_named("a"));
  CHECK(cost_of_finding(*cache, "a") < 10'000);
  const auto hits = cache->list().at(0).hits;
  cache->make_sure(key_named("a"));
  CHECK(cache->list().at(0).hits == hits);

  REQUIRE(store(*cache, "a", bytes));
  overwrite(path, 12345, static_cast<char>(~bytes[12345]));
  cache->make_sure(key_named("a"));
  CHECK(miss(*cache, "a") == "the entry is damaged");
}

TEST_CASE("entries: a damaged record of uses costs a reading, nothing else") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto bytes = bytes_of(200);
  REQUIRE(store(*cache, "a", bytes));
  REQUIRE(found(*cache, "a") == bytes);
  auto use = entry_path(dir / "cache", "a");
  use.replace_extension(".use");
  const auto size = std::filesystem::file_size(use);
  for (std::size_t i = 0; i < size; i++) {
    overwrite(use, i, static_cast<char>(~read_all(use)[i]));
    REQUIRE(found(*cache, "a") == bytes);
  }
  for (std::size_t length = 0; length < size; length++) {
    std::filesystem::resize_file(use, length);
    REQUIRE(found(*cache, "a") == bytes);
  }
}

TEST_CASE("entries: values of different keys, such as two versions make, do not meet") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "module, wzrun 1", bytes_of(100, 1)));
  REQUIRE(store(*cache, "module, wzrun 2", bytes_of(100, 2)));
  CHECK(found(*cache, "module, wzrun 1") == bytes_of(100, 1));
  CHECK(found(*cache, "module, wzrun 2") == bytes_of(100, 2));
  CHECK(miss(*cache, "module, wzrun 3") == "not in the cache");
}

}  // namespace wzrun::test
