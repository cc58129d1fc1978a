// C++ exceptions of host functions, with code of a program beneath them.

#include "engine/engine_support.h"

#include <functional>
#include <new>
#include <stdexcept>
#include <string>

namespace wzrun::engine {
namespace {

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The program of testdata/engine/exceptions.wat, whose host function does what it is told.
class Program {
 public:
  using Act = std::function<std::uint32_t(std::uint32_t)>;

  explicit Program(Engine& engine, Act act) : act_(std::move(act)) {
    REQUIRE(engine.runtime.host_module("host")
                .function("act", [this](Caller&, std::uint32_t n) { return act_(n); })
                .instantiate());
    module_.emplace(engine.load("engine/exceptions"));
  }
  const Module& module() const { return *module_; }
  std::uint32_t outer(std::uint32_t n) const { return value_of(*module_, "outer", {Value::i32(n)}).i32(); }
  std::uint32_t word(std::uint64_t address) const {
    return module_->exported_memory("memory")->read<std::uint32_t>(address).value();
  }

 private:
  Act act_;
  std::optional<Module> module_;
};

}  // namespace

TEST_CASE("exceptions: one of a host function arrives at the call that ran the program") {
  on_each_engine([](Engine& engine) {
    const Program program(engine, [](std::uint32_t n) -> std::uint32_t {
      if (n == 1)
        throw Thrown("from the host");
      return n;
    });
    CHECK_THROWS_WITH_AS(program.outer(1), "from the host", Thrown);
    CHECK(program.word(0) == 1);  // what came before is done,
    CHECK(program.word(4) == 0);  // what would come behind is not
    CHECK(program.outer(7) == 7);
    CHECK(functions_of(trap_of(program.module(), "trap")) == "trap");
  });
}

TEST_CASE("exceptions: thrown without end they use up no stack") {
  on_each_engine(
      [](Engine& engine) {
        const Program program(engine, [](std::uint32_t) -> std::uint32_t { throw std::bad_alloc(); });
        for (int i = 0; i < 2000; ++i)
          REQUIRE_THROWS_AS(program.outer(1), std::bad_alloc);
      },
      RuntimeConfig{}.with_max_stack_bytes(64U << 10));
}

TEST_CASE("exceptions: through nested runs each host function is unwound once") {
  on_each_engine([](Engine& engine) {
    int unwound = 0;
    const Program* self = nullptr;
    const Program program(engine, [&](std::uint32_t n) -> std::uint32_t {
      struct Count {
        int& count;
        ~Count() { ++count; }
      } const counts{unwound};
      if (n == 0)
        throw Thrown("innermost");
      return self->outer(n - 1);
    });
    self = &program;
    CHECK_THROWS_WITH_AS(program.outer(5), "innermost", Thrown);
    CHECK(unwound == 6);
    CHECK(program.word(0) == 0);
    CHECK(program.word(4) == 0);
  });
}

TEST_CASE("exceptions: a host function may catch one of a program that it ran, and its own program goes on") {
  on_each_engine([](Engine& engine) {
    const Program* self = nullptr;
    const Program program(engine, [&](std::uint32_t n) -> std::uint32_t {
      if (n == 0)
        throw Thrown("caught");
      try {
        return self->outer(n - 1);
      } catch (const Thrown& thrown) {
        return static_cast<std::uint32_t>(std::string(thrown.what()).size());
      }
    });
    self = &program;
    CHECK(program.outer(1) == 6);
    CHECK(program.word(4) == 6);
    CHECK(program.outer(3) == 6);
  });
}

TEST_CASE("exceptions: one may pass through another runtime's program") {
  on_each_engine([](Engine& engine) {
    Engine other(engine.kind());
    const Program inner(other, [](std::uint32_t) -> std::uint32_t { throw Thrown("from afar"); });
    const Program program(engine, [&](std::uint32_t n) { return n == 0 ? 5 : inner.outer(n); });
    CHECK_THROWS_WITH_AS(program.outer(1), "from afar", Thrown);
    CHECK(program.outer(0) == 5);
  });
}

TEST_CASE("exceptions: one of a start function leaves instantiate, and the name is free again") {
  on_each_engine([](Engine& engine) {
    bool throws = true;
    REQUIRE(engine.runtime.host_module("host")
                .function("act",
                          [&](Caller&, std::uint32_t n) {
                            if (throws)
                              throw Thrown("at the start");
                            return n;
                          })
                .instantiate());
    const auto module = engine.compile("engine/exceptions_start");
    const auto config = ModuleConfig{}.with_name("started");
    CHECK_THROWS_WITH_AS((void)engine.runtime.instantiate(module, config), "at the start", Thrown);
    CHECK_FALSE(engine.runtime.module("started"));
    throws = false;
    CHECK(engine.try_instantiate(module, config));
  });
}

}  // namespace wzrun::engine
