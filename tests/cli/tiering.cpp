// What a run leaves for the next one, however it ends.

#include "baseline/baseline.h"
#include "cli/process_support.h"
#include "runtime/compiler.h"
#include "runtime/image.h"
#include "runtime/processors.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace wzrun::cli {
namespace {

constexpr std::string_view kResult = "3492664321\n";

class Cached {
 public:
  Setting setting() const { return {.environment = {"WZRUN_CACHE_DIR=" + (folder_ / "cache")}}; }
  std::vector<std::filesystem::path> entries() const {
    std::error_code error;
    std::vector<std::filesystem::path> paths;
    for (const auto& file : std::filesystem::directory_iterator(folder_ / "cache", error))
      if (file.path().extension() == ".wzrun")
        paths.push_back(file.path());
    return paths;
  }
  /// The path of the only entry.
  std::filesystem::path entry() const { return entries().at(0); }
  bool has_entry() const { return !entries().empty(); }
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

TEST_CASE("tiering: the next run of a large module does not read it, and runs what no run before has called") {
  const Cached cache;
  TemporaryFolder folder;
  const auto path = folder / "large.wasm";
  std::filesystem::copy_file(program("hot"), path);
  // A custom section of 2 MiB without a name.
  std::ofstream(path, std::ios::binary | std::ios::app)
      << std::string_view("\0\x81\x80\x80\x01\0", 6) << std::string(2 << 20, 'x');
  const auto interpreted = wzrun({"--engine", "interp", path, "trap"}, cache.setting());
  CHECK(interpreted.status == 134);
  CHECK(interpreted.err.find("late") != std::string::npos);
  const auto has_phase = [](const Outcome& run, const std::string& name) {
    return run.err.find("{\"name\": \"" + name + "\"") != std::string::npos;
  };
  const auto first = wzrun({"--stats=json", path}, cache.setting());
  CHECK(first.status == 0);
  CHECK(first.out == interpreted.out);
  CHECK(has_phase(first, "read"));
  // For another process to read it, a file must have been there for two seconds.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  auto second = first;
  while ((cache.entries().size() < 2 || has_phase(second, "read")) && std::chrono::steady_clock::now() < give_up) {
    second = wzrun({"--stats=json", path}, cache.setting());
    REQUIRE(second.out == interpreted.out);
  }
  REQUIRE(cache.entries().size() == 2);
  CHECK(second.status == 0);
  CHECK(second.out == interpreted.out);
  CHECK_FALSE(has_phase(second, "read"));
  const auto third = wzrun({path, "trap"}, cache.setting());
  CHECK(third.status == interpreted.status);
  CHECK(third.out == interpreted.out);
  CHECK(third.err == interpreted.err);
  for (const auto& entry : cache.entries()) {
    std::filesystem::resize_file(entry, std::filesystem::file_size(entry) / 2);
    const auto damaged = wzrun({path, "trap"}, cache.setting());
    CHECK(damaged.status == interpreted.status);
    CHECK(damaged.err == interpreted.err);
  }
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

TEST_CASE("tiering: what a run has no time to compile well is compiled when it has ended") {
  const Cached cache;
  std::string timeout;
  SUBCASE("before LLVM begins, after 50 ms") { timeout = "40ms"; }
  SUBCASE("while it works") { timeout = "55ms"; }
  REQUIRE(wzrun({"--timeout", timeout, program("recursion")}, cache.setting()).status == 124);
  if (!runtime::has_compiler() || !baseline::is_available() || runtime::usable_processors() < 2) {
    MESSAGE("skipped: a compiler is not there, or one processor only");
    return;
  }
  REQUIRE(cache.gets_entry());
  runtime::ImageHeader first;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::ifstream(cache.entry(), std::ios::binary).read(reinterpret_cast<char*>(&first), sizeof first);
    REQUIRE(first.magic == runtime::kImageMagic);
  } while (first.opt_level != 2 && std::chrono::steady_clock::now() < give_up);
  CHECK(first.opt_level == 2);
}

TEST_CASE("tiering: a run without standard streams leaves its code too") {
  const Cached cache;
  auto setting = cache.setting();
  setting.in = setting.out = setting.err = Stream::closed;
  CHECK(wzrun({program("hot")}, setting).status != -SIGKILL);
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
