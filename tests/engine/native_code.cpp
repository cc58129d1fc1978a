// Compiled code in the process: entering and leaving it, its traps, its stack, and the engines calling each other. The
// code is written by hand, so that nothing here depends on the compiler.

#include "engine/engine_support.h"
#include "engine/native_code_support.h"

#include "runtime/state.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace wzrun::engine {
namespace {

/// A runtime with an instance of testdata/engine/native.wat.
struct Native {
  explicit Native(const RuntimeConfig& config = {}) : engine(MemoryKind::guarded, config) {
    auto host = engine.runtime.host_module("host");
    host.function("again", [this](Caller& caller, std::uint32_t value) { return again(caller, value); });
    REQUIRE(host.instantiate());
    const auto compiled = *engine.runtime.compile(ModuleBytes::own(module_bytes("engine/native")));
    attach_native_code(compiled);
    module = engine.instantiate(compiled);
  }

  std::uint32_t body_of(std::string_view function) const {
    const auto& code = module->handle()->instance->code->module;
    const auto index = module->handle()->instance->code->find_export(function)->index;
    return static_cast<std::uint32_t>(code.code[index - code.imported_functions].offset);
  }
  /// `mutual` and `interpreted` call each other until the argument is 0, then `load` of an address.
  void set_address(std::uint32_t address) { REQUIRE(module->exported_global("address")->set(Value::i32(address))); }

  Engine engine;
  std::optional<Module> module;
  std::function<Result<std::uint32_t>(Caller&, std::uint32_t)> again;
};

Value i32(std::uint32_t value) { return Value::i32(value); }

/// Whether `spin` or `shallow` has begun.
bool has_begun(const Native& native) {
  auto* const announced = reinterpret_cast<std::uint32_t*>(native.module->handle()->instance->memory_base);
  return std::atomic_ref(*announced).load() != 0;
}

/// The thread sanitizer keeps a signal back until the thread calls something that it knows: compiled loops do not.
bool sanitizer_keeps_signals() {
#if __has_feature(thread_sanitizer)
  MESSAGE("skipped: the thread sanitizer keeps signals back");
  return true;
#else
  return false;
#endif
}

/// Ends the run from another thread as soon as it is where the test wants it.
template <typename Ready>
std::thread interrupt_when(Native& native, Ready ready) {
  return std::thread([&native, ready] {
    while (!ready())
      std::this_thread::yield();
    CHECK(native.engine.runtime.interrupt(10'000));
  });
}

}  // namespace

TEST_CASE("native code: a compiled function is called and returns") {
  Native native;
  CHECK(native.module->handle()->instance->function(1)->native != nullptr);
  for (std::uint32_t i = 0; i < 1000; ++i)
    CHECK(value_of(*native.module, "add", {i32(i), i32(~0U)}).i32() == i - 1);
  CHECK(value_of(*native.module, "load", {i32(65532)}).i32() == 0);
  CHECK(value_of(*native.module, "direct", {i32(65532)}).i32() == 0);
}

TEST_CASE("native code: traps by instruction and by access name function and line") {
  Native native;
  for (int i = 0; i < 3; ++i) {
    const auto trap = trap_of(*native.module, "trap");
    CHECK(to_string(trap.kind) == "unreachable");
    REQUIRE(functions_of(trap) == "trap");
    CHECK(trap.frames[0].offset == native.body_of("trap") + 1);
    for (const auto address : {65533U, 65536U, 0x7fffffffU, ~0U}) {
      const auto access = trap_of(*native.module, "load", {i32(address)});
      CHECK(to_string(access.kind) == "out of bounds memory access");
      REQUIRE(functions_of(access) == "load");
      CHECK(access.frames[0].offset == native.body_of("load") + 1);
    }
  }
  CHECK(value_of(*native.module, "add", {i32(1), i32(2)}).i32() == 3);
}

TEST_CASE("native code: a helper's trap names the caller; the helper's work before it is done") {
  Native native;
  const auto memory = *native.module->exported_memory("memory");
  CHECK(value_of(*native.module, "fill", {i32(65520)}).i32() == 65520);
  CHECK(memory.read<std::uint64_t>(65528) == 0x0707070707070707);
  const auto trap = trap_of(*native.module, "fill", {i32(65521)});
  CHECK(to_string(trap.kind) == "out of bounds memory access");
  CHECK(functions_of(trap) == "fill");
}

TEST_CASE("native code: the first frame of a program does not have a large page cleared") {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    MESSAGE("skipped: this host has no large pages");
    return;
  }
  Native native;
  CHECK(value_of(*native.module, "add", {i32(1), i32(2)}).i32() == 3);
  const auto& state = *native.module->handle()->instance->runtime;
  REQUIRE(state.executions.size() == 1);
  const auto& execution = *state.executions.front();
  for (const void* const stack :
       {static_cast<const void*>(execution.native_begin), static_cast<const void*>(execution.begin)}) {
    const auto address = reinterpret_cast<std::uintptr_t>(stack);
    std::ifstream maps("/proc/self/smaps");
    bool is_it = false;
    std::string flags;
    for (std::string line; flags.empty() && std::getline(maps, line);) {
      std::uintptr_t begin = 0;
      std::uintptr_t end = 0;
      if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
        is_it = begin <= address && address < end;
      else if (is_it && line.starts_with("VmFlags:"))
        flags = line + " ";
    }
    CHECK(flags.find(" nh ") != std::string::npos);
  }
}

TEST_CASE("native code: recursion ends at the stack's guard, whatever the frames' size") {
  for (const std::uint64_t bytes : {4096U, 64U << 10, 8U << 20}) {
    CAPTURE(bytes);
    Native native(RuntimeConfig().with_max_stack_bytes(bytes));
    for (const auto* const function : {"deep", "shallow", "deep"}) {
      CAPTURE(function);
      const auto trap = trap_of(*native.module, function, {i32(1)});
      CHECK(to_string(trap.kind) == "call stack exhausted");
      REQUIRE(!trap.frames.empty());
      CHECK(trap.frames.front().function == function);
      CHECK(trap.frames.back().function == function);
      const auto frames = trap.frames.size() + trap.omitted;
      if (function == std::string_view("shallow")) {  // 16 bytes each
        CHECK(frames <= bytes / 16);
        CHECK(frames >= bytes / 16 - 16);
      } else {
        CHECK(frames <= bytes / 65536 + 1);
      }
    }
    CHECK(value_of(*native.module, "add", {i32(1), i32(2)}).i32() == 3);
  }
}

TEST_CASE("native code: recursion ends on a thread with a small stack of its own") {
  Native native;
  std::thread([&] {
    CHECK(to_string(trap_of(*native.module, "deep", {i32(1)}).kind) == "call stack exhausted");
    CHECK(to_string(trap_of(*native.module, "shallow", {i32(1)}).kind) == "call stack exhausted");
  }).join();
}

TEST_CASE("native code: engines and host functions call each other, and a trap names all of them") {
  Native native;
  CHECK(value_of(*native.module, "interpreted", {i32(0)}).i32() == 0);
  CHECK(value_of(*native.module, "interpreted", {i32(100)}).i32() == 200);
  CHECK(value_of(*native.module, "mutual", {i32(50)}).i32() == 101);
  native.set_address(65536);
  auto trap = trap_of(*native.module, "interpreted", {i32(2)});
  CHECK(to_string(trap.kind) == "out of bounds memory access");
  CHECK(functions_of(trap) == "load interpreted mutual interpreted mutual interpreted");

  native.again = [&](Caller&, std::uint32_t value) -> Result<std::uint32_t> {
    const auto inner = native.module->exported_function("mutual")->call(std::vector{i32(value)});
    if (!inner)
      return std::unexpected(inner.error());
    return inner->front().i32();
  };
  trap = trap_of(*native.module, "call host", {i32(1)});
  CHECK(functions_of(trap) == "load interpreted mutual interpreted mutual call_host");
  native.set_address(0);
  CHECK(value_of(*native.module, "call host", {i32(1)}).i32() == 3);
  native.again = [](Caller&, std::uint32_t) -> Result<std::uint32_t> {
    return std::unexpected(Trap{.kind = TrapKind::unreachable, .detail = "by the host"});
  };
  trap = trap_of(*native.module, "call host", {i32(1)});
  CHECK(functions_of(trap) == "call_host");
  CHECK(trap.detail == "by the host");
  native.again = [](Caller&, std::uint32_t value) -> Result<std::uint32_t> { return std::unexpected(Exit{value}); };
  const auto exit = call(*native.module, "call host", {i32(7)});
  REQUIRE(!exit);
  CHECK(std::get<Exit>(exit.error()).code == 7);
}

TEST_CASE("native code: a host function may look at a trap and go on") {
  Native native;
  native.again = [&](Caller&, std::uint32_t value) -> Result<std::uint32_t> {
    CHECK(functions_of(trap_of(*native.module, "trap")) == "trap call_host");
    CHECK(functions_of(trap_of(*native.module, "interpreted", {i32(1)})) ==
          "load interpreted mutual interpreted call_host");
    trap_of(*native.module, "shallow", {i32(0)});
    return value + 1;
  };
  native.set_address(1U << 31);
  CHECK(value_of(*native.module, "call host", {i32(41)}).i32() == 42);
}

TEST_CASE("native code: engines that call each other without end trap") {
  for (const std::uint64_t bytes : {64U << 10, 8U << 20, 1U << 30}) {
    CAPTURE(bytes);
    Native native(RuntimeConfig().with_max_stack_bytes(bytes));
    const auto trap = trap_of(*native.module, "mutual", {i32(~0U)});
    CHECK(to_string(trap.kind) == "call stack exhausted");
    CHECK(trap.frames.size() > 40);
    CHECK(trap.frames.back().function == "mutual");
    CHECK(value_of(*native.module, "mutual", {i32(50)}).i32() == 101);
  }
}

TEST_CASE("native code: host functions that call back without end trap") {
  Native native;
  native.again = [&](Caller&, std::uint32_t value) -> Result<std::uint32_t> {
    const auto inner = native.module->exported_function("call host")->call(std::vector{i32(value)});
    if (!inner)
      return std::unexpected(inner.error());
    return inner->front().i32();
  };
  const auto trap = trap_of(*native.module, "call host", {i32(1)});
  CHECK(to_string(trap.kind) == "call stack exhausted");
  CHECK(trap.frames.back().function == "call_host");
}

TEST_CASE("native code: an endless loop is interrupted, also below a host function and the interpreter") {
  if (sanitizer_keeps_signals())
    return;
  {
    Native native;
    auto other = interrupt_when(native, [&] { return has_begun(native); });
    const auto trap = trap_of(*native.module, "spin");
    other.join();
    CHECK(to_string(trap.kind) == "interrupted");
    CHECK(functions_of(trap) == "spin");
  }
  Native native;
  native.again = [&](Caller&, std::uint32_t) -> Result<std::uint32_t> {
    const auto inner = call(*native.module, "spin");
    return std::unexpected(inner.error());
  };
  auto other = interrupt_when(native, [&] { return has_begun(native); });
  const auto trap = trap_of(*native.module, "call host", {i32(1)});
  other.join();
  CHECK(to_string(trap.kind) == "interrupted");
  CHECK(functions_of(trap) == "spin call_host");
}

TEST_CASE("native code: an interruption during a host function ends the run behind it") {
  Native native;
  std::atomic<bool> inside{false};
  std::atomic<bool> after{false};
  native.again = [&](Caller& caller, std::uint32_t value) -> Result<std::uint32_t> {
    inside = true;
    while (!caller.interrupted())
      std::this_thread::yield();
    after = true;
    return value;
  };
  auto other = interrupt_when(native, [&] { return inside.load(); });
  const auto trap = trap_of(*native.module, "call host", {i32(1)});
  other.join();
  CHECK(after);
  CHECK(to_string(trap.kind) == "interrupted");
  CHECK(functions_of(trap) == "call_host");
}

TEST_CASE("native code: recursion interrupted at any instruction gives its frames") {
  if (sanitizer_keeps_signals())
    return;
  for (int round = 0; round < 50; ++round) {
    Native native(RuntimeConfig().with_max_stack_bytes(1U << 30));
    auto other = interrupt_when(native, [&] { return has_begun(native); });
    const auto trap = trap_of(*native.module, "shallow", {i32(1)});
    other.join();
    const bool ended = to_string(trap.kind) == "interrupted" || to_string(trap.kind) == "call stack exhausted";
    CHECK(ended);
    REQUIRE(!trap.frames.empty());
    CHECK(trap.frames.front().function == "shallow");
  }
}

TEST_CASE("native code: closing the instance ends its endless loop") {
  if (sanitizer_keeps_signals())
    return;
  Native native;
  std::thread other([&] {
    while (!has_begun(native))
      std::this_thread::yield();
    Module(*native.module).close(9);
  });
  const auto ended = call(*native.module, "spin");
  other.join();
  REQUIRE(!ended);
  REQUIRE(std::holds_alternative<Exit>(ended.error()));
  CHECK(std::get<Exit>(ended.error()).code == 9);
}

TEST_CASE("native code: a thread's own signal stack is left to it") {
  Native native;
  std::thread([&] {
    std::vector<char> own(std::size_t{64} << 10);
    const stack_t stack{.ss_sp = own.data(), .ss_flags = 0, .ss_size = own.size()};
    REQUIRE(sigaltstack(&stack, nullptr) == 0);
    trap_of(*native.module, "shallow", {i32(1)});
    stack_t now{};
    REQUIRE(sigaltstack(nullptr, &now) == 0);
    CHECK(now.ss_sp == own.data());
    const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&none, nullptr);
  }).join();
}

TEST_CASE("native code: instances whose memory is not guarded do not use code that needs it to be") {
  for (const bool guarded : {true, false}) {
    CAPTURE(guarded);
    Engine engine(MemoryKind::checked);
    auto host = engine.runtime.host_module("host");
    host.function("again", [](Caller&, std::uint32_t value) { return value; });
    REQUIRE(host.instantiate());
    const auto compiled = *engine.runtime.compile(ModuleBytes::own(module_bytes("engine/native")));
    attach_native_code(compiled, guarded);
    const auto module = engine.instantiate(compiled);
    CHECK((module.handle()->instance->function(1)->native == nullptr) == guarded);
    if (guarded)  // the interpreter runs what the module says
      CHECK(functions_of(trap_of(module, "direct", {i32(0)})) == "load");
    else
      CHECK(value_of(module, "add", {i32(1), i32(2)}).i32() == 3);
  }
}

TEST_CASE("native code: a crash that no trap explains is reported as a bug, with its function") {
  for (const auto* const function : {"crash", "jump"}) {
    CAPTURE(function);
    Native native;
    const auto [text, status] = in_child([&] { (void)call(*native.module, function); });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 125);
    const auto index = native.module->handle()->instance->code->find_export(function)->index;
    CHECK(text == "wzrun: internal error: signal 11 in compiled function " + std::string(function) + "/" +
                      std::to_string(index) + " (module offset " + std::to_string(native.body_of(function)) + ")\n");
  }
}

TEST_CASE("native code: faults of others go to the handlers that were there") {
#if __has_feature(address_sanitizer)
  MESSAGE("skipped: those of the address sanitizer end the process with a status of their own");
  return;
#endif
  Native native;
  for (const int signal : {SIGSEGV, SIGILL}) {
    CAPTURE(signal);
    const auto [text, status] = in_child([&] { raise(signal); });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
  }
}

TEST_CASE("native code: pages are never writable and executable at once") {
  Native native;
  const auto code = native.module->handle()->instance->code->image->code();
  std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "r"), std::fclose);
  REQUIRE(maps != nullptr);
  std::array<char, 512> line;
  bool found = false;
  while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::array<char, 5> access{};
    REQUIRE(std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, access.data()) == 3);
    CHECK_FALSE(std::string_view(access.data()).starts_with("rwx"));
    const auto address = reinterpret_cast<std::uintptr_t>(code.data());
    if (address >= begin && address < end) {
      found = true;
      CHECK(std::string_view(access.data()) == "r-xp");
    }
  }
  CHECK(found);
}

}  // namespace wzrun::engine
