#pragma once

#include "runtime/instance.h"

#include <pthread.h>
#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <optional>
#include <vector>

namespace wzrun::runtime {

enum class Ending : std::uint8_t { returned, trapped, halted, interrupted };

/// One thread's run of programs in one runtime. Engines keep the slots between `top` and `end` for their frames;
/// a host function that calls back continues above its caller's frame, so that one limit holds for all.
struct Execution {
  std::uint64_t* end = nullptr;  ///< first slot that frames must not reach
  std::uint64_t* top = nullptr;  ///< first free slot, kept right whenever a host function runs
  std::uint64_t* begin = nullptr;

  Ending ending = Ending::returned;
  TrapKind trap_kind{};
  const std::uint8_t* trap_pc = nullptr;  ///< the engine's code position of the trap
  std::uint64_t* trap_fp = nullptr;
  std::optional<Halt> halt;       ///< set if halted
  std::uint64_t scratch[4] = {};  ///< for the engine, between two handlers

  // The innermost wasm frame below the host function that runs now, for backtraces across host calls.
  const std::uint8_t* host_pc = nullptr;
  std::uint64_t* host_fp = nullptr;

  jmp_buf* landing = nullptr;  ///< where a fault or interruption in engine code goes
  std::atomic<bool> interrupted{false};
  std::vector<Instance*> entered;  ///< by calls from the host, innermost last; guarded by the runtime's mutex
  pthread_t thread{};
  RuntimeState* runtime = nullptr;
  Execution* outer = nullptr;  ///< this thread's run in another runtime, suspended
  std::size_t mapped_bytes = 0;

  static Execution* current();
  /// Whether the run must end: the runtime is interrupting, or an instance that the host entered is closed.
  /// Requires the runtime's mutex.
  bool must_end() const;
};

/// Unmaps its stack too.
void destroy(Execution* execution);

/// Borrows this thread's execution in a runtime for one call of an instance's function, and gives it back.
class ExecutionScope {
 public:
  explicit ExecutionScope(Instance& instance);
  ~ExecutionScope();
  ExecutionScope(const ExecutionScope&) = delete;
  ExecutionScope& operator=(const ExecutionScope&) = delete;
  /// Null if the host has no memory for a stack.
  Execution* get() const { return execution_; }
  /// Whether the thread's own stack has room for another nested call.
  bool has_room() const;

 private:
  Execution* execution_ = nullptr;
  bool outermost_ = false;
};

}  // namespace wzrun::runtime
