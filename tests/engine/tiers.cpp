// Functions that are compiled while they run: where compiled code is entered, and that nobody can tell.

#include "engine/engine_support.h"

#include "runtime/instance.h"
#include "runtime/tiering.h"
#include "tests/forbid_syscall.h"

#include <unistd.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

namespace wzrun::engine {
namespace {

/// A runtime that compiles on the running thread, at moments that the seed decides.
Module under_stress(Engine& engine, const std::string& name, std::uint64_t seed) {
  const auto compiled = engine.compile(name);
  auto& code = *compiled.code();
  code.guarded_code = engine.kind() == MemoryKind::guarded;
  code.tiering = std::make_unique<runtime::Tiering>(
      code, runtime::TieringOptions{
                .opt_level = 1, .guarded = code.guarded_code, .target = "test", .store = {}, .stress = seed});
  return engine.instantiate(compiled);
}

/// tiers.wat for the automatic engine as users have it: what is hot is compiled on threads of its own.
struct InBackground {
  explicit InBackground(const RuntimeConfig& config = {}) : runtime(config) {
    auto code = runtime.compile(ModuleBytes::own(module_bytes("engine/tiers")));
    REQUIRE(code);
    compiled.emplace(*std::move(code));
    auto instance = runtime.instantiate(*compiled);
    REQUIRE(instance);
    module.emplace(*std::move(instance));
  }

  Runtime runtime;
  std::optional<CompiledModule> compiled;
  std::optional<Module> module;
};

bool lacks_compiler() {
  if (!runtime::has_compiler())
    MESSAGE("skipped: no compiler");
  return !runtime::has_compiler();
}

constexpr std::uint64_t kSeeds = 20;

TieringReport report_of(const Module& module) { return module.handle()->instance->code->tiering->report(); }

}  // namespace

TEST_CASE("tiers: operands and parameters of a loop are handed over, of every type") {
  if (lacks_compiler())
    return;
  on_each_engine([](Engine& engine) {
    std::uint64_t entries = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto module = under_stress(engine, "engine/loop_operands", seed);
      for (const std::uint32_t n : {1U, 5U, 40U}) {
        INFO("seed " << seed << ", n " << n);
        const auto results = call(module, "all_types", {Value::i32(n)});
        REQUIRE(results);
        CHECK((*results)[0].i64() == std::uint64_t{3} * n);
        CHECK((*results)[1].f32() == static_cast<float>(n));
        CHECK((*results)[2].f64() == n + 1.0);
        CHECK((*results)[3].i32() == n);
        CHECK((*results)[4].i64() == std::uint64_t{n} * (n + 1));
        CHECK(value_of(module, "constant_below", {Value::i32(0)}).i32() == 10);
        CHECK(value_of(module, "constant_below", {Value::i32(n)}).i32() == n + 10);
      }
      entries += report_of(module).loop_entries;
    }
    CHECK(entries > kSeeds);
  });
}

TEST_CASE("tiers: a trap names the same functions and instructions whatever runs them") {
  if (lacks_compiler())
    return;
  on_each_engine([](Engine& engine) {
    const auto expected = trap_of(engine.load("engine/tiers"), "trap_after", {Value::i32(60)});
    REQUIRE(expected.frames.size() == 3);
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto trap = trap_of(under_stress(engine, "engine/tiers", seed), "trap_after", {Value::i32(60)});
      INFO("seed " << seed);
      CHECK(trap.to_string() == expected.to_string());
    }
  });
}

TEST_CASE("tiers: recursion through both engines ends at the limit") {
  if (lacks_compiler())
    return;
  on_each_engine([](Engine& engine) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto module = under_stress(engine, "engine/tiers", seed);
      INFO("seed " << seed);
      CHECK(value_of(module, "down", {Value::i32(1000)}).i32() == 1000);
      CHECK(trap_of(module, "down", {Value::i32(~0U)}).kind == TrapKind::call_stack_exhausted);
      CHECK(value_of(module, "down", {Value::i32(1000)}).i32() == 1000);
    }
  });
}

TEST_CASE("tiers: functions that make tail calls need no room, whatever they call is compiled or not") {
  if (lacks_compiler())
    return;
  on_each_engine([](Engine& engine) {
    const auto module = under_stress(engine, "engine/tiers", 3);
    CHECK(value_of(module, "even", {Value::i32(1'000'000)}).i32() == 1);
  });
}

TEST_CASE("tiers: what is hot is compiled in the background, and a loop that never ends its function goes on there") {
  if (lacks_compiler())
    return;
  const InBackground program;
  // The interpreter alone would take a minute.
  CHECK(value_of(*program.module, "spin", {Value::i64(4'000'000'000)}).i64() == 4'000'000'000);
  const auto report = *program.compiled->tiering();
  CHECK(report.loop_entries >= 1);
  CHECK(report.compiled_functions >= 1);
}

TEST_CASE("tiers: whoever wants to know is told once, by the thread that runs") {
  if (lacks_compiler())
    return;
  std::vector<std::thread::id> told;
  const InBackground program(
      RuntimeConfig().with_tiering_observer([&] { told.push_back(std::this_thread::get_id()); }));
  CHECK(told.empty());
  CHECK(value_of(*program.module, "spin", {Value::i64(400'000'000)}).i64() == 400'000'000);
  CHECK(told == std::vector{std::this_thread::get_id()});
}

TEST_CASE("tiers: a program is interpreted to its end where the system gives no thread to compile on") {
  const auto [text, status] = in_child([] {
    if (!test::forbid_syscall(SYS_clone3, ENOSYS) || !test::forbid_syscall(SYS_clone, EAGAIN)) {
      std::fputs("skipped: seccomp is not available", stderr);
      _exit(0);
    }
    const InBackground program;
    constexpr std::int64_t kRounds = 1'000'000;
    const bool is_right = value_of(*program.module, "spin", {Value::i64(kRounds)}).i64() == kRounds;
    if (is_right && program.compiled->tiering()->compiled_functions == 0)
      std::fputs("right", stderr);
  });
  CHECK(status == 0);
  if (text.starts_with("skipped"))
    MESSAGE(text);
  else
    CHECK(text == "right");
}

TEST_CASE("tiers: a function that only the host calls is compiled well when its code has counted enough calls") {
  if (lacks_compiler())
    return;
  const InBackground program;
  const auto function = program.module->exported_function("mix");
  REQUIRE(function);
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kPatience{60};
  const auto begin = Clock::now();
  const std::array<Value, 1> arguments = {Value::i64(7)};
  for (int i = 0; i < 600; ++i)
    REQUIRE(function->call(arguments));
  // By then the threads that compile have nothing to do, and nothing but the code itself tells them of more.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  while (program.compiled->tiering()->improved_functions == 0 && Clock::now() - begin < kPatience)
    REQUIRE(function->call(arguments));
  CHECK(program.compiled->tiering()->improved_functions >= 1);
}

}  // namespace wzrun::engine
