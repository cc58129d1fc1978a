// Many processes at once, and processes that die.

#include "cache/cache_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace wzrun::test {

TEST_CASE("processes: sixteen that want the same value make it once, and all have it") {
  constexpr int kProcesses = 16;
  const TempDir dir;
  const auto bytes = bytes_of(1 << 20);
  int gate[2] = {};
  REQUIRE(pipe(gate) == 0);
  std::vector<std::unique_ptr<Child>> children;
  children.reserve(kProcesses);
  for (int i = 0; i < kProcesses; i++) {
    children.push_back(std::make_unique<Child>([&] {
      close(gate[1]);
      char byte = 0;
      (void)!read(gate[0], &byte, 1);  // all start when the parent closes the gate
      const auto cache = open_cache(dir / "cache");
      if (found(*cache, "a") == bytes)
        return 0;
      const auto claim = cache->claim(key_named("a"));
      if (found(*cache, "a") == bytes)
        return 0;
      std::ofstream(dir / "made", std::ios::app) << 'x' << std::flush;
      return store(*cache, "a", bytes) && found(*cache, "a") == bytes ? 0 : 1;
    }));
  }
  close(gate[0]);
  close(gate[1]);
  for (const auto& child : children)
    CHECK(child->wait() == 0);
  CHECK(dir.read("made") == "x");
  CHECK(count_files(dir / "cache", ".wzrun") == 1);
  CHECK(count_files(dir / "cache", "tmp-") == 0);
  CHECK(count_files(dir / "cache", ".lock") == 0);
}

TEST_CASE("processes: without claims the last one's value stays, and it is whole") {
  const TempDir dir;
  const auto bytes = bytes_of(300'000);
  std::vector<std::unique_ptr<Child>> children;
  children.reserve(8);
  for (int i = 0; i < 8; i++) {
    children.push_back(std::make_unique<Child>([&] {
      const auto cache = open_cache(dir / "cache");
      for (int round = 0; round < 20; round++) {
        if (!store(*cache, "a", bytes) || found(*cache, "a") != bytes)
          return 1;
      }
      return 0;
    }));
  }
  for (const auto& child : children)
    CHECK(child->wait() == 0);
  CHECK(count_files(dir / "cache", ".wzrun") == 1);
}

TEST_CASE("processes: killed at any moment of storing, they leave an old value, the new value or none") {
  const TempDir dir;
  const auto path = dir / "cache";
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::minstd_rand random(seed);
  int replaced = 0;
  for (int round = 0; round < 200; round++) {
    CAPTURE(round);
    const auto before = bytes_of(200'000, static_cast<unsigned>(round));
    const auto after = bytes_of(200'000, static_cast<unsigned>(round) + 1);
    {
      Child child([&]() -> int {
        const auto cache = open_cache(path);
        for (;;)
          store(*cache, "a", after);
      });
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
      child.kill();
      child.wait();
    }
    const auto cache = open_cache(path);
    const auto value = found(*cache, "a");
    REQUIRE((!value || value == before || value == after));
    replaced += value == after ? 1 : 0;
    REQUIRE(store(*cache, "a", after));
    REQUIRE(found(*cache, "a") == after);
  }
  CHECK(replaced > 10);  // else they were all killed before they began
  CHECK(count_files(path, ".wzrun") == 1);

  for (const auto& file : std::filesystem::directory_iterator(path))
    make_older(file.path(), 3601);
  REQUIRE(store(*open_cache(path), "b", bytes_of(10)));
  CHECK(count_files(path, "tmp-") == 0);
}

TEST_CASE("processes: one that dies while it writes leaves no file") {
  const TempDir dir;
  const auto path = dir / "cache";
  REQUIRE(store(*open_cache(path), "a", bytes_of(10)));
  const int nameless = open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless < 0) {
    MESSAGE("skipped: this file system has no files without names");
    return;
  }
  close(nameless);
  Child child([&] {
    const rlimit limit{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_DFL);
    return store(*open_cache(path), "b", bytes_of(4 << 20)) ? 0 : 1;
  });
  CHECK(child.wait() == -SIGXFSZ);
  CHECK(count_files(path, "tmp-") == 0);
  CHECK(miss(*open_cache(path), "b") == "not in the cache");
}

TEST_CASE("processes: a claim ends with the process that holds it") {
  const TempDir dir;
  int ready[2] = {};
  REQUIRE(pipe(ready) == 0);
  Child child([&] {
    const auto claim = open_cache(dir / "cache")->claim(key_named("a"));
    (void)!write(ready[1], "x", 1);
    pause();
    return 0;
  });
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close(ready[1]);
  const auto cache = open_cache(dir / "cache");
  std::thread killer([&] { child.kill(); });
  CHECK(cache->claim(key_named("a")) != nullptr);
  killer.join();
}

TEST_CASE("processes: uses of several are counted together") {
  const TempDir dir;
  const auto cache = open_cache(dir / "cache");
  REQUIRE(store(*cache, "a", bytes_of(100)));
  for (int i = 0; i < 3; i++)
    CHECK(Child([&] { return found(*open_cache(dir / "cache"), "a") ? 0 : 1; }).wait() == 0);
  const auto items = cache->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].hits == 3);
  CHECK(items[0].description == "test");
  CHECK(items[0].key == key_named("a"));
}

}  // namespace wzrun::test
