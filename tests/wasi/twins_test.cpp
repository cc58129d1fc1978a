// Two runs that are compared: that equal ones are carried out once, and that each kind of difference is told.

#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <variant>

using namespace wzrun;

namespace {

using Run = wasi::Twins::Run;

/// One of two runs of stores.wat.
class Side {
 public:
  explicit Side(Run run) : run_(run) {}
  Runtime& runtime() { return runtime_; }

  void call(wasi::Twins& twins, const std::string& function, std::uint32_t argument) {
    const auto path = std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / "cli" / "stores.wasm";
    const auto bytes = ModuleBytes::from_file(path.string());
    REQUIRE(bytes);
    const auto code = runtime_.compile(*bytes);
    REQUIRE(code);
    const auto module = runtime_.instantiate(*code);
    REQUIRE(module);
    module_ = *module;
    const auto called = module_->exported_function(function)->call(std::vector{Value::i32(argument)});
    if (!called)
      trap_ = std::get<Trap>(called.error());
    twins.ended(run_, called ? "returns" : "traps", module_->exported_memory("memory"));
  }
  const std::optional<Trap>& trap() const { return trap_; }

 private:
  Run run_;
  Runtime runtime_{RuntimeConfig{}.with_engine(EngineKind::interpreter)};
  std::optional<Module> module_;
  std::optional<Trap> trap_;
};

struct Compared {
  std::string difference;  ///< empty: none
  std::uint64_t calls = 0;
  std::optional<Trap> first;
  std::optional<Trap> second;
};

/// Runs an export twice at once, with two arguments.
Compared compare(const std::string& function, std::uint32_t first, std::uint32_t second,
                 const std::string& other_function = "") {
  wasi::Twins twins;
  Side a(Run::first), b(Run::second);
  REQUIRE(twins.instantiate(a.runtime(), b.runtime()));
  std::thread thread([&] { b.call(twins, other_function.empty() ? function : other_function, second); });
  a.call(twins, function, first);
  thread.join();
  return {twins.difference().value_or(""), twins.calls(), a.trap(), b.trap()};
}

}  // namespace

TEST_CASE("twins: runs that do the same are the same") {
  for (const auto* const function : {"store", "write", "set", "last_byte", "same"}) {
    INFO(function);
    const auto compared = compare(function, 5, 5);
    CHECK(compared.difference == "");
    CHECK_FALSE(compared.first);
    CHECK_FALSE(compared.second);
  }
  CHECK(compare("calls", 1000, 1000).calls == 1000);
  const auto trapping = compare("trap_if", 1, 1);
  CHECK(trapping.difference == "");
  CHECK(trapping.first->kind == TrapKind::unreachable);
  CHECK(trapping.second->kind == TrapKind::unreachable);
}

TEST_CASE("twins: another byte in memory is told at the next call, with where both are") {
  const auto compared = compare("store", 1, 2);
  CHECK(compared.difference ==
        "after 0 equal calls the byte at 0x1000 of the memory is 0x01 for the interpreter and 0x02 for compiled code, "
        "when both call sched_yield()");
  REQUIRE(compared.first);
  REQUIRE(compared.second);
  CHECK(compared.first->kind == TrapKind::runs_differ);
  CHECK(compared.second->kind == TrapKind::runs_differ);
  for (const auto& trap : {*compared.first, *compared.second}) {
    REQUIRE(trap.frames.size() == 2);
    CHECK(trap.frames[0].function == "yields");
  }
}

TEST_CASE("twins: another byte in a buffer, another call, and no call are told") {
  CHECK(compare("write", 'a', 'b').difference ==
        R"(after 0 equal calls the interpreter calls fd_write(1, ["a"]), and compiled code fd_write(1, ["b"]))");
  CHECK(compare("store", 0, 'x', "write").difference ==
        R"(after 0 equal calls the interpreter calls sched_yield(), and compiled code fd_write(1, ["x"]))");
  CHECK(compare("calls", 4, 3).difference ==
        "after 3 equal calls the interpreter calls sched_yield(), and compiled code returns");
  CHECK(compare("calls", 3, 4).difference ==
        "after 3 equal calls compiled code calls sched_yield(), and the interpreter returns");
}

TEST_CASE("twins: another end and another byte at the end are told") {
  CHECK(compare("trap_if", 0, 1).difference == "after 1 equal calls the interpreter returns, and compiled code traps");
  CHECK(compare("last_byte", 0x10, 0x20).difference ==
        "the byte at 0xffff of the memory is 0x10 for the interpreter and 0x20 for compiled code, at the end");
}
