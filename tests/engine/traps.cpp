// Each kind of trap: its message, and a backtrace that names the function and the instruction.

#include "engine/engine_support.h"

#include <cmath>
#include <limits>

namespace wzrun::engine {
namespace {

constexpr std::uint32_t kMin32 = 0x80000000;
constexpr std::uint64_t kMin64 = 0x8000000000000000;

/// The byte of the module that a frame points at: the opcode of what trapped.
unsigned opcode_at(const Frame& frame) { return module_bytes("engine/traps")[frame.offset]; }

}  // namespace

TEST_CASE("traps: each kind has the specification's message, its function and the offset of its instruction") {
  struct Case {
    const char* function;
    std::vector<Value> arguments;
    const char* message;
    const char* name;
    unsigned opcode;
  };
  const auto i = [](std::uint32_t v) { return Value::i32(v); };
  const auto l = [](std::uint64_t v) { return Value::i64(v); };
  const Case cases[] = {
      {"unreachable", {}, "unreachable", "unreachable", 0x00},
      {"i32.div_s", {i(1), i(0)}, "integer divide by zero", "div32", 0x6d},
      {"i32.div_s", {i(kMin32), i(~0U)}, "integer overflow", "div32", 0x6d},
      {"i32.rem_u", {i(1), i(0)}, "integer divide by zero", "rem32", 0x70},
      {"i64.div_s", {l(1), l(0)}, "integer divide by zero", "div64", 0x7f},
      {"i64.div_s", {l(kMin64), l(~0ULL)}, "integer overflow", "div64", 0x7f},
      {"i64.rem_s", {l(1), l(0)}, "integer divide by zero", "rem64", 0x81},
      {"i32.trunc_f64_s", {Value::f64(std::nan(""))}, "invalid conversion to integer", "trunc", 0xaa},
      {"i32.trunc_f64_s", {Value::f64(2147483648.0)}, "integer overflow", "trunc", 0xaa},
      {"i64.load", {i(65521)}, "out of bounds memory access", "load", 0x29},
      {"i64.load", {i(~0U)}, "out of bounds memory access", "load", 0x29},
      {"i32.store8", {i(65536)}, "out of bounds memory access", "store", 0x3a},
      {"memory.fill", {i(65530), i(7)}, "out of bounds memory access", "fill", 0xfc},
      {"table.get", {i(4)}, "out of bounds table access", "get", 0x25},
      {"table.set", {i(~0U)}, "out of bounds table access", "set", 0x26},
      {"call_indirect", {i(0)}, "uninitialized element", "call_none", 0x11},
      {"call_indirect", {i(4)}, "undefined element", "call_none", 0x11},
      {"call_indirect", {i(~0U)}, "undefined element", "call_none", 0x11},
      {"call_indirect mismatch", {i(1)}, "indirect call type mismatch", "call_one", 0x11},
      {"return_call_indirect", {i(2)}, "uninitialized element", "tail", 0x13},
      {"dropped div", {i(0)}, "integer divide by zero", "dropped_div", 0x6e},
      {"dropped load", {i(65533)}, "out of bounds memory access", "dropped_load", 0x28},
  };
  on_each_engine([&](Engine& engine) {
    const auto module = engine.load("engine/traps");
    for (const auto& [function, arguments, message, name, opcode] : cases) {
      CAPTURE(function);
      const auto trap = trap_of(module, function, arguments);
      CHECK(to_string(trap.kind) == message);
      REQUIRE(trap.frames.size() == 1);
      CHECK(trap.frames[0].module == "traps");
      CHECK(trap.frames[0].function == name);
      CHECK(opcode_at(trap.frames[0]) == opcode);
      CHECK(trap.to_string().starts_with(message));
    }
    CHECK(value_of(module, "i64.rem_s", {l(kMin64), l(~0ULL)}).i64() == 0);
    CHECK(value_of(module, "i64.load", {i(65520)}).i64() == 0);
  });
}

TEST_CASE("traps: a load that is folded into its user traps where the load is") {
  on_each_engine([](Engine& engine) {
    const auto bytes = module_bytes("engine/folded_loads");
    const auto module = engine.load("engine/folded_loads");
    for (const auto* const function : {"compare", "add", "add wide", "divide", "vector", "branch"}) {
      INFO(function);
      const auto trap = trap_of(module, function, {Value::i32(65536)});
      REQUIRE_FALSE(trap.frames.empty());
      // The load's offset, 4660, stands in its last bytes: behind opcode (a vector's has two bytes) and alignment.
      auto at = static_cast<std::size_t>(trap.frames.front().offset) + 2;
      at += bytes.at(at - 2) == 0xfd ? 1 : 0;
      CHECK(bytes.at(at) == 0xb4);
      CHECK(bytes.at(at + 1) == 0x24);
    }
    for (const std::uint32_t address : {65536U, 65535U, 65500U}) {
      INFO(address);
      const auto trap = trap_of(module, "change", {Value::i32(address)});
      REQUIRE_FALSE(trap.frames.empty());
      CHECK(bytes.at(static_cast<std::size_t>(trap.frames[0].offset)) == 0x2e);
    }
  });
}

TEST_CASE("traps: callers are named with the call they wait in") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/traps");
    const auto trap = trap_of(module, "nested", {Value::i32(0)});
    CHECK(functions_of(trap) == "inner middle outer");
    CHECK(opcode_at(trap.frames[0]) == 0x6d);
    CHECK(opcode_at(trap.frames[1]) == 0x10);
    CHECK(opcode_at(trap.frames[2]) == 0x10);
  });
}

TEST_CASE("traps: what was stored before the trap is there, what comes behind is not") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/traps");
    trap_of(module, "order", {Value::i32(65536)});
    const auto memory = *module.exported_memory("memory");
    CHECK(memory.read<std::uint32_t>(0) == 11);
    CHECK(memory.read<std::uint32_t>(4) == 0);
  });
}

TEST_CASE("traps: an instance lives on after a trap") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.load("engine/traps");
    for (int i = 0; i < 1000; ++i) {
      trap_of(module, "dropped load", {Value::i32(65536)});
      trap_of(module, "nested", {Value::i32(0)});
    }
    CHECK(value_of(module, "nested", {Value::i32(1)}).i32() == 4);
  });
}

}  // namespace wzrun::engine
