// What is listed, and what goes.

#include "cache/cache_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>

#include <string>

namespace wzrun::test {
namespace {

/// Stores a value that was last used this many seconds ago.
void store_aged(DirectoryCache& cache, const std::string& name, std::int64_t seconds, std::size_t size = 1000) {
  REQUIRE(store(cache, name, bytes_of(size), name));
  make_older(entry_path(cache.path(), name), seconds);
}

bool has(const DirectoryCache& cache, const std::string& name) {
  return std::filesystem::exists(entry_path(cache.path(), name));
}

}  // namespace

TEST_CASE("housekeeping: pruning removes what was not used for longest until the rest is small enough") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "oldest", 4000);
  store_aged(*cache, "old", 3000);
  store_aged(*cache, "newer", 2000);
  const auto removed = cache->prune(2500);
  CHECK(removed.entries == 1);
  CHECK(removed.size_bytes > 1000);
  CHECK_FALSE(has(*cache, "oldest"));
  CHECK(has(*cache, "old"));
  CHECK(has(*cache, "newer"));
}

TEST_CASE("housekeeping: a use makes an entry young, and what is young stays") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "oldest", 4000);
  store_aged(*cache, "old", 3000);
  REQUIRE(found(*cache, "oldest"));
  CHECK(cache->prune(0).entries == 1);
  CHECK(has(*cache, "oldest"));
  CHECK_FALSE(has(*cache, "old"));
}

TEST_CASE("housekeeping: storing keeps the size within bounds, and never removes what it has stored") {
  const TempDir dir;
  const auto opened = DirectoryCache::open({.path = (dir / "cache").string(), .max_size_bytes = 5000});
  REQUIRE(opened);
  auto& cache = **opened;
  for (int i = 0; i < 10; i++)
    store_aged(cache, std::to_string(i), 1000 - i);
  CHECK(count_files(dir / "cache", ".wzrun") <= 5);
  CHECK(has(cache, "9"));
  CHECK_FALSE(has(cache, "0"));
  REQUIRE(store(cache, "large", bytes_of(100'000)));
  CHECK(found(cache, "large"));
}

TEST_CASE("housekeeping: pruning by age") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "old", 3000);
  store_aged(*cache, "newer", 1000);
  using namespace std::chrono_literals;
  CHECK(cache->prune(~std::uint64_t{0}, std::chrono::system_clock::now() - 2000s).entries == 1);
  CHECK_FALSE(has(*cache, "old"));
  CHECK(has(*cache, "newer"));
}

TEST_CASE("housekeeping: entries of a clock that was ahead are the first to go") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "future", -1'000'000);
  store_aged(*cache, "old", 3000);
  cache->prune(1500);
  CHECK_FALSE(has(*cache, "future"));
  CHECK(has(*cache, "old"));
}

TEST_CASE("housekeeping: files of processes that died go when they are an hour old") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "a", 0);
  const auto lock = to_string(key_named("b")) + ".lock";
  const auto use = to_string(key_named("b")) + ".use";
  for (const auto& name : {std::string("cache/tmp-0123456789abcdef"), "cache/" + lock, "cache/" + use})
    dir.write(name, "x");
  cache->prune(1 << 20);
  CHECK(count_files(dir / "cache", "tmp-") == 1);
  for (const auto& name : {std::string("tmp-0123456789abcdef"), lock, use})
    make_older(dir / "cache" / name, 3601);
  cache->prune(1 << 20);
  CHECK(count_files(dir / "cache", "tmp-") == 0);
  CHECK(count_files(dir / "cache", ".lock") == 0);
  CHECK(count_files(dir / "cache", ".use") == 0);
  CHECK(has(*cache, "a"));
}

TEST_CASE("housekeeping: clearing removes wzrun's files and no others") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "a", 0);
  store_aged(*cache, "b", 1000);
  REQUIRE(found(*cache, "a"));
  cache->remember_module({1, 2, 3, 4, 5}, key_named("x"));
  dir.write("cache/notes.txt", "mine");
  dir.write("cache/" + to_string(key_named("c")), "mine");
  CHECK(cache->clear().entries == 2);
  CHECK(count_files(dir / "cache", "") == 2);
  std::filesystem::remove(dir / "cache/notes.txt");
  std::filesystem::remove(dir / "cache" / to_string(key_named("c")));
  cache->clear();
  CHECK_FALSE(std::filesystem::exists(dir / "cache"));
  CHECK(cache->is_empty());
  CHECK(store(*cache, "a", bytes_of(10)));
}

TEST_CASE("housekeeping: the list has the last used first, sizes, descriptions and damage") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "a", 2000);
  store_aged(*cache, "b", 1000);
  store_aged(*cache, "c", 3000);
  std::filesystem::resize_file(entry_path(dir / "cache", "b"), 100);
  make_older(entry_path(dir / "cache", "b"), 1000);
  const auto items = cache->list();
  REQUIRE(items.size() == 3);
  CHECK(items[0].is_damaged);
  CHECK(items[1].description == "a");
  CHECK(items[1].size_bytes > 1000);
  CHECK_FALSE(items[1].is_damaged);
  CHECK(items[2].description == "c");
}

TEST_CASE("housekeeping: verifying finds damage and removes the entry") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  store_aged(*cache, "a", 0);
  store_aged(*cache, "b", 0);
  {
    std::fstream file(entry_path(dir / "cache", "b"), std::ios::in | std::ios::out | std::ios::binary);
    file.put('!');
  }
  CHECK_FALSE(cache->verify(key_named("a")));
  CHECK(cache->verify(key_named("b")) == "the entry is damaged");
  CHECK(has(*cache, "a"));
  CHECK_FALSE(has(*cache, "b"));
}

}  // namespace wzrun::test
