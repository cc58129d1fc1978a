// --invoke: calling an export by name.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

/// Standard output of a call that succeeds, standard error of one that does not.
std::string call(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"--invoke", name, program("math"), "--"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto run = wzrun(words);
  CHECK((run.status == 0) == run.err.empty());
  return run.status == 0 ? run.out : run.err;
}

std::string refusal(const std::string& name, const std::string& text) {
  return "wzrun: " + program("math") + ": --invoke " + name + ": " + text + "\n";
}

}  // namespace

TEST_CASE("invoke: integers in decimal and hexadecimal, signed or not; results are signed") {
  CHECK(call("add", {"2", "3"}) == "5\n");
  CHECK(call("add", {"-2", "0x10"}) == "14\n");
  CHECK(call("add", {"4294967295", "0"}) == "-1\n");
  CHECK(call("add", {"-2147483648", "0"}) == "-2147483648\n");
  CHECK(call("add", {"-0x80000000", "+1"}) == "-2147483647\n");
  CHECK(call("add64", {"0xffffffffffffffff", "0"}) == "-1\n");
  CHECK(call("add64", {"-9223372036854775808", "0"}) == "-9223372036854775808\n");
}

TEST_CASE("invoke: floats in decimal, hexadecimal, as inf and nan; results read back as the same value") {
  CHECK(call("half", {"3"}) == "1.5\n");
  CHECK(call("half", {"0x1p-3"}) == "0.0625\n");
  CHECK(call("half", {"-inf"}) == "-inf\n");
  CHECK(call("half", {"nan"}) == "nan\n");
  CHECK(call("third", {"1"}) == "0.3333333333333333\n");
  CHECK(call("third", {"-1e300"}) == "-3.3333333333333335e+299\n");
}

TEST_CASE("invoke: vectors, references, several results, none") {
  CHECK(call("vector", {"0x000102030405060708090a0b0c0d0e0f"}) == "0x000102030405060708090a0b0c0d0e0f\n");
  CHECK(call("is_null", {"null"}) == "1\n");
  CHECK(call("pair", {}) == "-1\n1.5\n");
  CHECK(call("nothing", {}).empty());
}

TEST_CASE("invoke: an argument that is not of its type is refused") {
  CHECK(call("add", {"x", "1"}) == refusal("add", "argument 1: expected i32, found 'x'"));
  CHECK(call("add", {"1", "4294967296"}) == refusal("add", "argument 2: expected i32, found '4294967296'"));
  CHECK(call("add", {"1", "-2147483649"}) == refusal("add", "argument 2: expected i32, found '-2147483649'"));
  CHECK(call("add", {"1", "1.5"}) == refusal("add", "argument 2: expected i32, found '1.5'"));
  CHECK(call("add", {"1", "--2"}) == refusal("add", "argument 2: expected i32, found '--2'"));
  CHECK(call("add", {"1", ""}) == refusal("add", "argument 2: expected i32, found ''"));
  CHECK(call("half", {"1.5x"}) == refusal("half", "argument 1: expected f32, found '1.5x'"));
  CHECK(call("half", {"1e99"}) == refusal("half", "argument 1: expected f32, found '1e99'"));
  CHECK(call("vector", {"0x12"}) == refusal("vector", "argument 1: expected v128, found '0x12'"));
  CHECK(call("is_null", {"7"}) == refusal("is_null", "argument 1: expected externref, found '7'"));
}

TEST_CASE("invoke: a wrong number of arguments is refused with the types") {
  CHECK(call("add", {"1"}) == refusal("add", "takes 2 arguments (i32 i32), not 1"));
  CHECK(call("half", {}) == refusal("half", "takes 1 argument (f32), not 0"));
  CHECK(call("nothing", {"1"}) == refusal("nothing", "takes 0 arguments, not 1"));
}

TEST_CASE("invoke: a missing function names a similar one, or all") {
  CHECK(call("ad", {}) == "wzrun: " + program("math") + ": no function `ad` to call; did you mean 'add'?\n");
  CHECK(call("answer", {}) == "wzrun: " + program("math") +
                                  ": no function `answer` to call; the module exports: add, add64, half, third, "
                                  "vector, pair, is_null, nothing, divide, depth\n");
}

TEST_CASE("invoke: a trap is a trap") {
  const auto run = wzrun({"--invoke=divide", program("math"), "1", "0"});
  CHECK(run.status == 134);
  CHECK(run.out.empty());
  CHECK(run.err.find("trap: integer divide by zero") != std::string::npos);
}

TEST_CASE("invoke: a reactor is initialized first, once") {
  CHECK(wzrun({"--invoke=initialized", program("reactor")}).out == "1\n");
  CHECK(wzrun({"--invoke=_initialize", program("reactor")}).status == 0);
}

TEST_CASE("invoke: a program's start is an export like any other") {
  CHECK(wzrun({"--invoke=_start", program("unreachable")}).status == 134);
}

TEST_CASE("invoke: results that cannot be printed are a failure") {
  const auto run =
      Process({"/bin/sh", "-c", "exec \"$0\" --invoke pair \"$1\" >/dev/full", WZRUN_EXECUTABLE, program("math")})
          .wait();
  CHECK(run.status == 125);
  CHECK(run.err == "wzrun: standard output: No space left on device\n");
}

}  // namespace wzrun::cli
