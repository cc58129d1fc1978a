// --engine verify: both engines side by side.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

Outcome verified(std::vector<std::string> arguments, const Setting& setting = {}) {
  arguments.insert(arguments.begin(), {"--engine", "verify", "--cache=off"});
  return wzrun(arguments, setting);
}

}  // namespace

TEST_CASE("verify: a program runs once, with its input, output and exit status") {
  const auto cat = verified({program("cat")}, {.input = "some text\n"});
  CHECK(cat.status == 0);
  CHECK(cat.out == "some text\n");
  CHECK(cat.err.empty());
  CHECK(verified({program("exit"), "7"}).status == wzrun({program("exit"), "7"}).status);
  const auto args = verified({program("args"), "one", "two"});
  CHECK(args.out == wzrun({program("args"), "one", "two"}).out);
}

TEST_CASE("verify: with -v it says what was the same") {
  const auto run = verified({"-v", program("cat")}, {.input = "x"});
  CHECK(run.err.find(" calls, the results and the memory are the same on both engines") != std::string::npos);
}

TEST_CASE("verify: traps and results are those of any engine") {
  const auto trap = verified({program("unreachable")});
  CHECK(trap.status == 134);
  CHECK(trap.err == wzrun({"--engine", "interp", program("unreachable")}).err);
  const auto overflow = verified({program("overflow")});
  CHECK(overflow.status == 134);
  CHECK(overflow.err.find("call stack exhausted") != std::string::npos);
  CHECK(verified({"--invoke", "same", program("stores"), "1"}).out == "7\n");
}

TEST_CASE("verify: a time limit ends both") {
  const auto run = verified({"--timeout", "300ms", program("loop")});
  CHECK(run.status == 124);
  CHECK(run.err.find("timed out") != std::string::npos);
  CHECK(run.err.find("differ") == std::string::npos);
}

TEST_CASE("verify: options that are about one run are refused") {
  for (const std::string option : {"--trace=wasi", "--stats", "--perf=map", "--gdb"}) {
    INFO(option);
    const auto run = verified({option, program("cat")});
    CHECK(run.status == 125);
    CHECK(run.err.find("--engine verify") != std::string::npos);
  }
}

TEST_CASE("verify: what cannot be compared is said") {
  const auto missing = verified({"--invoke", "missing", program("stores")});
  CHECK(missing.status == 125);
  CHECK(missing.err.find("no function `missing` to call") != std::string::npos);
}

}  // namespace wzrun::cli
