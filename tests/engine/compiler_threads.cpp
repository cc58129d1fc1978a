#include "runtime/compiler_threads.h"

#include <doctest/doctest.h>

#include <pthread.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>

namespace wzrun::runtime {
namespace {

/// Why each of two calls failed; the second one only counts.
std::array<std::string, 2> failures(const std::function<void()>& body) {
  std::array<std::string, 2> why;
  std::atomic<int> others{0};
  run_compiler_threads(
      2,
      [&](std::uint32_t number) {
        if (number == 0)
          body();
        else
          ++others;
      },
      [&](std::uint32_t number, const char* reason) { why.at(number) = reason; });
  CHECK(others == 1);
  return why;
}

/// Uses up any stack.
[[clang::disable_sanitizer_instrumentation]] [[gnu::noinline]] int recurse(volatile int* depth) {
  volatile char frame[4096];
  frame[*depth % 4096] = 1;
  *depth = *depth + 1;
  return *depth < 0 ? 0 : recurse(depth) + frame[0];
}

}  // namespace

TEST_CASE("compiler threads: each number is called once, and the stack has room") {
  std::array<std::atomic<int>, 4> calls{};
  run_compiler_threads(
      4,
      [&](std::uint32_t number) {
        volatile char large[16U << 20];
        large[0] = 1;
        ++calls.at(number);
      },
      [](std::uint32_t, const char*) { FAIL("failed"); });
  for (const auto& count : calls)
    CHECK(count == 1);
}

TEST_CASE("compiler threads: a crash ends one call and is told") {
  CHECK(failures([] { raise(SIGSEGV); }) == std::array<std::string, 2>{"signal 11", ""});
  CHECK(failures([] { raise(SIGILL); }) == std::array<std::string, 2>{"signal 4", ""});
  CHECK(failures([] {
          volatile int depth = 0;
          recurse(&depth);
        }) == std::array<std::string, 2>{"signal 11", ""});
}

TEST_CASE("compiler threads: an exception and giving up are told") {
  CHECK(failures([] { throw std::runtime_error("no"); }) == std::array<std::string, 2>{"no", ""});
  CHECK(failures([] { throw std::bad_alloc(); }) == std::array<std::string, 2>{"not enough memory", ""});
  CHECK(failures([] { give_up_compiling("cannot select"); }) == std::array<std::string, 2>{"cannot select", ""});
}

TEST_CASE("compiler threads: elsewhere nobody gives up, and a signal is not theirs") {
  give_up_compiling("nothing happens");
  CHECK(compiler_crash(SIGSEGV) == nullptr);
}

}  // namespace wzrun::runtime
