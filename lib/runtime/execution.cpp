#include "runtime/execution.h"

#include "runtime/fault.h"
#include "runtime/state.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

extern "C" constinit thread_local wzrun::runtime::Execution* wzrun_current_execution = nullptr;

namespace wzrun::runtime {

namespace {

/// What host functions may need of the thread's own stack below a nested call.
constexpr std::size_t kHostStackBytes = 256U << 10;

const std::uint8_t* stack_floor() {
  thread_local const std::uint8_t* floor = [] {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    std::size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &lowest, &size);
      pthread_attr_destroy(&attributes);
    }
    return static_cast<const std::uint8_t*>(lowest) + std::min(kHostStackBytes, size / 4);
  }();
  return floor;
}

Execution* create(RuntimeState& runtime) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max()) / 4;
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const auto bytes = std::max(runtime.config.max_stack_bytes(), page);
  if (bytes > kMost)
    return nullptr;
  const auto pages = (bytes + page - 1) / page * page;
  const auto mapped = 2 * pages;
  void* const guard = mmap(nullptr, Execution::kNativeGuardBytes + mapped, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (guard == MAP_FAILED)
    return nullptr;
  auto* const lowest = static_cast<std::uint8_t*>(guard) + Execution::kNativeGuardBytes;
  if (mprotect(lowest, mapped, PROT_READ | PROT_WRITE) != 0) {
    munmap(guard, Execution::kNativeGuardBytes + mapped);
    return nullptr;
  }
  // Where all memory gets large pages, two megabytes would be cleared for a program's first frame.
  madvise(lowest, mapped, MADV_NOHUGEPAGE);
  auto* const execution = new Execution;
  execution->native_begin = lowest;
  execution->native_end = lowest + pages;
  execution->begin = execution->top = reinterpret_cast<std::uint64_t*>(execution->native_end);
  const std::size_t slots = bytes / sizeof(std::uint64_t);
  execution->end = execution->begin + slots;
  execution->mapped_bytes = mapped;
  execution->runtime = &runtime;
  return execution;
}

}  // namespace

void destroy(Execution* execution) {
  munmap(execution->native_begin - Execution::kNativeGuardBytes,
         Execution::kNativeGuardBytes + execution->mapped_bytes);
  delete execution;
}

bool Execution::must_end() const {
  return runtime->interrupting.load() || std::ranges::any_of(entered, [](const Instance* instance) {
           return instance->closed.load(std::memory_order_relaxed);
         });
}

namespace {

/// Where this thread ran last: mostly it runs there again, and then nobody else needs to know.
struct Last {
  std::uint64_t runtime_id = 0;
  Execution* execution = nullptr;
};
constinit thread_local Last last;

/// Leaves it locked if nobody had it.
bool take(Execution& execution) {
  std::unique_lock lock(execution.lock);
  if (std::exchange(execution.taken, true))
    return false;
  lock.release();
  return true;
}

/// An execution that no other thread has, locked; null if the host has no memory for one.
Execution* take_any(RuntimeState& runtime) {
  if (last.runtime_id == runtime.id && take(*last.execution)) [[likely]]
    return last.execution;
  const std::scoped_lock lock(runtime.mutex);
  const auto found = std::ranges::find_if(runtime.executions, [](Execution* execution) { return take(*execution); });
  auto* const execution = found != runtime.executions.end() ? *found : create(runtime);
  if (execution == nullptr)
    return nullptr;
  if (found == runtime.executions.end()) {
    runtime.executions.push_back(execution);
    execution->lock.lock();
  }
  last = {runtime.id, execution};
  return execution;
}

}  // namespace

ExecutionScope::ExecutionScope(Instance& instance) {
  auto* const current = Execution::current();
  outermost_ = current == nullptr || current->runtime != instance.runtime;
  if (outermost_) {
    execution_ = take_any(*instance.runtime);
  } else {
    execution_ = current;
    execution_->lock.lock();
  }
  if (execution_ == nullptr)
    return;
  const std::scoped_lock lock(std::adopt_lock, execution_->lock);
  execution_->entered.push_back(&instance);
  execution_->interrupted.store(execution_->must_end(), std::memory_order_release);
  if (outermost_) {
    execution_->thread = pthread_self();
    execution_->outer = current;
    wzrun_current_execution = execution_;
  }
}

ExecutionScope::~ExecutionScope() {
  if (execution_ == nullptr)
    return;
  const std::scoped_lock lock(execution_->lock);
  execution_->entered.pop_back();
  // It was perhaps only this call that had to end.
  execution_->interrupted.store(execution_->must_end(), std::memory_order_release);
  if (outermost_) {
    wzrun_current_execution = execution_->outer;
    execution_->taken = false;
  }
}

bool end_runs(RuntimeState& runtime, std::chrono::milliseconds patience,
              const std::function<bool(const Execution&)>& concerns) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    bool any = false;
    {
      const std::scoped_lock lock(runtime.mutex);
      for (auto* const execution : runtime.executions) {
        const std::scoped_lock execution_lock(execution->lock);
        if (execution->entered.empty() || !concerns(*execution))
          continue;
        execution->interrupted.store(true, std::memory_order_release);
        if (execution->thread == pthread_self())
          continue;
        any = true;
        pthread_kill(execution->thread, interruption_signal());
      }
    }
    if (!any)
      return true;
    if (Clock::now() >= deadline)
      return false;
    // The signal may come just before a call that blocks; it is sent again until the thread has left.
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(20));
  }
}

bool thread_stack_has_room() { return static_cast<const std::uint8_t*>(__builtin_frame_address(0)) > stack_floor(); }

bool ExecutionScope::has_room() const {
  // Where no recursion led, that is known, and finding the floor costs a read of /proc/self/maps.
  return (outermost_ && execution_->outer == nullptr) || thread_stack_has_room();
}

}  // namespace wzrun::runtime
