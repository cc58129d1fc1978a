// How many instances there may be.

#include "engine/engine_support.h"

namespace wzrun::engine {

TEST_CASE("instances: at the limit another is refused, until one has gone") {
  on_each_engine(
      [](Engine& engine) {
        const auto code = engine.compile("engine/memory");
        const auto first = engine.instantiate(code);
        {
          const auto second = engine.instantiate(code);
          const auto third = engine.try_instantiate(code);
          REQUIRE_FALSE(third);
          CHECK(std::get<Error>(third.error()).kind == ErrorKind::unsupported);
          CHECK(std::get<Error>(third.error()).message == "the limit is 2 instances");
        }
        CHECK(engine.try_instantiate(code));
      },
      RuntimeConfig{}.with_max_instances(2));
}

}  // namespace wzrun::engine
