#include "engine/native_code_support.h"

#include "runtime/instance.h"
#include "tests/image_builder.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

// The code stands here as assembly, between two labels, and is copied from there. Names: wzrun_test_FUNCTION, and
// wzrun_test_FUNCTION_end. Arguments and results are where tailcc has them: the instance first.

#define WZRUN_TEXT_OF(x) #x
#define WZRUN_TEXT(x) WZRUN_TEXT_OF(x)
#define WZRUN_BEGIN(name) "wzrun_test_" name ":\n"
#define WZRUN_END(name) "wzrun_test_" name "_end:\n"

// Offsets in the instance, which the assertions below check.
#define WZRUN_MEMORY_BASE 0
#define WZRUN_TABLES 24
#define WZRUN_IMPORTED_FUNCTIONS 40
#define WZRUN_HELPERS 64
#define WZRUN_MEMORY_FILL 32  // in helpers

static_assert(offsetof(wzrun::runtime::InstanceContext, memory_base) == WZRUN_MEMORY_BASE);
static_assert(offsetof(wzrun::runtime::InstanceContext, tables) == WZRUN_TABLES);
static_assert(offsetof(wzrun::runtime::InstanceContext, imported_functions) == WZRUN_IMPORTED_FUNCTIONS);
static_assert(offsetof(wzrun::runtime::InstanceContext, helpers) == WZRUN_HELPERS);
static_assert(static_cast<int>(wzrun::runtime::NativeHelper::memory_fill) * 8 == WZRUN_MEMORY_FILL);
static_assert(static_cast<int>(wzrun::runtime::NativeHelper::call_function) == 0);

// clang-format off
#if defined(__x86_64__)

#define WZRUN_FRAME "pushq %rbp\n movq %rsp, %rbp\n"
#define WZRUN_ANNOUNCE "movq " WZRUN_TEXT(WZRUN_MEMORY_BASE) "(%rdi), %rax\n movl $1, (%rax)\n"
#define WZRUN_UNFRAME "movq %rbp, %rsp\n popq %rbp\n retq\n"

__asm__(
  ".pushsection .rodata\n"
  WZRUN_BEGIN("code")

  WZRUN_BEGIN("thunk_values")  // of functions with a result: up to two arguments
  WZRUN_FRAME "pushq %rbx\n pushq %rax\n movq %rdx, %rbx\n movq %rdi, %rax\n movq %rsi, %rdi\n"
  "movl (%rbx), %esi\n movl 8(%rbx), %edx\n callq *%rax\n movl %eax, %eax\n movq %rax, (%rbx)\n"
  "popq %rcx\n popq %rbx\n popq %rbp\n retq\n"
  WZRUN_END("thunk_values")

  WZRUN_BEGIN("thunk_one")  // of functions with one argument and a result
  WZRUN_FRAME "pushq %rbx\n pushq %rax\n movq %rdx, %rbx\n movq %rdi, %rax\n movq %rsi, %rdi\n"
  "movl (%rbx), %esi\n callq *%rax\n movl %eax, %eax\n movq %rax, (%rbx)\n"
  "popq %rcx\n popq %rbx\n popq %rbp\n retq\n"
  WZRUN_END("thunk_one")

  WZRUN_BEGIN("thunk_none")
  WZRUN_FRAME "movq %rdi, %rax\n movq %rsi, %rdi\n callq *%rax\n popq %rbp\n retq\n"
  WZRUN_END("thunk_none")

  WZRUN_BEGIN("add")
  WZRUN_FRAME "leal (%rsi,%rdx), %eax\n popq %rbp\n retq\n"
  WZRUN_END("add")

  WZRUN_BEGIN("trap")
  WZRUN_FRAME "nop\n"
  "wzrun_test_trap_at: .byte 0x67, 0x0f, 0xb9, 0x00\n"
  WZRUN_END("trap")

  WZRUN_BEGIN("load")
  WZRUN_FRAME "movq " WZRUN_TEXT(WZRUN_MEMORY_BASE) "(%rdi), %rax\n"
  "wzrun_test_load_at: movl (%rax,%rsi), %eax\n popq %rbp\n retq\n"
  WZRUN_END("load")

  WZRUN_BEGIN("deep")  // frames of 64 KiB, each page touched
  WZRUN_FRAME "movl $16, %eax\n"
  "1: subq $4096, %rsp\n movq $0, (%rsp)\n decl %eax\n jne 1b\n"
  "callq wzrun_test_deep\n" WZRUN_UNFRAME
  WZRUN_END("deep")

  WZRUN_BEGIN("shallow")
  WZRUN_FRAME WZRUN_ANNOUNCE "callq wzrun_test_shallow\n popq %rbp\n retq\n"
  WZRUN_END("shallow")

  WZRUN_BEGIN("spin")
  WZRUN_FRAME WZRUN_ANNOUNCE "1: jmp 1b\n"
  WZRUN_END("spin")

  WZRUN_BEGIN("call_host")
  WZRUN_FRAME "subq $16, %rsp\n movl %esi, %esi\n movq %rsi, (%rsp)\n"
  "movq " WZRUN_TEXT(WZRUN_IMPORTED_FUNCTIONS) "(%rdi), %rax\n movq (%rax), %rsi\n movq %rsp, %rdx\n"
  "movq " WZRUN_TEXT(WZRUN_HELPERS) "(%rdi), %rax\n callq *(%rax)\n movl (%rsp), %eax\n" WZRUN_UNFRAME
  WZRUN_END("call_host")

  WZRUN_BEGIN("mutual")  // calls what is in the table
  WZRUN_FRAME "subq $16, %rsp\n movl %esi, %esi\n movq %rsi, (%rsp)\n"
  "movq " WZRUN_TEXT(WZRUN_TABLES) "(%rdi), %rax\n movq (%rax), %rax\n movq (%rax), %rax\n movq (%rax), %rsi\n"
  "movq %rsp, %rdx\n movq " WZRUN_TEXT(WZRUN_HELPERS) "(%rdi), %rax\n callq *(%rax)\n"
  "movl (%rsp), %eax\n incl %eax\n" WZRUN_UNFRAME
  WZRUN_END("mutual")

  WZRUN_BEGIN("fill")  // 16 bytes of 7 from the argument on
  WZRUN_FRAME "pushq %rsi\n pushq %rsi\n movl %esi, %edx\n xorl %esi, %esi\n movl $7, %ecx\n movl $16, %r8d\n"
  "movq " WZRUN_TEXT(WZRUN_HELPERS) "(%rdi), %rax\n callq *" WZRUN_TEXT(WZRUN_MEMORY_FILL) "(%rax)\n"
  "movl (%rsp), %eax\n" WZRUN_UNFRAME
  WZRUN_END("fill")

  WZRUN_BEGIN("crash")
  WZRUN_FRAME "movq 8, %rax\n popq %rbp\n retq\n"
  WZRUN_END("crash")

  WZRUN_BEGIN("jump")
  WZRUN_FRAME "xorl %eax, %eax\n callq *%rax\n popq %rbp\n retq\n"
  WZRUN_END("jump")

  WZRUN_END("code")
  ".popsection\n");

#elif defined(__aarch64__)

#define WZRUN_FRAME "stp x29, x30, [sp, #-16]!\n mov x29, sp\n"
#define WZRUN_ANNOUNCE "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_MEMORY_BASE) "]\n mov w10, #1\n str w10, [x9]\n"
#define WZRUN_UNFRAME "mov sp, x29\n ldp x29, x30, [sp], #16\n ret\n"

__asm__(
  ".pushsection .rodata\n"
  ".p2align 2\n"
  WZRUN_BEGIN("code")

  WZRUN_BEGIN("thunk_values")
  WZRUN_FRAME "stp x19, x19, [sp, #-16]!\n mov x19, x2\n mov x9, x0\n mov x0, x1\n"
  "ldr w1, [x19]\n ldr w2, [x19, #8]\n blr x9\n mov w0, w0\n str x0, [x19]\n"
  "ldr x19, [sp]\n" WZRUN_UNFRAME
  WZRUN_END("thunk_values")

  WZRUN_BEGIN("thunk_one")
  WZRUN_FRAME "stp x19, x19, [sp, #-16]!\n mov x19, x2\n mov x9, x0\n mov x0, x1\n"
  "ldr w1, [x19]\n blr x9\n mov w0, w0\n str x0, [x19]\n"
  "ldr x19, [sp]\n" WZRUN_UNFRAME
  WZRUN_END("thunk_one")

  WZRUN_BEGIN("thunk_none")
  WZRUN_FRAME "mov x9, x0\n mov x0, x1\n blr x9\n" WZRUN_UNFRAME
  WZRUN_END("thunk_none")

  WZRUN_BEGIN("add")
  WZRUN_FRAME "add w0, w1, w2\n" WZRUN_UNFRAME
  WZRUN_END("add")

  WZRUN_BEGIN("trap")
  WZRUN_FRAME "nop\n"
  "wzrun_test_trap_at: brk #0x5500\n"
  WZRUN_END("trap")

  WZRUN_BEGIN("load")
  WZRUN_FRAME "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_MEMORY_BASE) "]\n"
  "wzrun_test_load_at: ldr w0, [x9, w1, uxtw]\n" WZRUN_UNFRAME
  WZRUN_END("load")

  WZRUN_BEGIN("deep")
  WZRUN_FRAME "mov w9, #16\n"
  "1: sub sp, sp, #4096\n str xzr, [sp]\n subs w9, w9, #1\n b.ne 1b\n"
  "bl wzrun_test_deep\n" WZRUN_UNFRAME
  WZRUN_END("deep")

  WZRUN_BEGIN("shallow")
  WZRUN_FRAME WZRUN_ANNOUNCE "bl wzrun_test_shallow\n" WZRUN_UNFRAME
  WZRUN_END("shallow")

  WZRUN_BEGIN("spin")
  WZRUN_FRAME WZRUN_ANNOUNCE "1: b 1b\n"
  WZRUN_END("spin")

  WZRUN_BEGIN("call_host")
  WZRUN_FRAME "mov w1, w1\n stp x1, x1, [sp, #-16]!\n"
  "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_IMPORTED_FUNCTIONS) "]\n ldr x1, [x9]\n mov x2, sp\n"
  "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_HELPERS) "]\n ldr x9, [x9]\n blr x9\n ldr w0, [sp]\n" WZRUN_UNFRAME
  WZRUN_END("call_host")

  WZRUN_BEGIN("mutual")
  WZRUN_FRAME "mov w1, w1\n stp x1, x1, [sp, #-16]!\n"
  "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_TABLES) "]\n ldr x9, [x9]\n ldr x9, [x9]\n ldr x1, [x9]\n mov x2, sp\n"
  "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_HELPERS) "]\n ldr x9, [x9]\n blr x9\n ldr w0, [sp]\n add w0, w0, #1\n" WZRUN_UNFRAME
  WZRUN_END("mutual")

  WZRUN_BEGIN("fill")
  WZRUN_FRAME "stp x1, x1, [sp, #-16]!\n mov w2, w1\n mov x1, #0\n mov x3, #7\n mov x4, #16\n"
  "ldr x9, [x0, #" WZRUN_TEXT(WZRUN_HELPERS) "]\n ldr x9, [x9, #" WZRUN_TEXT(WZRUN_MEMORY_FILL) "]\n blr x9\n"
  "ldr w0, [sp]\n" WZRUN_UNFRAME
  WZRUN_END("fill")

  WZRUN_BEGIN("crash")
  WZRUN_FRAME "mov x9, #8\n ldr x9, [x9]\n" WZRUN_UNFRAME
  WZRUN_END("crash")

  WZRUN_BEGIN("jump")
  WZRUN_FRAME "mov x9, #0\n blr x9\n" WZRUN_UNFRAME
  WZRUN_END("jump")

  WZRUN_END("code")
  ".popsection\n");

#endif
// clang-format on

#define WZRUN_LABELS(name)                           \
  extern "C" const std::uint8_t wzrun_test_##name[]; \
  extern "C" const std::uint8_t wzrun_test_##name##_end[];
WZRUN_LABELS(code)
WZRUN_LABELS(thunk_values)
WZRUN_LABELS(thunk_one)
WZRUN_LABELS(thunk_none)
WZRUN_LABELS(add)
WZRUN_LABELS(trap)
WZRUN_LABELS(load)
WZRUN_LABELS(deep)
WZRUN_LABELS(shallow)
WZRUN_LABELS(spin)
WZRUN_LABELS(call_host)
WZRUN_LABELS(mutual)
WZRUN_LABELS(fill)
WZRUN_LABELS(crash)
WZRUN_LABELS(jump)
extern "C" const std::uint8_t wzrun_test_trap_at[];
extern "C" const std::uint8_t wzrun_test_load_at[];

namespace wzrun::engine {

namespace {

struct Piece {
  std::string_view name;  ///< of the function, or empty
  const std::uint8_t* begin;
  const std::uint8_t* end;
  const std::uint8_t* second_line = nullptr;
};

#define WZRUN_FUNCTION(name) #name, wzrun_test_##name, wzrun_test_##name##_end
const Piece kPieces[] = {
    {"", wzrun_test_thunk_values, wzrun_test_thunk_values_end},
    {"", wzrun_test_thunk_one, wzrun_test_thunk_one_end},
    {"", wzrun_test_thunk_none, wzrun_test_thunk_none_end},
    {WZRUN_FUNCTION(add)},
    {WZRUN_FUNCTION(trap), wzrun_test_trap_at},
    {WZRUN_FUNCTION(load), wzrun_test_load_at},
    {WZRUN_FUNCTION(deep)},
    {WZRUN_FUNCTION(shallow)},
    {WZRUN_FUNCTION(spin)},
    {WZRUN_FUNCTION(call_host)},
    {WZRUN_FUNCTION(mutual)},
    {WZRUN_FUNCTION(fill)},
    {WZRUN_FUNCTION(crash)},
    {WZRUN_FUNCTION(jump)},
};

std::uint32_t place(const std::uint8_t* label) { return static_cast<std::uint32_t>(label - wzrun_test_code); }

}  // namespace

ImageBuilder native_image(const CompiledModule& compiled) {
  const auto& code = *compiled.code();
  const auto& module = code.module;
  ImageBuilder builder;
  builder.code.assign(wzrun_test_code, wzrun_test_code_end);
  for (const auto& type : module.types) {
    const auto* const thunk = type.function.results.empty()      ? wzrun_test_thunk_none
                              : type.function.params.size() == 1 ? wzrun_test_thunk_one
                                                                 : wzrun_test_thunk_values;
    builder.entries.push_back(place(thunk));
  }
  builder.functions.assign(module.functions.size() - module.imported_functions, runtime::kNoCode);
  for (const auto& piece : kPieces) {
    auto& range = builder.ranges.emplace_back(place(piece.begin), place(piece.end), runtime::kNoCode,
                                              static_cast<std::uint32_t>(builder.lines.size()));
    if (piece.name.empty())
      continue;
    auto index = module.imported_functions;
    while (code.names().function_name(index) != piece.name)
      ++index;
    const auto defined = index - module.imported_functions;
    range.function = index;
    builder.functions[defined] = range.begin;
    builder.add_line(0, static_cast<std::uint32_t>(module.code[defined].offset));
    if (piece.second_line != nullptr)
      builder.add_line(static_cast<std::uint32_t>(piece.second_line - piece.begin), 1);
  }
  return builder;
}

void attach_native_code(const CompiledModule& compiled, bool guarded) {
  auto builder = native_image(compiled);
  builder.guarded = guarded;
  const auto image = runtime::Image::from_bytes(builder.build(), compiled.code()->image_expectation("test"));
  if (!image)
    FAIL(image.error().to_string());
  REQUIRE((*image)->checksum_holds());
  compiled.code()->attach_image(*image);
}

}  // namespace wzrun::engine
