#pragma once

#include "runtime/execution.h"
#include "runtime/native.h"

#include <cstddef>
#include <cstdint>

/// The few instructions that change stacks, and their places in the code of this processor. A trampoline writes
/// nothing to the native stack but the return address of its call.
namespace wzrun::runtime {

/// A function that a run may leave by the landing without returning: it must own nothing, and sanitizers must not
/// count on its end.
#define WZRUN_ABANDONED [[clang::disable_sanitizer_instrumentation]] [[gnu::noinline]]

extern "C" {

/// Calls `body` with `argument` and returns true; or false once something within left for `*landing`, which is set
/// first.
[[gnu::visibility("hidden")]] bool wzrun_land(void** landing, void (*body)(void*), void* argument);
/// Goes on behind the wzrun_land that set `landing`, from whatever stack.
[[noreturn, gnu::visibility("hidden")]] void wzrun_leave(void* landing);
/// Calls a compiled function on the native stack below activation->sp, and leaves in activation->thread_sp where
/// helpers run.
[[gnu::visibility("hidden")]] void wzrun_enter_native(EntryThunk thunk, const void* target, Instance* instance,
                                                      std::uint64_t* slots, Activation* activation);
}

/// What enter_native needs of the native stack for itself.
inline constexpr std::size_t kEnterNativeBytes = 256;

#if defined(__x86_64__)

/// A helper as compiled code calls it: leaves the caller's position in the innermost activation, and calls the C++
/// function on the thread's own stack.
template <auto helper>
[[gnu::naked]] void helper_trampoline() {
  __asm__ volatile(
      ".cfi_signal_frame\n"  // or gdb takes the change of stacks for a corrupt one
      "movq wzrun_current_execution@gottpoff(%%rip), %%r10\n"
      "movq %%fs:(%%r10), %%r10\n"
      "movq (%%r10), %%r10\n"
      "movq (%%rsp), %%rax\n"
      "movq %%rax, %c[pc](%%r10)\n"
      "movq %%rbp, %c[fp](%%r10)\n"
      "movq %%rsp, %%rax\n"
      "movq %%rax, %c[sp](%%r10)\n"
      "movq %c[thread_sp](%%r10), %%rsp\n"
      "pushq %%rax\n"
      "pushq %%rax\n"
      ".cfi_escape 0x0f, 5, 0x77, 0, 0x06, 0x23, 8\n"  // for debuggers: CFA = *rsp + 8
      "callq %P[helper]\n"
      "popq %%rsp\n"
      ".cfi_def_cfa %%rsp, 8\n"
      "retq\n"
      :
      : [pc] "i"(offsetof(Activation, pc)), [fp] "i"(offsetof(Activation, fp)), [sp] "i"(offsetof(Activation, sp)),
        [thread_sp] "i"(offsetof(Activation, thread_sp)), [helper] "i"(helper));
}

#elif defined(__aarch64__)

template <auto helper>
[[gnu::naked]] void helper_trampoline() {
  __asm__ volatile(
      ".cfi_signal_frame\n"
      "adrp x16, :gottprel:wzrun_current_execution\n"
      "ldr x16, [x16, :gottprel_lo12:wzrun_current_execution]\n"
      "mrs x17, tpidr_el0\n"
      "ldr x16, [x17, x16]\n"
      "ldr x16, [x16]\n"
      "str x30, [x16, %[pc]]\n"
      "str x29, [x16, %[fp]]\n"
      "mov x17, sp\n"
      "str x17, [x16, %[sp]]\n"
      "ldr x16, [x16, %[thread_sp]]\n"
      "mov sp, x16\n"
      "stp x17, x30, [sp, #-16]!\n"
      ".cfi_escape 0x0f, 3, 0x8f, 0, 0x06\n"  // for debuggers: CFA = *sp,
      ".cfi_escape 0x10, 30, 2, 0x8f, 8\n"    // x30 at sp + 8
      "bl %c[helper]\n"
      "ldp x17, x30, [sp]\n"
      "mov sp, x17\n"
      ".cfi_def_cfa sp, 0\n"
      ".cfi_restore x30\n"
      "ret\n"
      :
      : [pc] "i"(offsetof(Activation, pc)), [fp] "i"(offsetof(Activation, fp)), [sp] "i"(offsetof(Activation, sp)),
        [thread_sp] "i"(offsetof(Activation, thread_sp)), [helper] "S"(helper));
}

#else
  #error "changing stacks needs to know this processor"
#endif

}  // namespace wzrun::runtime
