#pragma once

#include <cstddef>
#include <cstdint>

/// The contract between compiled code and the runtime.
///
/// A compiled function has LLVM's calling convention fastcc and the parameters
///     (InstanceContext* instance, [u64* results,] parameters...)
/// i32, i64, f32, f64 as themselves, v128 as <16 x i8>, references as pointers. One result is returned; if there are
/// several the function is given `results` and stores them there, one 64-bit slot each (v128 two), i32 and f32
/// zero-extended. Calls within an image are direct. A FunctionInstance of anywhere is called through its `native` with
/// its own `instance`, if `native` is not null, and otherwise with the helper call_function.
///
/// Modules with tail calls have each function twice: `native`, and `tail` with the same parameters in the convention
/// tailcc, whose callees pop their arguments. A tail call goes to `tail` where it is not null; other functions make no
/// tail calls themselves, so calling them costs one frame at most.
///
/// Every frame begins with a frame record (rbp; x29), so stacks are walked without tables. Code runs on the
/// Execution's native stack; helpers switch to the thread's own.
///
/// Traps: `llvm.ubsantrap(TrapKind)`, that is `ud1l kind(%eax), %eax` or `brk #0x5500 + kind`; a fault at an address in
/// a guarded memory's reservation; a fault in the guard below the native stack.
namespace wzrun::runtime {

struct FunctionInstance;
struct Instance;

/// From the interpreter into a compiled function at the beginning of one of its loops: goes on there and returns when
/// the function does. `window` has the parameters, `frame` the other locals and behind them the operands below the
/// loop and its parameters, each in its slots (v128 two). The results are left in `window`. C calling convention; one
/// of an EntryThunk, so that it is entered in the same way.
using LoopEntry = void (*)(const std::uint64_t* frame, Instance* instance, std::uint64_t* window);

/// From slots to a compiled function: loads the parameters of its type from `slots`, calls `target`, and stores the
/// results there. C calling convention.
using EntryThunk = void (*)(const void* target, Instance* instance, std::uint64_t* slots);

/// What compiled code calls of the runtime, by number in InstanceContext::helpers. All take and return 64-bit integers
/// and pointers, at most six, in the C calling convention; those that trap do not return.
enum class NativeHelper : std::uint32_t {
  call_function,  ///< (Instance* caller, FunctionInstance*, u64* slots): arguments are replaced by the results
  ref_func,       ///< (Instance*, u64 function index) -> FunctionInstance*
  has_type,       ///< (FunctionInstance*, u64 runtime-wide type id) -> 0 or 1
  memory_grow,    ///< (Instance*, memory, delta) -> previous pages, or -1 (0xffffffff for 32-bit memories)
  memory_fill,    ///< (Instance*, memory, to, value, count) or trap
  memory_copy,    ///< (Instance*, to memory, from memory, to, from, count) or trap
  memory_init,    ///< (Instance*, memory, segment, to, from, count) or trap
  data_drop,      ///< (Instance*, segment)
  table_grow,     ///< (Instance*, table, value, delta) -> previous size, or -1 (0xffffffff for 32-bit tables)
  table_fill,     ///< (Instance*, table, index, value, count) or trap
  table_copy,     ///< (Instance*, to table, from table, to, from, count) or trap
  table_init,     ///< (Instance*, table, segment, to, from, count) or trap
  elem_drop,      ///< (Instance*, segment)
  /// (Instance*, u64 function index, u64 loop or kNoLoop) -> LoopEntry of better code at the loop, or null: code that
  /// counts has counted to the end. The loops of a function are numbered in the order in which they begin.
  is_hot,
};
inline constexpr std::size_t kNativeHelpers = static_cast<std::size_t>(NativeHelper::is_hot) + 1;
inline constexpr std::uint32_t kNoLoop = 0xffffffff;

}  // namespace wzrun::runtime
