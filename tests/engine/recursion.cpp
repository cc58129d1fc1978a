// How deep calls go: a limit of our own that traps, and tail calls without any.

#include "engine/engine_support.h"
#include "tests/test_engine.h"

#include <pthread.h>
#include <thread>

namespace wzrun::engine {
namespace {

constexpr std::uint32_t kDeep = 10'000'000;

/// The function that `testdata/engine/recursion.wat` imports: calls the named export of its caller's instance.
void add_again(Engine& engine, Module*& target, const char* function) {
  auto host = engine.runtime.host_module("host");
  host.function("again", [&target, function](Caller&, std::uint32_t value) -> Result<void> {
    if (function == nullptr)
      return {};
    if (auto result = target->exported_function(function)->call(std::vector{Value::i32(value)}); !result)
      return std::unexpected(result.error());
    return {};
  });
  REQUIRE(host.instantiate());
}

void check_exhausted(const Trap& trap, std::string_view innermost, std::string_view outermost) {
  CHECK(to_string(trap.kind) == "call stack exhausted");
  REQUIRE(trap.frames.size() > 40);
  // Its callee may be what there was no room for.
  CHECK(trap.frames[trap.frames.front().function == "count" ? 1 : 0].function == innermost);
  CHECK(trap.frames.back().function == outermost);
  CHECK(trap.omitted > 0);
  CHECK(trap.omitted_at > 0);
  CHECK(trap.omitted_at < trap.frames.size());
}

void append_leb(std::vector<std::uint8_t>& to, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(static_cast<std::uint8_t>(value) | 0x80);
  to.push_back(static_cast<std::uint8_t>(value));
}

constexpr std::uint32_t kLocals = 50'000;     ///< the specification's limit, with the parameters
constexpr std::uint32_t kLiveLocals = 5'000;  ///< so many must be in the frame on every engine

/// A module with `(func (export "huge") (param i32) (result i32)` that has kLocals, calls itself as often as the
/// argument says, and returns 3. Each call fills kLiveLocals from memory and uses them after the next call.
std::vector<std::uint8_t> huge_frame() {
  std::vector<std::uint8_t> body = {0x01};
  append_leb(body, kLocals - 1);
  body.push_back(0x7f);
  for (const std::uint8_t byte : {0x20, 0x00, 0x45, 0x04, 0x40, 0x41, 0x03, 0x0f, 0x0b,  // if (i32.eqz ...) (return 3)
                                  0x41, 0x00, 0x20, 0x00, 0x36, 0x02, 0x00})             // i32.store 0 (local.get 0)
    body.push_back(byte);
  for (std::uint32_t i = 1; i <= kLiveLocals; ++i) {
    for (const std::uint8_t byte : {0x41, 0x00, 0x28, 0x02})  // i32.load
      body.push_back(byte);
    append_leb(body, i * 4);
    body.push_back(0x21);  // local.set
    append_leb(body, i);
  }
  for (const std::uint8_t byte : {0x20, 0x00, 0x41, 0x01, 0x6b, 0x10, 0x00})  // call 0 (i32.sub (local.get 0) 1)
    body.push_back(byte);
  for (std::uint32_t i = 1; i <= kLiveLocals; ++i) {
    body.push_back(0x20);  // local.get
    append_leb(body, i);
    body.push_back(0x6a);  // i32.add
  }
  body.push_back(0x0b);

  std::vector<std::uint8_t> module = {
      0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,              //
      0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f,              // type (func (param i32) (result i32))
      0x03, 0x02, 0x01, 0x00,                                      // func
      0x05, 0x03, 0x01, 0x00, 0x04,                                // memory 4
      0x07, 0x08, 0x01, 0x04, 'h',  'u',  'g',  'e',  0x00, 0x00,  // export
      0x0a,                                                        // code
  };
  std::vector<std::uint8_t> size;
  append_leb(size, static_cast<std::uint32_t>(body.size()));
  append_leb(module, static_cast<std::uint32_t>(1 + size.size() + body.size()));
  module.push_back(0x01);
  module.insert(module.end(), size.begin(), size.end());
  module.insert(module.end(), body.begin(), body.end());
  return module;
}

/// `(func (export "ref") (param i32) (result i32)` that tail-calls a reference to itself, which wat2wasm cannot write.
constexpr std::uint8_t kTailCallRef[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,             //
    0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f,             // type (func (param i32) (result i32))
    0x03, 0x02, 0x01, 0x00,                                     // func
    0x07, 0x07, 0x01, 0x03, 'r',  'e',  'f',  0x00, 0x00,       // export
    0x09, 0x05, 0x01, 0x03, 0x00, 0x01, 0x00,                   // elem declare func 0
    0x0a, 0x16, 0x01, 0x14, 0x00,                               //
    0x20, 0x00, 0x45, 0x04, 0x40, 0x41, 0x09, 0x0f, 0x0b,       // if (i32.eqz (local.get 0)) (return 9)
    0x20, 0x00, 0x41, 0x01, 0x6b, 0xd2, 0x00, 0x15, 0x00, 0x0b  // return_call_ref (i32.sub ...) (ref.func 0)
};

}  // namespace

TEST_CASE("recursion: direct and indirect calls end at the limit, with the first and the last frames") {
  on_each_engine([](Engine& engine) {
    Module* target = nullptr;
    add_again(engine, target, nullptr);
    const auto module = engine.load("engine/recursion");
    check_exhausted(trap_of(module, "direct", {Value::i32(0)}), "direct", "direct");
    check_exhausted(trap_of(module, "indirect", {Value::i32(0)}), "indirect", "indirect");
    check_exhausted(trap_of(module, "first"), "direct", "first");
    // The frames near the end are the last that were entered.
    CHECK(value_of(module, "down", {Value::i32(20000)}).i32() == 20000);
  });
}

TEST_CASE("recursion: the depth depends on the configured stack alone") {
  const auto depth_with = [](std::uint64_t bytes) {
    std::uint32_t depth = 0;
    on_each_engine(
        [&](Engine& engine) {
          Module* target = nullptr;
          add_again(engine, target, nullptr);
          const auto module = engine.load("engine/recursion");
          trap_of(module, "direct", {Value::i32(0)});
          const auto here = module.exported_global("depth")->get().i32();
          CHECK((depth == 0 || depth == here));
          depth = here;
        },
        RuntimeConfig().with_max_stack_bytes(bytes));
    return depth;
  };
  const auto depth = depth_with(8U << 20);
  CHECK(depth > 10000);
  CHECK(depth_with(64U << 10) < depth / 100);
  CHECK(depth_with(64U << 20) > depth * 7);
  std::uint32_t in_thread = 0;
  std::thread([&] { in_thread = depth_with(8U << 20); }).join();
  CHECK(in_thread == depth);
}

TEST_CASE("recursion: across two instances") {
  on_each_engine([](Engine& engine) {
    const auto shared = engine.load("engine/table", ModuleConfig().with_name("shared"));
    const auto peer = engine.compile("engine/peer");
    const auto a = engine.instantiate(peer), b = engine.instantiate(peer);
    REQUIRE(call(a, "use mutual", {Value::i32(0), Value::i32(1)}));
    REQUIRE(call(b, "use mutual", {Value::i32(1), Value::i32(0)}));
    CHECK(value_of(a, "mutual", {Value::i32(5001)}).i32() == 5001);
    check_exhausted(trap_of(a, "mutual", {Value::i32(kDeep)}), "mutual", "mutual");
    CHECK(value_of(b, "mutual", {Value::i32(3)}).i32() == 3);
  });
}

TEST_CASE("recursion: through host functions") {
  on_each_engine([](Engine& engine) {
    Module* target = nullptr;
    add_again(engine, target, "through host");
    auto module = engine.load("engine/recursion");
    target = &module;
    const auto trap = trap_of(module, "through host", {Value::i32(0)});
    check_exhausted(trap, "through_host", "through_host");
    CHECK(module.exported_global("depth")->get().i32() > 500);
    CHECK(trap.frames.front().offset == trap.frames.back().offset);
    CHECK(value_of(module, "down", {Value::i32(10)}).i32() == 10);
  });
}

TEST_CASE("recursion: frames of 50,000 locals") {
  on_each_engine([](Engine& engine) {
    const auto module = engine.instantiate(engine.compile(ModuleBytes::own(huge_frame())));
    CHECK(value_of(module, "huge", {Value::i32(15)}).i32() == 3);
    const auto trap = trap_of(module, "huge", {Value::i32(kDeep)});
    CHECK(to_string(trap.kind) == "call stack exhausted");
    // A local takes four bytes or eight, two may share a place; optimised code keeps none that nobody reads.
    const auto depth = trap.frames.size() + trap.omitted;
    CHECK(depth >= RuntimeConfig::kDefaultMaxStackBytes / (std::uint64_t{kLocals} * 8));
    if (!test_engine().starts_with("llvm"))
      CHECK(depth <= RuntimeConfig::kDefaultMaxStackBytes / (std::uint64_t{kLiveLocals} * 2));
  });
}

TEST_CASE("recursion: huge frames on a thread with a small stack") {
  Engine engine(MemoryKind::guarded);
  const auto module = engine.instantiate(engine.compile(ModuleBytes::own(huge_frame())));
  auto run = [&] {
    CHECK(value_of(module, "huge", {Value::i32(15)}).i32() == 3);
    CHECK(to_string(trap_of(module, "huge", {Value::i32(kDeep)}).kind) == "call stack exhausted");
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256U << 10);
  pthread_t thread{};
  using Body = decltype(run);
  const auto start = [](void* body) -> void* {
    (*static_cast<Body*>(body))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, start, &run) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_CASE("tail calls: ten million deep on one frame") {
  const auto config = RuntimeConfig().with_max_stack_bytes(16U << 10);
  on_each_engine(
      [](Engine& engine) {
        Module* target = nullptr;
        add_again(engine, target, nullptr);
        const auto module = engine.load("engine/recursion");
        CHECK(value_of(module, "tail", {Value::i32(kDeep)}).i32() == 7);
        CHECK(value_of(module, "tail indirect", {Value::i32(kDeep)}).i32() == 8);
        const auto by_reference = engine.instantiate(engine.compile(ModuleBytes::borrow(kTailCallRef)));
        CHECK(value_of(by_reference, "ref", {Value::i32(kDeep)}).i32() == 9);
        const auto wide_module = engine.load("engine/tail_wide");
        const auto wide = [&](std::uint32_t depth) {
          return value_of(wide_module, "tail wide",
                          {Value::i32(depth), Value::i64(0), Value::f64(0), Value::f32(0), Value::i64(0), Value::i64(0),
                           Value::i64(0), Value::i64(0)})
              .i32();
        };
        CHECK(wide(kDeep) == 10);
        CHECK(wide(kDeep + 1) == 5);
      },
      config);
}

/// Where an interpreted function ends with a call of one that is compiled, it stays below that, and in the backtrace.
const bool kShowsReplacedCallers = test_engine() != "baseline";

TEST_CASE("tail calls: across two instances, ten million deep") {
  const auto config = RuntimeConfig().with_max_stack_bytes(16U << 10);
  on_each_engine(
      [](Engine& engine) {
        const auto shared = engine.load("engine/table", ModuleConfig().with_name("shared"));
        const auto peer = engine.compile("engine/peer");
        const auto a = engine.instantiate(peer), b = engine.instantiate(peer);
        REQUIRE(call(a, "use tail", {Value::i32(0), Value::i32(1)}));
        REQUIRE(call(b, "use tail", {Value::i32(1), Value::i32(0)}));
        CHECK(value_of(a, "tail", {Value::i32(kDeep)}).i32() == 6);
        REQUIRE(call(b, "use trap", {Value::i32(1), Value::i32(0)}));
        const auto trap = trap_of(a, "tail", {Value::i32(5)});
        if (kShowsReplacedCallers)
          CHECK(functions_of(trap) == "trap");
      },
      config);
}

TEST_CASE("tail calls: to host functions, and a caller replaced in the backtrace") {
  on_each_engine([](Engine& engine) {
    Module* target = nullptr;
    add_again(engine, target, "tail trap");
    auto module = engine.load("engine/recursion");
    target = &module;
    if (!kShowsReplacedCallers)
      return;
    CHECK(functions_of(trap_of(module, "tail trap", {Value::i32(0)})) == "trap");
    CHECK(functions_of(trap_of(module, "tail host", {Value::i32(0)})) == "trap tail_host");
  });
}

}  // namespace wzrun::engine
