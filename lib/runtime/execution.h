#pragma once

#include "runtime/instance.h"

#include <pthread.h>
#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

namespace wzrun::runtime {

enum class Ending : std::uint8_t { returned, trapped, halted, interrupted };

enum class EngineKind : std::uint8_t { interpreter, native };

/// One entry of an engine, from the host or from the other engine. While the engine's code runs, nothing here is
/// current but where it began; when it calls out, or ends, it leaves its position.
///
/// Activations lie in the Execution's slots: what was left through the landing can still be looked at.
struct Activation {
  Activation* outer = nullptr;       ///< across host functions too
  const std::uint8_t* pc = nullptr;  ///< native: behind the call, unless `faulted`; interpreter: the instruction
  void* fp = nullptr;                ///< of the frame of `pc`
  std::uint8_t* sp = nullptr;  ///< first address above what the native stack has room for; native: also that of `pc`
  void* thread_sp = nullptr;   ///< native: the thread's own stack, where helpers run
  const void* link = nullptr;  ///< arm64, faulted: the link register
  std::uint32_t depth = 0;     ///< activations below this one
  EngineKind engine{};
  bool faulted = false;  ///< native: a signal came at `pc`
};

/// For the few instructions of a thread's entering and leaving, and for a signal's sending.
class SpinLock {
 public:
  void lock() {
    while (locked_.exchange(true, std::memory_order_acquire))
      std::this_thread::yield();
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

/// One thread's run of programs in one runtime. Engines keep the slots between `top` and `end` for their frames;
/// a host function that calls back continues above its caller's frame, so that one limit holds for all.
struct Execution {
  Activation* activation = nullptr;  ///< the innermost; first: trampolines look here

  std::uint64_t* end = nullptr;  ///< first slot that frames must not reach
  std::uint64_t* top = nullptr;  ///< first free slot, kept right whenever something outside the interpreter runs
  std::uint64_t* begin = nullptr;

  Ending ending = Ending::returned;
  TrapKind trap_kind{};
  std::optional<Halt> halt;       ///< set if halted, and if a host function trapped
  std::exception_ptr exception;   ///< of a host function, on its way to the call from the host
  std::uint64_t scratch[4] = {};  ///< for the engine, between two handlers

  /// Where a run that does not return goes on: with its call() from the host. Nothing in between has a destructor.
  void* landing = nullptr;
  std::atomic<bool> interrupted{false};
  SpinLock lock;                   ///< guards what follows, to `thread`; may be taken under the runtime's mutex
  bool taken = true;               ///< by a thread
  std::vector<Instance*> entered;  ///< by calls from the host, innermost last; empty: not running
  pthread_t thread{};
  RuntimeState* runtime = nullptr;
  Execution* outer = nullptr;  ///< this thread's run in another runtime, suspended

  // The stack of compiled code, just below the slots.
  std::uint8_t* native_begin = nullptr;  ///< below it is the guard
  std::uint8_t* native_end = nullptr;
  std::size_t mapped_bytes = 0;  ///< both stacks, without the guard

  static Execution* current();
  /// Whether the run must end: the runtime is interrupting, or an instance that the host entered is closed.
  /// Requires `lock`.
  bool must_end() const;
  bool is_native_stack(const void* address) const { return address >= native_begin && address < native_end; }
  bool is_native_guard(const void* address) const {
    return address < native_begin && address >= native_begin - kNativeGuardBytes;
  }

  /// Compiled code touches each page that its frame takes, in order, so this much ends any recursion.
  static constexpr std::size_t kNativeGuardBytes = 1U << 20;
};

inline constexpr std::size_t kActivationSlots = sizeof(Activation) / sizeof(std::uint64_t);
static_assert(sizeof(Activation) % sizeof(std::uint64_t) == 0 && std::is_trivially_destructible_v<Activation>);

}  // namespace wzrun::runtime

/// This thread's innermost run. Trampolines find it by this name, signal handlers without a call.
extern "C" [[gnu::visibility("hidden"),
             gnu::tls_model("initial-exec")]] constinit thread_local wzrun::runtime::Execution* wzrun_current_execution;

namespace wzrun::runtime {

inline Execution* Execution::current() { return wzrun_current_execution; }

/// Unmaps its stacks too.
void destroy(Execution* execution);

/// Whether the thread's own stack has room for another nested call.
bool thread_stack_has_room();

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
