#include "runtime/fault.h"

#include "runtime/execution.h"
#include "runtime/linear_memory.h"

#include <ucontext.h>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

namespace wzrun::runtime {

namespace {

constexpr int kInterruption = SIGURG;
constexpr std::array kFaults = {SIGSEGV, SIGBUS};

std::atomic<bool (*)(const void*)> code_range{nullptr};
std::array<struct sigaction, 65> previous_actions;

/// The registers that engine code keeps its state in: the first arguments of the preserve_none convention.
struct Registers {
  const void* instruction;
  const std::uint8_t* pc;
  std::uint64_t* fp;
  const std::uint8_t* memory;
};

Registers registers_of(const ucontext_t& context) {
#if defined(__x86_64__)
  const auto& r = context.uc_mcontext.gregs;
  return {reinterpret_cast<const void*>(r[REG_RIP]), reinterpret_cast<const std::uint8_t*>(r[REG_R12]),
          reinterpret_cast<std::uint64_t*>(r[REG_R13]), reinterpret_cast<const std::uint8_t*>(r[REG_R15])};
#elif defined(__aarch64__)
  const auto& r = context.uc_mcontext;
  return {reinterpret_cast<const void*>(r.pc), reinterpret_cast<const std::uint8_t*>(r.regs[20]),
          reinterpret_cast<std::uint64_t*>(r.regs[21]), reinterpret_cast<const std::uint8_t*>(r.regs[23])};
#else
  #error "guarded memory needs to know this processor's registers"
#endif
}

/// The run of this thread if the signal caught it in engine code.
Execution* caught(const Registers& registers) {
  auto* const execution = Execution::current();
  auto* const contains = code_range.load(std::memory_order_acquire);
  if (execution == nullptr || execution->landing == nullptr || contains == nullptr || !contains(registers.instruction))
    return nullptr;
  return execution;
}

[[noreturn]] void leave(Execution& execution, const Registers& registers, Ending ending) {
  execution.ending = ending;
  execution.trap_pc = registers.pc;
  execution.trap_fp = registers.fp;
  _longjmp(*execution.landing, 1);
}

void pass_on(int signal, siginfo_t* info, void* context) {
  const auto& previous = previous_actions[static_cast<std::size_t>(signal)];
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler == SIG_DFL && signal != kInterruption) {
    sigaction(signal, &previous, nullptr);  // the instruction runs again and ends the process the default way
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto registers = registers_of(*static_cast<const ucontext_t*>(context));
  const auto distance = static_cast<const std::uint8_t*>(info->si_addr) - registers.memory;
  auto* const execution = caught(registers);
  if (execution != nullptr && registers.memory != nullptr && distance >= 0 &&
      static_cast<std::uint64_t>(distance) < LinearMemory::kReservedBytes) {
    execution->trap_kind = TrapKind::out_of_bounds_memory_access;
    leave(*execution, registers, Ending::trapped);
  }
  pass_on(signal, info, context);
}

void on_interruption(int signal, siginfo_t* info, void* context) {
  auto* const current = Execution::current();
  if (current == nullptr || !current->interrupted.load(std::memory_order_acquire)) {
    pass_on(signal, info, context);
    return;
  }
  const auto registers = registers_of(*static_cast<const ucontext_t*>(context));
  if (auto* const execution = caught(registers); execution != nullptr)
    leave(*execution, registers, Ending::interrupted);
  // Elsewhere (a host function, a helper) the flag is seen on the way back; a blocking call returns with EINTR.
}

/// Makes the handler ours, unless it is; whoever had it before is passed what is not ours.
void install(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction present{};
  sigaction(signal, nullptr, &present);
  if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == handler)
    return;
  previous_actions[static_cast<std::size_t>(signal)] = present;
  struct sigaction action{};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  action.sa_sigaction = handler;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void register_code_range(CodeRange range) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  code_range.store(range.contains, std::memory_order_release);
  for (const int signal : kFaults)
    install(signal, on_fault);
  install(kInterruption, on_interruption);
}

int interruption_signal() { return kInterruption; }

}  // namespace wzrun::runtime
