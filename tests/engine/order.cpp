// What is left behind when a program traps, and what must not trap.

#include "engine/engine_support.h"

#include <cstring>

namespace wzrun::engine {
namespace {

constexpr std::uint32_t kOutside = 65536;

Value i(std::uint32_t value) { return Value::i32(value); }

std::uint32_t word(const Module& module, std::uint32_t address) {
  std::uint32_t value = 0;
  std::memcpy(&value, module.exported_memory("memory")->range(address, sizeof value)->data(), sizeof value);
  return value;
}

std::uint32_t counter(const Module& module) {
  return static_cast<std::uint32_t>(module.exported_global("counter")->get().low());
}

}  // namespace

TEST_CASE("order: a trap finds globals, memory and tables as the program had left them") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/order");
    trap_of(module, "set", {i(kOutside)});
    CHECK(counter(module) == 1);
    trap_of(module, "set float", {i(kOutside - 1)});
    CHECK(module.exported_global("wide")->get().low() == Value::f64(1.5).low());
    trap_of(module, "overwrite", {i(kOutside)});
    CHECK(word(module, 0) == 1);
    trap_of(module, "overwrite before division", {i(0)});
    CHECK(word(module, 0) == 1);
    trap_of(module, "table", {i(~0U)});
    CHECK(value_of(module, "is set").low() == i(1).low());
  });
}

TEST_CASE("order: a loop that traps has done all of its turns, and no more") {
  on_each_engine([](Engine& engine) {
    auto module = engine.load("engine/order");
    trap_of(module, "count up", {i(1000)});
    CHECK(word(module, 8) == 67);  // 66 loads inside, the 67th turn counts and traps

    trap_of(module, "fill up", {i(kOutside - 400), i(101)});
    CHECK(word(module, kOutside - 404) == 0);
    for (std::uint32_t address = kOutside - 400; address < kOutside; address += 4)
      REQUIRE(word(module, address) == 1);

    module = engine.load("engine/order");
    REQUIRE(call(module, "fill up", {i(kOutside - 4000), i(1000)}).has_value());
    trap_of(module, "add up", {i(0), i(kOutside - 4000), i(1001)});
    CHECK(counter(module) == 1000);
    for (std::uint32_t address = 0; address < 4000; address += 4)
      REQUIRE(word(module, address) == 1);
    CHECK(word(module, 4000) == 0);

    // Upwards over itself: each word is the one before plus one.
    module = engine.load("engine/order");
    REQUIRE(call(module, "fill up", {i(0), i(1)}).has_value());
    REQUIRE(call(module, "fill up", {i(4), i(99)}).has_value());
    REQUIRE(call(module, "add up", {i(4), i(0), i(99)}).has_value());
    for (std::uint32_t n = 0; n < 100; ++n)
      REQUIRE(word(module, n * 4) == n + 1);
  });
}

TEST_CASE("order: the wrap of an address from the last byte to the first traps where it should") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/order");
    // From 16 bytes below 2^32: outside, although the loop would come to the memory's beginning later.
    trap_of(module, "fill up", {i(~0U - 15), i(8)});
    CHECK(word(module, 0) == 0);
    trap_of(module, "add up", {i(0), i(~0U - 15), i(8)});
    CHECK(counter(module) == 0);
    trap_of(module, "fill up", {i(0), i(0)});  // 2^32 turns
    for (std::uint32_t address = 0; address < kOutside; address += 4)
      REQUIRE(word(module, address) == 1);
  });
}

TEST_CASE("order: nothing traps that the program does not reach") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/order");
    CHECK(value_of(module, "invariant", {i(kOutside), i(0)}).low() == i(0).low());
    trap_of(module, "invariant", {i(kOutside), i(1)});
    CHECK(value_of(module, "choose", {i(1), i(0), i(kOutside)}).low() == i(0).low());
    CHECK(value_of(module, "choose", {i(0), i(kOutside), i(0)}).low() == i(0).low());
    CHECK(value_of(module, "guarded", {i(~0U)}).low() == i(~0U).low());
  });
}

TEST_CASE("order: of two traps the first one happens") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/order");
    CHECK(trap_of(module, "division first", {i(0), i(kOutside)}).kind == TrapKind::integer_divide_by_zero);
    CHECK(trap_of(module, "load first", {i(0), i(kOutside)}).kind == TrapKind::out_of_bounds_memory_access);
  });
}

TEST_CASE("order: an access is not wider than the program wrote it") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/order");
    CHECK(value_of(module, "last", {i(kOutside - 2)}).low() == Value::i64(0).low());
    trap_of(module, "last", {i(kOutside - 1)});
    CHECK(value_of(module, "last float", {i(kOutside - 8)}).low() == Value::f64(0).low());
    trap_of(module, "last float", {i(kOutside - 7)});
    CHECK(value_of(module, "last lane", {i(kOutside - 8)}).low() == Value::i64(0).low());
    CHECK(value_of(module, "copysign", {i(kOutside - 8)}).low() == Value::f64(1).low());
    trap_of(module, "copysign", {i(kOutside - 7)});
  });
}

}  // namespace wzrun::engine
