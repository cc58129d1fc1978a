// What a run leaves for the next one, however it ends.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>

namespace wzrun::cli {
namespace {

constexpr std::string_view kResult = "3492664321\n";

class Cached {
 public:
  Setting setting() const { return {.environment = {"WZRUN_CACHE_DIR=" + (folder_ / "cache")}}; }
  /// The path of the only entry; empty if there is none.
  std::filesystem::path entry() const {
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(folder_ / "cache", error))
      if (file.path().extension() == ".wzrun")
        return file.path();
    return {};
  }
  bool has_entry() const { return !entry().empty(); }
  /// Waits for what another process keeps after the run has ended. False after ten seconds.
  bool gets_entry() const {
    for (int i = 0; i < 1000 && !has_entry(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return has_entry();
  }

 private:
  TemporaryFolder folder_;
};

/// The number behind a name in what --stats=json prints.
std::uint64_t stat(const Outcome& outcome, const std::string& name) {
  const auto at = outcome.err.find("\"" + name + "\": ");
  REQUIRE(at != std::string::npos);
  return std::stoull(outcome.err.substr(at + name.size() + 4));
}

}  // namespace

TEST_CASE("tiering: a run compiles what is hot, and the next one finds it") {
  const Cached cache;
  const auto first = wzrun({"--stats=json", program("hot")}, cache.setting());
  CHECK(first.status == 0);
  CHECK(first.out == kResult);
  CHECK(stat(first, "kept_functions") == 0);
  CHECK(stat(first, "compiled_functions") >= 1);
  CHECK(stat(first, "loop_entries") >= 1);
  REQUIRE(cache.gets_entry());
  const auto second = wzrun({"--stats=json", program("hot")}, cache.setting());
  CHECK(second.status == 0);
  CHECK(second.out == kResult);
  CHECK(stat(second, "kept_functions") >= 1);
}

TEST_CASE(
    "tiering: compile tells hot functions by what runs have left, and leaves it alone when a level is asked for") {
  const Cached cache;
  const auto hot = [](const Outcome& outcome) { return outcome.err.find(", hot functions: ") != std::string::npos; };
  REQUIRE(wzrun({program("hot")}, cache.setting()).status == 0);
  REQUIRE(cache.gets_entry());
  TemporaryFolder folder;
  CHECK_FALSE(hot(wzrun({"compile", "-v", program("math")}, cache.setting())));
  CHECK_FALSE(hot(wzrun({"compile", "-v", "--opt", "1", program("hot")}, cache.setting())));
  CHECK(wzrun({"compile", "-o", folder / "hot", program("hot")}, cache.setting()).status == 0);
  CHECK(hot(wzrun({"compile", "-v", program("hot")}, cache.setting())));
  const auto run = wzrun({"-v", program("hot")}, cache.setting());
  CHECK(run.out == kResult);
  CHECK(run.err.find("hit") != std::string::npos);
  const auto precompiled = wzrun({"--allow-precompiled", folder / "hot"}, cache.setting());
  CHECK(precompiled.out == kResult);
}

TEST_CASE("tiering: a run that a signal ends, ends by that signal and leaves what it has compiled") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const Cached cache;
    // What is compiled when the signal comes, depends on what else the machine does.
    for (int attempt = 0; attempt < 20 && !cache.has_entry(); ++attempt) {
      Process process(wzrun_command({program("hot"), "forever"}), cache.setting());
      REQUIRE(process.printed(std::string(kResult)));
      process.signal(signal);
      const auto outcome = process.wait();
      CHECK(outcome.status == -signal);
      CHECK(outcome.err.empty());
    }
    CHECK(cache.gets_entry());
  }
}

TEST_CASE("tiering: with a time limit a run that a signal ends leaves its code too") {
  const Cached cache;
  for (int attempt = 0; attempt < 20 && !cache.has_entry(); ++attempt) {
    Process process(wzrun_command({"--timeout", "1h", program("hot"), "forever"}), cache.setting());
    REQUIRE(process.printed(std::string(kResult)));
    process.signal(SIGTERM);
    CHECK(process.wait().status == -SIGTERM);
  }
  CHECK(cache.gets_entry());
}

TEST_CASE("tiering: a signal that is ignored stays ignored") {
  const Cached cache;
  Process process({"sh", "-c", "trap '' TERM; exec \"$@\"", "sh", WZRUN_EXECUTABLE, program("hot"), "forever"},
                  cache.setting());
  REQUIRE(process.printed(std::string(kResult)));
  process.signal(SIGTERM);
  process.signal(SIGINT);
  CHECK(process.wait().status == -SIGINT);
}

TEST_CASE("tiering: the first process of a container leaves its code too, although all others end with it") {
  if (Process({"sh", "-c", "unshare -pf true"}, {}).wait().status != 0) {
    MESSAGE("skipped: not allowed to make a process namespace");
    return;
  }
  const Cached cache;
  const auto outcome =
      Process({"unshare", "-pf", "--kill-child", WZRUN_EXECUTABLE, program("hot")}, cache.setting()).wait();
  CHECK(outcome.status == 0);
  CHECK(outcome.out == kResult);
  CHECK(cache.has_entry());
}

TEST_CASE("tiering: what keeps a run's code does so when the run has ended, and holds none of its files open") {
  const Cached cache;
  REQUIRE(wzrun({program("hot")}, cache.setting()).status == 0);
  REQUIRE(cache.gets_entry());
  auto lock_path = cache.entry();
  std::filesystem::remove(lock_path);
  const int lock = open(lock_path.replace_extension(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(flock(lock, LOCK_EX) == 0);
  const auto outcome = wzrun({program("hot")}, cache.setting());  // to the end of its output
  CHECK(outcome.status == 0);
  CHECK(outcome.out == kResult);
  CHECK_FALSE(cache.has_entry());
  close(lock);
  CHECK(cache.gets_entry());
}

TEST_CASE("tiering: what keeps a run's code takes nothing but a file as its input") {
  const Cached cache;
  const auto outcome = wzrun({"cache", "keep"}, cache.setting());
  CHECK(outcome.status == 125);
  CHECK(outcome.err == "wzrun: nothing to keep: this is for wzrun's own use\n");
  TemporaryFolder folder;
  write_file(folder / "pack", std::string(300, 'x'));
  const auto damaged =
      Process({"sh", "-c", "exec \"$0\" cache keep < \"$1\"", WZRUN_EXECUTABLE, folder / "pack"}, cache.setting())
          .wait();
  CHECK(damaged.status == 125);
  CHECK_FALSE(cache.has_entry());
}

}  // namespace wzrun::cli
