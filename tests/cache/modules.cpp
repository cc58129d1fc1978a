// Digests of module files, remembered under their fingerprints.

#include "cache/cache_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace wzrun::test {
namespace {

FileFingerprint file_number(std::uint64_t inode) {
  constexpr std::int64_t kYear2020 = 1'577'836'800'000'000'000;
  return {7, inode, 1000, kYear2020, kYear2020};
}

std::shared_ptr<DirectoryCache> cache_in(const TempDir& dir) {
  auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "something", bytes_of(10)));
  return cache;
}

}  // namespace

TEST_CASE("modules: a digest is remembered for exactly this fingerprint") {
  const TempDir dir;
  const auto cache = cache_in(dir);
  const auto file = file_number(1);
  CHECK_FALSE(cache->module_digest(file));
  cache->remember_module(file, key_named("a"));
  CHECK(cache->module_digest(file) == key_named("a"));
  CHECK(Child([&] { return open_cache(dir / "cache")->module_digest(file) == key_named("a") ? 0 : 1; }).wait() == 0);
  for (const auto member : {&FileFingerprint::device, &FileFingerprint::inode, &FileFingerprint::size_bytes}) {
    auto other = file;
    other.*member += 1;
    CHECK_FALSE(cache->module_digest(other));
  }
  for (const auto member : {&FileFingerprint::modified_ns, &FileFingerprint::changed_ns}) {
    auto other = file;
    other.*member += 1;
    CHECK_FALSE(cache->module_digest(other));
  }
}

TEST_CASE("modules: a digest is remembered where nothing was stored yet, unless the cache is only read") {
  const TempDir dir;
  const auto file = file_number(1);
  const auto read_only = DirectoryCache::open({.path = dir / "cache", .read_only = true});
  REQUIRE(read_only);
  (*read_only)->remember_module(file, key_named("a"));
  CHECK_FALSE(std::filesystem::exists(dir / "cache"));
  open_cache(dir / "cache")->remember_module(file, key_named("a"));
  CHECK(open_cache(dir / "cache")->module_digest(file) == key_named("a"));
}

TEST_CASE("modules: a size is known while a file of it is remembered") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  const auto file = file_number(1);
  CHECK_FALSE(cache->knows_size(file.size_bytes));
  REQUIRE(store(*cache, "something", bytes_of(10)));
  CHECK(cache->knows_size(file.size_bytes));  // what it knew may be lost
  cache->remember_module(file, key_named("a"));
  CHECK(cache->knows_size(file.size_bytes));
  CHECK_FALSE(cache->knows_size(file.size_bytes + 1));
  auto longer = file;
  longer.size_bytes += 1;
  cache->remember_module(longer, key_named("b"));
  CHECK(cache->knows_size(longer.size_bytes));
  CHECK_FALSE(cache->knows_size(file.size_bytes));
}

TEST_CASE("modules: a changed file takes the place of the old one") {
  const TempDir dir;
  const auto cache = cache_in(dir);
  auto file = file_number(1);
  cache->remember_module(file, key_named("a"));
  const auto old = file;
  file.modified_ns += 1;
  cache->remember_module(file, key_named("b"));
  CHECK(cache->module_digest(file) == key_named("b"));
  CHECK_FALSE(cache->module_digest(old));
}

TEST_CASE("modules: a file that changed less than two seconds ago is not trusted") {
  const TempDir dir;
  const auto cache = cache_in(dir);
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  auto file = file_number(1);
  for (const std::int64_t age : {-1'000'000'000, 0, 1'900'000'000}) {
    std::int64_t begin = 0;
    do {  // until nothing has held this up so long that the file is old enough
      begin = now();
      file.changed_ns = begin - age;
      cache->remember_module(file, key_named("a"));
    } while (now() - begin >= 100'000'000);
    CHECK_FALSE(cache->module_digest(file));
  }
  file.changed_ns = now() - 2'000'000'000;
  cache->remember_module(file, key_named("a"));
  CHECK(cache->module_digest(file));
}

TEST_CASE("modules: any number of files takes no more room, and the latest are remembered") {
  const TempDir dir;
  const auto cache = cache_in(dir);
  for (std::uint64_t i = 0; i < 20'000; i++)
    cache->remember_module(file_number(i), key_named("a"));
  CHECK(std::filesystem::file_size(dir / "cache/modules") < (1 << 20));
  std::size_t known = 0;
  for (std::uint64_t i = 19'000; i < 20'000; i++)
    known += cache->module_digest(file_number(i)) ? 1 : 0;
  CHECK(known > 990);
}

TEST_CASE("modules: a damaged index forgets, and does not lie") {
  const TempDir dir;
  const auto cache = cache_in(dir);
  const auto file = file_number(1);
  const auto path = dir / "cache/modules";
  cache->remember_module(file, key_named("a"));
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const auto begin = whole.find_first_not_of('\0');
  REQUIRE(begin != std::string::npos);
  for (std::size_t i = begin; i < whole.size(); i++) {
    auto damaged = whole;
    damaged[i] = static_cast<char>(~damaged[i]);
    std::ofstream(path, std::ios::binary) << damaged;
    const auto digest = cache->module_digest(file);
    REQUIRE((!digest || digest == key_named("a")));
    REQUIRE(cache->knows_size(file.size_bytes));
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    REQUIRE_FALSE(cache->module_digest(file));
    REQUIRE((i == begin || cache->knows_size(file.size_bytes)));
  }
}

TEST_CASE("modules: fingerprints are of regular files only") {
  const TempDir dir;
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  CHECK_FALSE(FileFingerprint::of(ends[0]));
  close(ends[0]);
  close(ends[1]);
  const int folder = open(dir.path().c_str(), O_RDONLY | O_CLOEXEC);
  CHECK_FALSE(FileFingerprint::of(folder));
  close(folder);
  dir.write("file", "text");
  const int file = open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC);
  const auto fingerprint = FileFingerprint::of(file);
  close(file);
  REQUIRE(fingerprint);
  CHECK(fingerprint->size_bytes == 4);
}

}  // namespace wzrun::test
