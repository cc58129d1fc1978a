#include "runtime/heat_estimate.h"

#include "tests/unit/module_bytes.h"
#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace wzrun::wasm::test {
namespace {

const ModuleBytes kEnd = {0x0b};
const ModuleBytes kNop = {0x01};
const ModuleBytes kLoop = {0x03, 0x40};

ModuleBytes call(std::uint8_t function) { return {0x10, function}; }
ModuleBytes body(const ModuleBytes& code) { return kNoLocals + code + kEnd; }

struct Guess {
  explicit Guess(ModuleBytes module_bytes)
      : bytes(std::move(module_bytes)), module(*decode(bytes, CoreFeatures::all)) {}
  ModuleBytes bytes;
  Module module;
  runtime::HeatEstimate estimate = *runtime::estimate_heat(module);
};

}  // namespace

TEST_CASE("heat estimate: what is called is hotter, the more so in loops and far below them") {
  const Guess guess(functions({
      body(call(1) + kLoop + call(2) + kEnd),                  // 0
      body(kNop),                                              // 1: called once
      body(call(3)),                                           // 2: called in a loop
      body(kNop),                                              // 3: behind that
      body(kNop),                                              // 4: never called
      body(call(1) + call(1) + kLoop + call(2) + kEnd + kNop)  // 5
  }));
  const auto& heat = guess.estimate.heat;
  REQUIRE(heat.size() == 6);
  CHECK(heat[1] > heat[4]);
  CHECK(heat[2] > heat[4]);
  CHECK(heat[3] > heat[4]);
  CHECK(heat[0] > heat[4]);  // it has a loop
  CHECK(heat[0] == heat[5]);
  CHECK(!guess.estimate.has_tail_calls);
  const Guess once(functions({body(call(1) + kLoop + call(2) + kEnd), body(kNop), body(kNop)}));
  CHECK(once.estimate.heat[2] > once.estimate.heat[1]);
}

TEST_CASE("heat estimate: recursion ends") {
  const Guess guess(functions({body(repeat(1000, kLoop + call(0) + kEnd))}));
  CHECK(guess.estimate.heat[0] < 1e300);
}

TEST_CASE("heat estimate: loops end where they end") {
  const Guess guess(functions(
      {body(kLoop + kEnd + call(1) + kLoop + kLoop + kEnd + call(2) + kEnd), body(kNop), body(kNop), body(call(1))}));
  CHECK(guess.estimate.heat[2] > guess.estimate.heat[1] - 0.3);
  CHECK(guess.estimate.heat[2] < 2);
}

TEST_CASE("heat estimate: tail calls are found") {
  CHECK(Guess(functions({body({0x12, 0})})).estimate.has_tail_calls);
  CHECK(!Guess(functions({body({0x10, 0})})).estimate.has_tail_calls);
}

TEST_CASE("heat estimate: what is worth optimising fits, hottest first, without giants") {
  const Guess guess(functions({
      body(repeat(100'000, kNop) + kLoop + call(0) + kEnd),  // 0: hot, and too long
      body(kNop),                                            // 1: cold
      body(kLoop + call(3) + kEnd + repeat(50, kNop)),       // 2
      body(kLoop + call(3) + kEnd + repeat(50, kNop)),       // 3: the hottest
  }));
  const auto size = [&](std::uint32_t i) { return guess.module.code[i].bytes.size(); };
  using Functions = std::vector<std::uint32_t>;
  const auto worth = [&](std::uint64_t bytes) {
    return runtime::worth_optimising(guess.module, guess.estimate, bytes);
  };
  CHECK(worth(0) == Functions{});
  CHECK(worth(size(3)) == Functions{3});
  CHECK(worth(size(3) + size(2) - 1) == Functions{3});
  CHECK(worth(size(3) + size(2)) == Functions{2, 3});
  CHECK(worth(1U << 30) == Functions{1, 2, 3});
}

}  // namespace wzrun::wasm::test
