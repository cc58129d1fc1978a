#include "runtime/fault.h"

#include "runtime/compiler_threads.h"
#include "runtime/execution.h"
#include "runtime/linear_memory.h"
#include "runtime/native_code.h"
#include "runtime/trampoline.h"
#include "wzrun/error.h"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>

namespace wzrun::runtime {

namespace {

constexpr int kInterruption = SIGURG;
constexpr std::array kFaults = {SIGSEGV, SIGBUS};
constexpr std::array kNativeFaults = {SIGILL, SIGTRAP, SIGFPE};
constexpr int kInternalError = 125;
constexpr std::size_t kTrapKinds = 0
#define WZRUN_TRAP(name, text) +1
#include "wzrun/traps.def"
#undef WZRUN_TRAP
    ;

std::atomic<bool (*)(const void*)> code_range{nullptr};
constexpr int kLargestSignal = std::max({SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGURG});
std::array<struct sigaction, kLargestSignal + 1> previous_actions;  // by signal

/// What a signal handler looks at of the interrupted code.
struct Registers {
  const std::uint8_t* instruction;
  std::uint8_t* sp;
  void* frame;       ///< rbp, x29
  const void* link;  ///< x30
  // What the interpreter keeps its state in: the first arguments of the preserve_none convention.
  const std::uint8_t* pc;
  void* fp;
  const std::uint8_t* memory;
};

#if defined(__x86_64__)

template <typename T>
T* pointer(greg_t value) {
  return reinterpret_cast<T*>(value);
}

Registers registers_of(const ucontext_t& context) {
  const auto& r = context.uc_mcontext.gregs;
  return {.instruction = pointer<const std::uint8_t>(r[REG_RIP]),
          .sp = pointer<std::uint8_t>(r[REG_RSP]),
          .frame = pointer<void>(r[REG_RBP]),
          .link = nullptr,
          .pc = pointer<const std::uint8_t>(r[REG_R12]),
          .fp = pointer<void>(r[REG_R13]),
          .memory = pointer<const std::uint8_t>(r[REG_R15])};
}

/// Makes the signal handler return to a call of wzrun_leave.
void leave_by(ucontext_t& context, void* landing) {
  auto& r = context.uc_mcontext.gregs;
  r[REG_RIP] = reinterpret_cast<greg_t>(wzrun_leave);
  r[REG_RDI] = reinterpret_cast<greg_t>(landing);
}

/// The operand of llvm.ubsantrap at an instruction: `ud1l kind(%eax), %eax`, whose displacement of 0 is left out.
std::optional<unsigned> trap_operand(int signal, const std::uint8_t* instruction) {
  constexpr std::array<std::uint8_t, 3> kUndefined = {0x67, 0x0f, 0xb9};
  if (signal != SIGILL || std::memcmp(instruction, kUndefined.data(), kUndefined.size()) != 0)
    return std::nullopt;
  const auto* const operands = instruction + kUndefined.size();
  if (operands[0] == 0x00)
    return 0;
  if (operands[0] == 0x40)
    return operands[1];
  return std::nullopt;
}

#elif defined(__aarch64__)

template <typename T>
T* pointer(std::uint64_t value) {
  return reinterpret_cast<T*>(value);
}

Registers registers_of(const ucontext_t& context) {
  const auto& r = context.uc_mcontext;
  return {.instruction = pointer<const std::uint8_t>(r.pc),
          .sp = pointer<std::uint8_t>(r.sp),
          .frame = pointer<void>(r.regs[29]),
          .link = pointer<const void>(r.regs[30]),
          .pc = pointer<const std::uint8_t>(r.regs[20]),
          .fp = pointer<void>(r.regs[21]),
          .memory = pointer<const std::uint8_t>(r.regs[23])};
}

void leave_by(ucontext_t& context, void* landing) {
  auto& r = context.uc_mcontext;
  r.pc = reinterpret_cast<std::uint64_t>(wzrun_leave);
  r.regs[0] = reinterpret_cast<std::uint64_t>(landing);
}

/// The operand of llvm.ubsantrap at an instruction: `brk #0x5500 + kind`.
std::optional<unsigned> trap_operand(int signal, const std::uint8_t* instruction) {
  std::uint32_t code;
  std::memcpy(&code, instruction, sizeof code);
  constexpr std::uint32_t kBreak = 0xd4200000 | 0x5500U << 5;
  if (signal != SIGTRAP || (code & ~(0xffU << 5)) != kBreak)
    return std::nullopt;
  return code >> 5 & 0xff;
}

#else
  #error "guarded memory needs to know this processor's registers"
#endif

/// Where a signal caught this thread.
enum class Caught : std::uint8_t { elsewhere, interpreter, native };

Caught caught(const Execution* execution, const Registers& registers) {
  if (execution == nullptr || execution->landing == nullptr || execution->activation == nullptr)
    return Caught::elsewhere;
  if (execution->activation->engine == EngineKind::native)
    return attached_images().find(registers.instruction) != nullptr ? Caught::native : Caught::elsewhere;
  auto* const contains = code_range.load(std::memory_order_acquire);
  return contains != nullptr && contains(registers.instruction) ? Caught::interpreter : Caught::elsewhere;
}

/// Ends the run once the signal handler returns.
void leave_after_signal(Execution& execution, Caught where, const Registers& registers, void* context, Ending ending) {
  Activation& activation = *execution.activation;
  execution.ending = ending;
  if (where == Caught::interpreter) {
    activation.pc = registers.pc;
    activation.fp = registers.fp;
  } else {
    activation.pc = registers.instruction;
    activation.fp = registers.frame;
    activation.sp = registers.sp;
    activation.link = registers.link;
    activation.faulted = true;
  }
  leave_by(*static_cast<ucontext_t*>(context), execution.landing);
}

void pass_on(int signal, siginfo_t* info, void* context) {
  const auto& previous = previous_actions[static_cast<std::size_t>(signal)];
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler == SIG_DFL && signal != kInterruption) {
    sigaction(signal, &previous, nullptr);  // the instruction runs again and ends the process the default way
    if (info->si_code <= 0)                 // unless there is none: somebody sent it
      raise(signal);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
}

/// A line on standard error without memory or locks.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    for (const char c : text)
      if (used_ < text_.size() - 1)
        text_[used_++] = c >= ' ' && c <= '~' ? c : '?';
    return *this;
  }
  Line& operator<<(std::uint64_t number) {
    std::array<char, 20> digits;
    auto first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits.data() + first, digits.size() - first);
  }
  void print() {
    text_[used_++] = '\n';
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text_.data(), used_);
  }

 private:
  std::array<char, 512> text_;
  std::size_t used_ = 0;
};

/// A crash in compiled code, or where it jumped to, that no program may cause.
[[noreturn]] void report_internal_error(int signal, const Registers& registers) {
  const auto* at = registers.instruction;
  const auto* found = attached_images().find(at);
  if (found == nullptr) {  // it was called from there
#if defined(__x86_64__)
    std::memcpy(&at, registers.sp, sizeof at);
#else
    at = static_cast<const std::uint8_t*>(registers.link);
#endif
    found = attached_images().find(at);
  }
  Line line;
  line << "wzrun: internal error: signal " << static_cast<std::uint64_t>(signal) << " in compiled ";
  const auto offset = found == nullptr ? 0 : static_cast<std::uint64_t>(at - found->image->code().data());
  const auto* const range = found == nullptr ? nullptr : found->image->range_at(offset);
  if (range == nullptr || range->function == kNoCode) {
    line << "code";
  } else {
    line << "function ";
    if (const auto name = wasm::NameSection::find_function_name(found->code->module, range->function); !name.empty())
      line << name << "/";
    line << std::uint64_t{range->function} << " (module offset " << found->image->module_offset(*range, offset) << ")";
  }
  line.print();
  _exit(kInternalError);
}

/// The trap that a signal in compiled code means, if it means one.
std::optional<TrapKind> native_trap(int signal, const siginfo_t& info, const Execution& execution,
                                    const Registers& registers) {
  if (signal == SIGSEGV || signal == SIGBUS) {
    if (execution.is_native_guard(info.si_addr))
      return TrapKind::call_stack_exhausted;
    if (signal == SIGSEGV && LinearMemory::is_reserved(info.si_addr))  // SIGBUS: a file in it was cut short
      return TrapKind::out_of_bounds_memory_access;
    return std::nullopt;
  }
  const auto operand = trap_operand(signal, registers.instruction);
  if (!operand || *operand >= kTrapKinds)
    return std::nullopt;
  return static_cast<TrapKind>(*operand);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto registers = registers_of(*static_cast<const ucontext_t*>(context));
  auto* const execution = Execution::current();
  const auto where = caught(execution, registers);
  if (where == Caught::native) {
    const auto trap = native_trap(signal, *info, *execution, registers);
    if (!trap)
      report_internal_error(signal, registers);
    execution->trap_kind = *trap;
    leave_after_signal(*execution, where, registers, context, Ending::trapped);
    return;
  }
  const auto distance = static_cast<const std::uint8_t*>(info->si_addr) - registers.memory;
  if (where == Caught::interpreter && signal == SIGSEGV && registers.memory != nullptr && distance >= 0 &&
      static_cast<std::uint64_t>(distance) < LinearMemory::kReservedBytes) {
    execution->trap_kind = TrapKind::out_of_bounds_memory_access;
    leave_after_signal(*execution, where, registers, context, Ending::trapped);
    return;
  }
  if (execution != nullptr && execution->is_native_stack(registers.sp))
    report_internal_error(signal, registers);
  if (auto* const compiling = compiler_crash(signal); compiling != nullptr) {
    leave_by(*static_cast<ucontext_t*>(context), compiling);
    return;
  }
  pass_on(signal, info, context);
}

/// The C library aborts where it finds the heap in ruins: nothing goes on from there.
void on_abort(int signal, siginfo_t* info, void* context) {
  if (compiler_crash(signal) == nullptr) {
    pass_on(signal, info, context);
    return;
  }
  Line line;
  line << "wzrun: internal error: the compiler aborted; the interpreter needs no compiler";
  line.print();
  _exit(kInternalError);
}

void on_interruption(int signal, siginfo_t* info, void* context) {
  auto* const current = Execution::current();
  if (current == nullptr || !current->interrupted.load(std::memory_order_acquire)) {
    pass_on(signal, info, context);
    return;
  }
  const auto registers = registers_of(*static_cast<const ucontext_t*>(context));
  if (const auto where = caught(current, registers); where != Caught::elsewhere)
    leave_after_signal(*current, where, registers, context, Ending::interrupted);
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

std::mutex installing;

/// A thread's stack for signal handlers, where it had none.
class SignalStack {
 public:
  SignalStack() {
    stack_t present{};
    if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0)
      return;
    void* const pages = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (pages == MAP_FAILED)
      return;
    const stack_t ours{.ss_sp = pages, .ss_flags = 0, .ss_size = kBytes};
    if (sigaltstack(&ours, nullptr) == 0)
      pages_ = pages;
    else
      munmap(pages, kBytes);
  }
  ~SignalStack() {
    if (pages_ == nullptr)
      return;
    stack_t present{};
    if (sigaltstack(nullptr, &present) == 0 && present.ss_sp == pages_) {
      const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
      sigaltstack(&none, nullptr);
    }
    munmap(pages_, kBytes);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t kBytes = 64U << 10;  // the registers of a large processor alone take 11 KiB
  void* pages_ = nullptr;
};

}  // namespace

void register_code_range(CodeRange range) {
  const std::scoped_lock lock(installing);
  code_range.store(range.contains, std::memory_order_release);
  for (const int signal : kFaults)
    install(signal, on_fault);
  install(kInterruption, on_interruption);
}

void watch_native_faults() {
  const std::scoped_lock lock(installing);
  for (const int signal : kFaults)
    install(signal, on_fault);
  for (const int signal : kNativeFaults)
    install(signal, on_fault);
  install(kInterruption, on_interruption);
}

void watch_compiler() {
  watch_native_faults();
  const std::scoped_lock lock(installing);
  install(SIGABRT, on_abort);
}

void have_signal_stack() {
  constinit thread_local bool seen = false;
  if (seen) [[likely]]
    return;
  seen = true;
  thread_local const SignalStack stack;
}

int interruption_signal() { return kInterruption; }

}  // namespace wzrun::runtime
