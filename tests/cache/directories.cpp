// Which directories are used, and what happens in bad ones.

#include "cache/cache_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace wzrun::test {
namespace {

/// Why a directory is refused, with whether people must be warned in front.
std::string refusal(const std::filesystem::path& path) {
  const auto cache = DirectoryCache::open({.path = path.string()});
  return cache ? "" : (cache.error().warrants_warning ? "warning: " : "") + cache.error().reason;
}

}  // namespace

TEST_CASE("directories: one that others may write to is refused") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "cache");
  for (const auto mode : {0777U, 0770U, 0702U, 01777U}) {
    REQUIRE(chmod((dir / "cache").c_str(), mode) == 0);
    CHECK(refusal(dir / "cache").starts_with("warning: others may write to it (mode 7"));
  }
  REQUIRE(chmod((dir / "cache").c_str(), 0755) == 0);
  CHECK(refusal(dir / "cache").empty());
}

TEST_CASE("directories: another user's is refused") {
  if (geteuid() != 0) {
    MESSAGE("skipped: only root can give directories away");
    return;
  }
  const TempDir dir;
  std::filesystem::create_directory(dir / "cache");
  REQUIRE(chown((dir / "cache").c_str(), 12345, 12345) == 0);
  REQUIRE(chmod((dir / "cache").c_str(), 0700) == 0);
  CHECK(refusal(dir / "cache") == "warning: belongs to user 12345");
}

TEST_CASE("directories: a file in its place is refused; one below a file cannot be made") {
  const TempDir dir;
  dir.write("file", "text");
  CHECK(refusal(dir / "file") == "warning: Not a directory");
  CHECK(refusal(dir / "file/cache") == "warning: Not a directory");
  CHECK(dir.read("file") == "text");
}

TEST_CASE("directories: where nothing can be written, values are found and storing is an error") {
  const TempDir dir;
  const auto check = [&](const std::filesystem::path& path) {
    const auto cache = open_cache(path);
    REQUIRE(cache);
    CHECK(found(*cache, "a") == bytes_of(1000));
    CHECK(miss(*cache, "b") == "not in the cache");
    CHECK_FALSE(store(*cache, "b", bytes_of(1000)));
    CHECK(cache->claim(key_named("b")) == nullptr);
    CHECK(cache->prune(0).entries == 0);
    CHECK(count_files(path, ".wzrun") == 1);
  };
  if (geteuid() != 0) {
    REQUIRE(store(*open_cache(dir / "cache"), "a", bytes_of(1000)));
    REQUIRE(chmod((dir / "cache").c_str(), 0500) == 0);
    make_older(entry_path(dir / "cache", "a"), 1000);
    check(dir / "cache");
    chmod((dir / "cache").c_str(), 0700);
    return;
  }
  const SmallDisk disk(dir / "disk", "size=1m");
  if (!disk.is_mounted()) {
    MESSAGE("skipped: root may not mount here");
    return;
  }
  REQUIRE(store(*open_cache(dir / "disk"), "a", bytes_of(1000)));
  make_older(entry_path(dir / "disk", "a"), 1000);
  REQUIRE(disk.make_read_only());
  check(dir / "disk");
}

TEST_CASE("directories: a cache opened read-only finds and changes nothing") {
  const TempDir dir;
  REQUIRE(store(*open_cache(dir / "cache"), "a", bytes_of(1000)));
  const auto cache = DirectoryCache::open({.path = (dir / "cache").string(), .read_only = true});
  REQUIRE(cache);
  CHECK(found(**cache, "a") == bytes_of(1000));
  CHECK_FALSE(store(**cache, "b", bytes_of(10)));
  CHECK((*cache)->clear().entries == 0);
  CHECK(count_files(dir / "cache", ".use") == 0);
  std::filesystem::resize_file(entry_path(dir / "cache", "a"), 10);
  CHECK(miss(**cache, "a") == "the entry is damaged");
  CHECK(count_files(dir / "cache", ".wzrun") == 1);
}

TEST_CASE("directories: on a full disk storing is an error that leaves nothing behind") {
  const TempDir dir;
  const SmallDisk disk(dir / "disk", "size=256k");
  if (!disk.is_mounted()) {
    MESSAGE("skipped: needs root and the right to mount");
    return;
  }
  const auto cache = open_cache(dir / "disk");
  REQUIRE(store(*cache, "small", bytes_of(1000)));
  const std::span<const std::uint8_t> none;
  const auto big = bytes_of(1 << 20);
  const std::span<const std::uint8_t> parts[] = {big, none};
  const auto stored = cache->store(key_named("big"), parts, "test");
  REQUIRE_FALSE(stored);
  CHECK(stored.error() == "No space left on device");
  CHECK(count_files(dir / "disk", "tmp-") == 0);
  CHECK(miss(*cache, "big") == "not in the cache");
  CHECK(found(*cache, "small") == bytes_of(1000));

  // Every size around what is left: either all is there or nothing.
  for (std::size_t size = 200'000; size < 260'000; size += 1024) {
    const auto name = "s" + std::to_string(size);
    const bool kept = store(*cache, name, bytes_of(size));
    CHECK(found(*cache, name).has_value() == kept);
    std::filesystem::remove(entry_path(dir / "disk", name));
  }
}

TEST_CASE("directories: removed or emptied while in use, it is a miss") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(10)));
  std::filesystem::remove_all(dir / "cache");
  CHECK(miss(*cache, "a") == "not in the cache");
  CHECK_FALSE(store(*cache, "a", bytes_of(10)));
  CHECK(store(*open_cache(dir / "cache"), "a", bytes_of(10)));
}

TEST_CASE("directories: the default is chosen by the environment") {
  const auto chosen = [](const char* own, const char* xdg, const char* home) {
    const auto set = [](const char* name, const char* value) {
      if (value != nullptr)
        setenv(name, value, 1);
      else
        unsetenv(name);
    };
    set("WZRUN_CACHE_DIR", own);
    set("XDG_CACHE_HOME", xdg);
    set("HOME", home);
    return DirectoryCache::default_path().value_or("none");
  };
  // In a process of its own, so that no other test sees the environment.
  CHECK(Child([&] {
          if (chosen("/own", "/xdg", "/home") != "/own")
            return 1;
          if (chosen(nullptr, "/xdg", "/home") != "/xdg/wzrun" || chosen("", "/xdg", "/home") != "/xdg/wzrun")
            return 2;
          if (chosen(nullptr, "relative", "/home") != "/home/.cache/wzrun")
            return 3;
          return chosen(nullptr, nullptr, nullptr) == "none" ? 0 : 4;
        }).wait() == 0);
}

}  // namespace wzrun::test
