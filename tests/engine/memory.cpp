// Memories and tables at their edges.

#include "engine/engine_support.h"
#include "engine/module_bytes.h"

#include <algorithm>

namespace wzrun::engine {
namespace {

constexpr std::uint32_t kPage = 65536;

Value i(std::uint32_t value) { return Value::i32(value); }
Value l(std::uint64_t value) { return Value::i64(value); }

void check_out_of_bounds(const Module& module, const char* function, std::vector<Value> arguments) {
  CAPTURE(function);
  CHECK(to_string(trap_of(module, function, std::move(arguments)).kind) == "out of bounds memory access");
}

void check_table_trap(const Module& module, const char* function, std::vector<Value> arguments, const char* message) {
  CAPTURE(function);
  CHECK(to_string(trap_of(module, function, std::move(arguments)).kind) == message);
}

}  // namespace

TEST_CASE("memory: the last bytes of the address space lie outside of every memory that is smaller") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    check_out_of_bounds(module, "load8", {i(kPage)});
    check_out_of_bounds(module, "load8", {i(~0U)});
    check_out_of_bounds(module, "load far", {i(0)});
    check_out_of_bounds(module, "load far", {i(1)});
    check_out_of_bounds(module, "load far", {i(~0U)});  // effective address 2^33 - 2
    CHECK(value_of(module, "load v128", {i(kPage - 16)}).i32() == 0);
    for (std::uint32_t beyond = 1; beyond < 17; ++beyond) {
      check_out_of_bounds(module, "load v128", {i(kPage - 16 + beyond)});
      check_out_of_bounds(module, "store v128", {i(kPage - 16 + beyond)});
    }
    CHECK(module.exported_memory("memory")->read<std::uint64_t>(kPage - 8) == 0);  // nothing was written in part
  });
}

TEST_CASE("memory: growth to the maximum, access behind the old end, and growth past the maximum") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    auto memory = *module.exported_memory("memory");
    REQUIRE(call(module, "store8", {i(100), i(42)}));
    CHECK(value_of(module, "grow", {i(0)}).i32() == 1);
    CHECK(value_of(module, "grow", {i(3)}).i32() == ~0U);
    CHECK(value_of(module, "grow", {i(~0U)}).i32() == ~0U);
    CHECK(value_of(module, "grow", {i(2)}).i32() == 1);
    CHECK(value_of(module, "grow", {i(1)}).i32() == ~0U);
    CHECK(value_of(module, "size").i32() == 3);
    CHECK(memory.size() == 3 * kPage);
    CHECK(value_of(module, "load8", {i(100)}).i32() == 42);
    CHECK(value_of(module, "load8", {i(3 * kPage - 1)}).i32() == 0);
    check_out_of_bounds(module, "load8", {i(3 * kPage)});
    CHECK_FALSE(memory.grow(1));
    CHECK_FALSE(memory.grow(~std::uint64_t{0}));
  });
}

TEST_CASE("memory: growth fails at the runtime's limit") {
  on_each_engine(
      [](Engine& engine) {
        const auto module = engine.load("engine/memory");
        CHECK(value_of(module, "grow", {i(1)}).i32() == 1);
        CHECK(value_of(module, "grow", {i(1)}).i32() == ~0U);
        CHECK(value_of(module, "size").i32() == 2);
      },
      RuntimeConfig().with_max_memory_bytes(3 * kPage + 100));  // another memory of the module has a page
}

TEST_CASE("memory: a memory without pages") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    check_out_of_bounds(module, "load8 second", {i(0)});
    check_out_of_bounds(module, "store8 second", {i(0), i(1)});
    check_out_of_bounds(module, "copy from second", {i(0), i(0), i(1)});
    REQUIRE(call(module, "copy from second", {i(0), i(0), i(0)}));
    CHECK(value_of(module, "grow second", {i(1)}).i32() == 0);
    REQUIRE(call(module, "store8 second", {i(kPage - 1), i(9)}));
    CHECK(value_of(module, "load8 second", {i(kPage - 1)}).i32() == 9);
    CHECK(value_of(module, "load8", {i(kPage - 1)}).i32() == 0);
    REQUIRE(call(module, "copy from second", {i(5), i(kPage - 1), i(1)}));
    CHECK(value_of(module, "load8", {i(5)}).i32() == 9);
  });
}

TEST_CASE("memory: 64-bit addresses do not wrap") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    CHECK(value_of(module, "load8 wide", {l(kPage - 1)}).i32() == 0);
    check_out_of_bounds(module, "load8 wide", {l(kPage)});
    check_out_of_bounds(module, "load8 wide", {l(std::uint64_t{1} << 32)});
    check_out_of_bounds(module, "load8 wide", {l(~std::uint64_t{0})});
    check_out_of_bounds(module, "load wide far", {l(~std::uint64_t{0} - 0xfffffffe)});  // 2^64 + 0
    check_out_of_bounds(module, "load wide far", {l(~std::uint64_t{0} - 0xffffffff)});
    check_out_of_bounds(module, "load wide far", {l(~std::uint64_t{0})});
    CHECK(value_of(module, "grow wide", {l(std::uint64_t{1} << 40)}).i64() == ~std::uint64_t{0});
    CHECK(value_of(module, "grow wide", {l(1)}).i64() == 1);
    CHECK(value_of(module, "load8 wide", {l(2 * kPage - 1)}).i32() == 0);
  });
}

TEST_CASE("memory: bulk operations that go past an end write nothing") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    const auto memory = *module.exported_memory("memory");
    check_out_of_bounds(module, "fill", {i(kPage - 4), i(7), i(5)});
    check_out_of_bounds(module, "fill", {i(kPage + 1), i(7), i(0)});
    check_out_of_bounds(module, "fill", {i(0), i(7), i(~0U)});
    check_out_of_bounds(module, "copy", {i(kPage - 4), i(0), i(5)});
    check_out_of_bounds(module, "copy", {i(0), i(kPage - 4), i(5)});
    check_out_of_bounds(module, "copy", {i(0), i(kPage + 1), i(0)});
    check_out_of_bounds(module, "init", {i(kPage - 4), i(0), i(5)});
    check_out_of_bounds(module, "init", {i(0), i(8), i(3)});
    check_out_of_bounds(module, "init", {i(0), i(11), i(0)});
    check_out_of_bounds(module, "init", {i(0), i(~0U), i(2)});
    const auto all = *memory.range(0, kPage);
    CHECK(std::all_of(all.begin(), all.end(), [](std::uint8_t byte) { return byte == 0; }));

    REQUIRE(call(module, "fill", {i(kPage), i(7), i(0)}));
    REQUIRE(call(module, "fill", {i(kPage - 4), i(0x107), i(4)}));
    CHECK(memory.read<std::uint32_t>(kPage - 4) == 0x07070707);
    REQUIRE(call(module, "init", {i(kPage - 10), i(0), i(10)}));
    REQUIRE(call(module, "copy", {i(kPage - 9), i(kPage - 10), i(9)}));  // overlaps
    CHECK(memory.read<std::uint64_t>(kPage - 8) == 0x3837363534333231);
    REQUIRE(call(module, "copy", {i(kPage - 10), i(kPage - 9), i(9)}));
    CHECK(memory.read<std::uint64_t>(kPage - 10) == 0x3736353433323130);
  });
}

TEST_CASE("memory: dropped segments are empty") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    REQUIRE(call(module, "init", {i(0), i(0), i(10)}));
    REQUIRE(call(module, "drop data"));
    REQUIRE(call(module, "drop data"));
    REQUIRE(call(module, "init", {i(0), i(0), i(0)}));
    check_out_of_bounds(module, "init", {i(0), i(0), i(1)});
    REQUIRE(call(module, "drop elements"));
    REQUIRE(call(module, "drop elements"));
    REQUIRE(call(module, "init table", {i(0), i(0), i(0)}));
    check_table_trap(module, "init table", {i(0), i(0), i(1)}, "out of bounds table access");
    // Another instance has its own.
    const auto fresh = engine.load("engine/memory");
    REQUIRE(call(fresh, "init", {i(0), i(0), i(10)}));
    REQUIRE(call(fresh, "init table", {i(0), i(0), i(3)}));
  });
}

TEST_CASE("tables: calls before and after growth, and operations that go past an end") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/memory");
    check_table_trap(module, "call", {i(0)}, "uninitialized element");
    check_table_trap(module, "call", {i(4)}, "undefined element");
    check_table_trap(module, "init table", {i(2), i(0), i(3)}, "out of bounds table access");
    check_table_trap(module, "init table", {i(0), i(2), i(2)}, "out of bounds table access");
    check_table_trap(module, "call", {i(2)}, "uninitialized element");  // nothing was written
    REQUIRE(call(module, "init table", {i(1), i(0), i(3)}));
    CHECK(value_of(module, "call", {i(1)}).i32() == 7);
    CHECK(value_of(module, "call", {i(3)}).i32() == 8);
    CHECK(value_of(module, "grow table", {i(5)}).i32() == ~0U);
    CHECK(value_of(module, "grow table", {i(4)}).i32() == 4);
    CHECK(value_of(module, "call", {i(7)}).i32() == 8);
    check_table_trap(module, "call", {i(8)}, "undefined element");
    check_table_trap(module, "copy table", {i(0), i(4), i(5)}, "out of bounds table access");
    check_table_trap(module, "copy table", {i(4), i(0), i(5)}, "out of bounds table access");
    check_table_trap(module, "call", {i(0)}, "uninitialized element");
    REQUIRE(call(module, "copy table", {i(0), i(1), i(7)}));
    CHECK(value_of(module, "call", {i(0)}).i32() == 7);
    check_table_trap(module, "fill table", {i(6), i(3)}, "out of bounds table access");
    CHECK(value_of(module, "call", {i(1)}).i32() == 7);
    REQUIRE(call(module, "fill table", {i(0), i(8)}));
    CHECK(value_of(module, "call", {i(1)}).i32() == 8);
  });
}

TEST_CASE("memory: many segments that fill megabytes, the later ones over the earlier, leave the rest zero") {
  constexpr std::uint32_t kSegments = 100, kSize = 60'000, kStep = 59'999, kPages = 96;
  constexpr std::uint64_t kBytes = std::uint64_t{kPages} * kPage;
  constexpr std::uint32_t kEnd = (kSegments - 1) * kStep + kSize;
  Bytes data;
  append_u32(data, kSegments);
  for (std::uint32_t number = 0; number < kSegments; ++number) {
    append(data, {0, 0x41});  // i32.const, whose immediate is signed: a last byte of zero makes it positive
    auto start = number * kStep;
    for (; start >= 0x40; start >>= 7)
      data.push_back(static_cast<std::uint8_t>(start | 0x80));
    append(data, {static_cast<std::uint8_t>(start), 0x0b});
    append_u32(data, kSize);
    data.insert(data.end(), kSize, static_cast<std::uint8_t>(number + 1));
  }
  Bytes module = {0, 'a', 's', 'm', 1, 0, 0, 0};
  append_section(module, 5, {1, 0, kPages});
  append_section(module, 7, {1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0});
  append_section(module, 11, data);
  on_each_engine([&](Engine& engine) {
    const auto instance = engine.instantiate(engine.compile(ModuleBytes::borrow(module)));
    const auto memory = *instance.exported_memory("memory");
    for (const std::uint64_t number : {0, 1, 57, 99}) {
      CHECK(memory.read<std::uint8_t>(number * kStep) == number + 1);
      CHECK(memory.read<std::uint8_t>(number * kStep + kStep - 1) == number + 1);
    }
    CHECK(memory.read<std::uint8_t>(kEnd - 1) == kSegments);
    CHECK(memory.read<std::uint8_t>(kEnd) == 0);
    CHECK(memory.read<std::uint8_t>(kBytes - 1) == 0);
  });
}

TEST_CASE("memory: one that begins with much data grows, with 32-bit and with 64-bit addresses") {
  constexpr std::uint32_t kPages = 64;
  constexpr std::uint64_t kDataBytes = 3U << 20;
  Bytes data(kDataBytes);
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  on_each_engine([&](Engine& engine) {
    for (const bool is_64 : {false, true}) {
      CAPTURE(is_64);
      Bytes module = {0, 'a', 's', 'm', 1, 0, 0, 0};
      append_section(module, 5, {1, static_cast<std::uint8_t>(is_64 ? 4 : 0), kPages});
      append_section(module, 7, {1, 1, 'm', 2, 0});
      Bytes segment = {1, 0, static_cast<std::uint8_t>(is_64 ? 0x42 : 0x41), 0, 0x0b};
      append_u32(segment, kDataBytes);
      append(segment, data);
      append_section(module, 11, segment);
      const auto instance = engine.instantiate(engine.compile(ModuleBytes::own(module)));
      auto memory = instance.exported_memory("m");
      REQUIRE(memory);
      CHECK(memory->grow(100) == kPages);
      CHECK(memory->size() == (std::uint64_t{kPages} + 100) << 16);
      CHECK(std::ranges::equal(*memory->range(0, kDataBytes), data));
      CHECK(memory->read<std::uint64_t>(memory->size() - 8) == 0);
    }
  });
}

}  // namespace wzrun::engine
