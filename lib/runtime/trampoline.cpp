#include "runtime/trampoline.h"

static_assert(offsetof(wzrun::runtime::Execution, activation) == 0);

namespace wzrun::runtime {

#if defined(__x86_64__)

  #define WZRUN_LAND_RESTORE \
    "addq $8, %%rsp\n"       \
    "popq %%r15\n"           \
    "popq %%r14\n"           \
    "popq %%r13\n"           \
    "popq %%r12\n"           \
    "popq %%rbx\n"           \
    "popq %%rbp\n"           \
    "retq\n"

extern "C" [[gnu::naked]] bool wzrun_land(void** /*landing*/, void (* /*body*/)(void*), void* /*argument*/) {
  __asm__ volatile(
      "pushq %%rbp\n"
      ".cfi_def_cfa_offset 16\n"
      ".cfi_offset %%rbp, -16\n"
      "movq %%rsp, %%rbp\n"
      ".cfi_def_cfa_register %%rbp\n"
      "pushq %%rbx\n"
      "pushq %%r12\n"
      "pushq %%r13\n"
      "pushq %%r14\n"
      "pushq %%r15\n"
      ".cfi_offset %%rbx, -24\n"
      ".cfi_offset %%r12, -32\n"
      ".cfi_offset %%r13, -40\n"
      ".cfi_offset %%r14, -48\n"
      ".cfi_offset %%r15, -56\n"
      "subq $8, %%rsp\n"
      "movq %%rsp, (%%rdi)\n"
      "movq %%rdx, %%rdi\n"
      "callq *%%rsi\n"
      "movl $1, %%eax\n" WZRUN_LAND_RESTORE ::);
}

extern "C" [[gnu::naked, noreturn]] void wzrun_leave(void* /*landing*/) {
  __asm__ volatile(
      "movq %%rdi, %%rsp\n"
      "xorl %%eax, %%eax\n" WZRUN_LAND_RESTORE ::);
}

extern "C" [[gnu::naked]] void wzrun_enter_native(EntryThunk /*thunk*/, const void* /*target*/, Instance* /*instance*/,
                                                  std::uint64_t* /*slots*/, Activation* /*activation*/) {
  __asm__ volatile(
      ".cfi_signal_frame\n"
      "pushq %%rbp\n"
      ".cfi_def_cfa_offset 16\n"
      ".cfi_offset %%rbp, -16\n"
      "movq %%rsp, %%rbp\n"
      ".cfi_def_cfa_register %%rbp\n"
      "movq %%rsp, %c[thread_sp](%%r8)\n"
      "movq %c[sp](%%r8), %%rsp\n"
      "movq %%rdi, %%rax\n"
      "movq %%rsi, %%rdi\n"
      "movq %%rdx, %%rsi\n"
      "movq %%rcx, %%rdx\n"
      "callq *%%rax\n"
      "movq %%rbp, %%rsp\n"
      "popq %%rbp\n"
      ".cfi_def_cfa %%rsp, 8\n"
      "retq\n"
      :
      : [sp] "i"(offsetof(Activation, sp)), [thread_sp] "i"(offsetof(Activation, thread_sp)));
}

#elif defined(__aarch64__)

  #define WZRUN_LAND_RESTORE     \
    "ldp x19, x20, [sp, #16]\n"  \
    "ldp x21, x22, [sp, #32]\n"  \
    "ldp x23, x24, [sp, #48]\n"  \
    "ldp x25, x26, [sp, #64]\n"  \
    "ldp x27, x28, [sp, #80]\n"  \
    "ldp d8, d9, [sp, #96]\n"    \
    "ldp d10, d11, [sp, #112]\n" \
    "ldp d12, d13, [sp, #128]\n" \
    "ldp d14, d15, [sp, #144]\n" \
    "ldp x29, x30, [sp], #160\n" \
    "ret\n"

extern "C" [[gnu::naked]] bool wzrun_land(void** /*landing*/, void (* /*body*/)(void*), void* /*argument*/) {
  __asm__ volatile(
      "stp x29, x30, [sp, #-160]!\n"
      "mov x29, sp\n"
      ".cfi_def_cfa x29, 160\n"
      ".cfi_offset x30, -152\n"
      ".cfi_offset x29, -160\n"
      "stp x19, x20, [sp, #16]\n"
      "stp x21, x22, [sp, #32]\n"
      "stp x23, x24, [sp, #48]\n"
      "stp x25, x26, [sp, #64]\n"
      "stp x27, x28, [sp, #80]\n"
      "stp d8, d9, [sp, #96]\n"
      "stp d10, d11, [sp, #112]\n"
      "stp d12, d13, [sp, #128]\n"
      "stp d14, d15, [sp, #144]\n"
      ".cfi_offset x19, -144\n"
      ".cfi_offset x20, -136\n"
      ".cfi_offset x21, -128\n"
      ".cfi_offset x22, -120\n"
      ".cfi_offset x23, -112\n"
      ".cfi_offset x24, -104\n"
      ".cfi_offset x25, -96\n"
      ".cfi_offset x26, -88\n"
      ".cfi_offset x27, -80\n"
      ".cfi_offset x28, -72\n"
      ".cfi_offset d8, -64\n"
      ".cfi_offset d9, -56\n"
      ".cfi_offset d10, -48\n"
      ".cfi_offset d11, -40\n"
      ".cfi_offset d12, -32\n"
      ".cfi_offset d13, -24\n"
      ".cfi_offset d14, -16\n"
      ".cfi_offset d15, -8\n"
      "mov x9, sp\n"
      "str x9, [x0]\n"
      "mov x0, x2\n"
      "blr x1\n"
      "mov w0, #1\n" WZRUN_LAND_RESTORE ::);
}

extern "C" [[gnu::naked, noreturn]] void wzrun_leave(void* /*landing*/) {
  __asm__ volatile(
      "mov sp, x0\n"
      "mov w0, #0\n" WZRUN_LAND_RESTORE ::);
}

extern "C" [[gnu::naked]] void wzrun_enter_native(EntryThunk /*thunk*/, const void* /*target*/, Instance* /*instance*/,
                                                  std::uint64_t* /*slots*/, Activation* /*activation*/) {
  __asm__ volatile(
      ".cfi_signal_frame\n"
      "stp x29, x30, [sp, #-16]!\n"
      "mov x29, sp\n"
      ".cfi_def_cfa x29, 16\n"
      ".cfi_offset x30, -8\n"
      ".cfi_offset x29, -16\n"
      "str x29, [x4, %[thread_sp]]\n"
      "ldr x9, [x4, %[sp]]\n"
      "mov sp, x9\n"
      "mov x9, x0\n"
      "mov x0, x1\n"
      "mov x1, x2\n"
      "mov x2, x3\n"
      "blr x9\n"
      "mov sp, x29\n"
      "ldp x29, x30, [sp], #16\n"
      "ret\n"
      :
      : [sp] "i"(offsetof(Activation, sp)), [thread_sp] "i"(offsetof(Activation, thread_sp)));
}

#endif

}  // namespace wzrun::runtime
