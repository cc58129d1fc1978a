#include "runtime/call.h"

#include "runtime/backtrace.h"
#include "runtime/native_code.h"
#include "runtime/state.h"
#include "runtime/trampoline.h"

#include <cxxabi.h>
#include <exception>
#include <optional>
#include <utility>

namespace wzrun::runtime {

namespace {

/// So many activations fit on the smallest stack that a thread may have; beyond, one looks before going on.
constexpr std::uint32_t kUncheckedDepth = 8;

Halt halt_of(Execution& execution) {
  if (execution.ending == Ending::halted)
    return *std::exchange(execution.halt, std::nullopt);
  Trap trap{.kind = execution.ending == Ending::interrupted ? TrapKind::interrupted : execution.trap_kind};
  if (execution.halt)  // a host function's trap
    trap.detail = std::move(std::get<Trap>(*std::exchange(execution.halt, std::nullopt)).detail);
  BacktraceBuilder builder(trap);
  for (const auto* activation = execution.activation; activation != nullptr; activation = activation->outer) {
    if (activation->engine == EngineKind::native)
      add_native_frames(execution, *activation, builder);
    else
      execution.runtime->engine->add_frames(execution, *activation, builder);
  }
  builder.finish();
  return trap;
}

struct Entry {
  Execution& execution;
  FunctionInstance& function;
  std::uint64_t* slots;
};

WZRUN_ABANDONED void run_entry(void* argument) {
  const auto& entry = *static_cast<Entry*>(argument);
  if (entry.execution.interrupted.load(std::memory_order_acquire))
    leave(entry.execution, Ending::interrupted);
  enter(entry.execution, entry.function, entry.slots);
}

/// Calls a wasm function; whatever ends it ends here.
Result<void> run(Execution& execution, FunctionInstance& function, std::uint64_t* slots) {
  Entry entry{execution, function, slots};
  auto* const landing = execution.landing;
  auto* const activation = execution.activation;
  auto* const top = execution.top;
  const bool returned = wzrun_land(&execution.landing, run_entry, &entry);
  execution.landing = landing;
  if (returned)
    return {};
  const auto restore = [&] {
    execution.activation = activation;
    execution.top = top;
  };
  if (execution.exception != nullptr) {
    restore();
    std::rethrow_exception(std::exchange(execution.exception, nullptr));
  }
  auto halt = halt_of(execution);
  restore();
  return std::unexpected(std::move(halt));
}

/// Calls a host function. What it throws waits in the execution: engine code below it cannot be unwound.
std::optional<Result<void>> try_host(Execution& execution, Instance& caller, const FunctionInstance& function,
                                     std::uint64_t* slots) {
  Caller view(caller);
  try {
    return (*function.host)(view, {slots, function.slots});
  } catch (const abi::__forced_unwind&) {  // the thread ends
    throw;
  } catch (...) {
    execution.exception = std::current_exception();
    return std::nullopt;
  }
}

}  // namespace

WZRUN_ABANDONED void leave(Execution& execution) { wzrun_leave(execution.landing); }

WZRUN_ABANDONED void leave(Execution& execution, Ending ending) {
  execution.ending = ending;
  wzrun_leave(execution.landing);
}

WZRUN_ABANDONED void leave(Execution& execution, TrapKind trap) {
  execution.ending = Ending::trapped;
  execution.trap_kind = trap;
  wzrun_leave(execution.landing);
}

bool call_host(Execution& execution, Instance& caller, FunctionInstance& function, std::uint64_t* slots) {
  auto result = try_host(execution, caller, function, slots);
  if (result && *result) [[likely]] {
    clear_unused_bits(function.type->results, slots);
    return true;
  }
  execution.ending = Ending::halted;
  if (!result)
    return false;
  execution.halt = std::move(*result).error();
  if (auto* const trap = std::get_if<Trap>(&*execution.halt); trap != nullptr && trap->frames.empty()) {
    execution.ending = Ending::trapped;
    execution.trap_kind = trap->kind;
  }
  return false;
}

WZRUN_ABANDONED void enter(Execution& execution, FunctionInstance& function, std::uint64_t* slots) {
  const auto* const outer = execution.activation;
  if (outer != nullptr && outer->depth > kUncheckedDepth && !thread_stack_has_room()) [[unlikely]]
    leave(execution, TrapKind::call_stack_exhausted);
  if (function.is_native() || (function.code != nullptr && function.instance->adopt_compiled(function)))
    enter_native(execution, function, slots);
  else
    execution.runtime->engine->enter(execution, function, slots);
}

WZRUN_ABANDONED void enter_loop(Execution& execution, LoopEntry entry, Instance& instance, const std::uint64_t* frame,
                                std::uint64_t* window) {
  if (execution.activation->depth > kUncheckedDepth && !thread_stack_has_room()) [[unlikely]]
    leave(execution, TrapKind::call_stack_exhausted);
  enter_native_loop(execution, entry, instance, frame, window);
}

Result<void> call(FunctionInstance& function, std::span<std::uint64_t> stack) {
  Instance& instance = *function.instance;
  if (instance.closed.load(std::memory_order_acquire))
    return std::unexpected(Exit{instance.exit_code});
  if (function.host != nullptr) {
    Caller caller(instance);
    return (*function.host)(caller, stack);
  }
  ExecutionScope scope(instance);
  if (scope.get() == nullptr)
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, "no memory for the program's stack"});
  if (!scope.has_room())
    return std::unexpected(Trap{.kind = TrapKind::call_stack_exhausted});
  auto result = run(*scope.get(), function, stack.data());
  if (!result && instance.closed.load(std::memory_order_acquire) && !instance.runtime->interrupting.load())
    if (const auto* const trap = std::get_if<Trap>(&result.error()); trap && trap->kind == TrapKind::interrupted)
      return std::unexpected(Exit{instance.exit_code});
  return result;
}

}  // namespace wzrun::runtime
