#pragma once

#include "runtime/execution.h"
#include "runtime/instance.h"

/// How engines call out of themselves, and how a run ends.
namespace wzrun::runtime {

/// A new innermost activation; null if the stack has no room for it.
inline Activation* activate(Execution& execution, EngineKind engine) {
  if (static_cast<std::size_t>(execution.end - execution.top) < kActivationSlots)
    return nullptr;
  auto* const outer = execution.activation;
  auto* const activation = new (execution.top) Activation{
      .outer = outer,
      .sp = outer != nullptr ? outer->sp : nullptr,
      .depth = outer != nullptr ? outer->depth + 1 : 0,
      .engine = engine,
  };
  execution.top += kActivationSlots;
  execution.activation = activation;
  return activation;
}

/// Ends the innermost activation, which has returned.
inline void deactivate(Execution& execution) {
  execution.top = reinterpret_cast<std::uint64_t*>(execution.activation);
  execution.activation = execution.activation->outer;
}

/// Goes on at the landing with what `ending` says.
[[noreturn]] void leave(Execution& execution);
/// Goes on at the landing.
[[noreturn]] void leave(Execution& execution, Ending ending);
[[noreturn]] void leave(Execution& execution, TrapKind trap);

/// Calls a host function for an instance; the activation knows where from. False if the run ends; the execution
/// says how.
bool call_host(Execution& execution, Instance& caller, FunctionInstance& function, std::uint64_t* slots);

/// Calls a wasm function from the other engine, or from the host: arguments at `slots` are replaced by the results.
/// Leaves if it does not return.
void enter(Execution& execution, FunctionInstance& function, std::uint64_t* slots);

/// Goes on in compiled code where the interpreter is at a loop; see LoopEntry. Leaves if it does not return.
void enter_loop(Execution& execution, LoopEntry entry, Instance& instance, const std::uint64_t* frame,
                std::uint64_t* window);

}  // namespace wzrun::runtime
