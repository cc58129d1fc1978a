#pragma once

#include "guest_memory.h"
#include "state.h"
#include "types.h"
#include "wasi_errno.h"
#include "wzrun/host_module.h"

#include <cerrno>

namespace wzrun::wasi {

/// One call of a WASI function.
struct Call {
  Caller& caller;
  State& state;
  GuestMemory memory;

  /// Makes a system call until a signal no longer interrupts it. Errors: halted once the program is asked to end;
  /// what `errno` says.
  template <typename F>
  auto retry(F&& system_call) -> Try<decltype(system_call())> {
    for (;;) {
      const auto result = system_call();
      if (result >= 0) [[likely]]
        return result;
      if (errno != EINTR)
        return fail_host();
      if (caller.interrupted())
        return fail(Errno::halted);
    }
  }

  /// As `retry`, for functions that answer EINTR as their own errno.
  template <typename F>
  auto retry_interrupted(F&& function) -> decltype(function()) {
    for (;;) {
      auto result = function();
      if (result || result.error() != Errno::intr)
        return result;
      if (caller.interrupted())
        return fail(Errno::halted);
    }
  }
};

}  // namespace wzrun::wasi
