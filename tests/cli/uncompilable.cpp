// Modules that the compiler cannot compile, for whatever reason, run all the same.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

constexpr bool kHasShadowMemory = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t warnings(const Outcome& run) {
  std::size_t count = 0;
  for (auto at = run.err.find("the interpreter runs it"); at != std::string::npos;
       at = run.err.find("the interpreter runs it", at + 1))
    ++count;
  return count;
}

/// A module with tail calls that LLVM 22 compiles wrongly for x86-64; 5 from arguments that begin with an odd number.
const std::string kRefused = WZRUN_TESTDATA_WASM_DIR "/engine/tail_wide.wasm";
const std::vector<std::string> kRefusedRun = {"--invoke=tail wide", kRefused, "3", "0", "0", "0", "0", "0", "0", "9"};

constexpr bool kIsRefused =
#if defined(__x86_64__)
    true;
#else
    false;
#endif

std::vector<std::string> with(std::vector<std::string> options, const std::vector<std::string>& command) {
  options.insert(options.end(), command.begin(), command.end());
  return options;
}

/// wzrun in a folder of its own, beside a compiler that crashes.
class Crashing {
 public:
  Crashing() {
    std::filesystem::copy(WZRUN_EXECUTABLE, folder_ / "wzrun");
    std::filesystem::copy(WZRUN_CRASHING_CODEGEN, folder_ / "libwzrun-codegen.so");
  }
  Outcome run(const std::string& how, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), folder_ / "wzrun");
    return Process(arguments, {.environment = {"WZRUN_CACHE_DIR=" + (folder_ / "cache"), "CRASH=" + how}}).wait();
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("uncompilable: what the compiler refuses runs on the interpreter, with one warning under -v") {
  const TemporaryFolder folder;
  const Setting setting{.environment = {"WZRUN_CACHE_DIR=" + folder.path()}};
  const auto quiet = wzrun(with({"--engine=llvm"}, kRefusedRun), setting);
  CHECK(quiet.status == 0);
  CHECK(quiet.out == "5\n");
  CHECK(quiet.err.empty());
  const auto verbose = wzrun(with({"--engine=llvm", "-v"}, kRefusedRun), setting);
  CHECK(verbose.status == 0);
  CHECK(verbose.out == "5\n");
  CHECK(warnings(verbose) == (kIsRefused ? 1 : 0));
  CHECK(contains(verbose.err, kIsRefused ? "engine interp" : "engine llvm"));
  CHECK(wzrun(with({"-v"}, kRefusedRun), setting).out == "5\n");
}

TEST_CASE("uncompilable: wzrun compile says why and fails") {
  const TemporaryFolder folder;
  const Setting setting{.environment = {"WZRUN_CACHE_DIR=" + folder.path()}};
  const auto run = wzrun({"compile", kRefused, program("math")}, setting);
  CHECK(run.status == (kIsRefused ? 125 : 0));
  CHECK(contains(run.err, "tail_wide.wasm: ") == kIsRefused);
  CHECK(wzrun({"--cache=require", "--invoke=add", program("math"), "40", "2"}, setting).out == "42\n");
}

TEST_CASE("uncompilable: however little memory there is, the answer is right or there is none") {
  if (kHasShadowMemory)
    return;
  std::size_t interpreted = 0;
  std::size_t compiled = 0;
  for (int mebibytes = 60; mebibytes <= 460; mebibytes += 20) {
    INFO(mebibytes);
    const auto limit = "ulimit -v " + std::to_string(mebibytes * 1024) + "; exec \"$@\"";
    const auto run = Process({"sh", "-c", limit, "sh", WZRUN_EXECUTABLE, "--engine=llvm", "--cache=off", "-v",
                              "--invoke=add", program("math"), "40", "2"})
                         .wait();
    CHECK_FALSE(contains(run.err, "internal error"));
    if (run.status == 125 && contains(run.err, "no memory for the program's stack"))
      continue;
    CHECK(run.status == 0);
    CHECK(run.out == "42\n");
    (contains(run.err, "engine interp") ? interpreted : compiled)++;
  }
  CHECK(interpreted > 0);
  CHECK(compiled > 0);
}

TEST_CASE("uncompilable: a crash of the compiler is told under -v, and the program runs") {
  const Crashing crashing;
  for (const auto* const how : {"segv", "ill", "overflow", "fatal", "thread"}) {
    INFO(how);
    const auto run = crashing.run(how, {"--engine=llvm", "-v", "--invoke=add", program("math"), "40", "2"});
    CHECK(run.status == 0);
    CHECK(run.out == "42\n");
    CHECK(warnings(run) == 1);
    CHECK(contains(run.err, "the compiler crashed"));
    const auto compiled = crashing.run(how, {"compile", program("math")});
    CHECK(compiled.status == 125);
    CHECK(contains(compiled.err, "the compiler crashed"));
  }
}

TEST_CASE("uncompilable: an abort of the compiler is a failure of wzrun, and says so") {
  const auto run = Crashing().run("abort", {"--engine=llvm", "--invoke=add", program("math"), "40", "2"});
  CHECK(run.status == 125);
  CHECK(contains(run.err, "the compiler aborted"));
}

}  // namespace wzrun::cli
