// Calls through tables, with arguments that were just computed.

#include "engine/engine_support.h"

namespace wzrun::engine {

TEST_CASE("calls: a vector that was just computed reaches functions of the module and of the host") {
  on_each_engine([](Engine& engine) {
    REQUIRE(engine.runtime.host_module("host")
                .raw_function("lane", {value_types::v128}, {value_types::i32},
                              [](Caller&, std::span<std::uint64_t> stack) -> Result<void> {
                                stack[0] = stack[0] >> 16 & 0xffff;
                                return {};
                              })
                .instantiate());
    const auto module = engine.load("engine/vector_calls");
    for (std::uint32_t target = 0; target < 2; ++target)
      for (const auto* const how : {"call", "tail call"}) {
        INFO(how << " " << target);
        CHECK(value_of(module, how, {Value::i32(40), Value::i32(target)}).i32() == 42);
      }
  });
}

}  // namespace wzrun::engine
