#include "interp/handler_support.h"
#include "runtime/call.h"
#include "runtime/operations.h"

// Control, variables, references, tables and bulk memory.
namespace wzrun::interp {

using runtime::Execution;
using runtime::FunctionInstance;

WZRUN_HANDLER void raise_scratch(WZRUN_STATE) {
  (void)in, (void)mem, (void)acc, (void)vacc;
  ex->ending = runtime::Ending::trapped;
  ex->activation->pc = pc;
  ex->activation->fp = fp;
}

WZRUN_HANDLER void raise_interrupted(WZRUN_STATE) {
  (void)in, (void)mem, (void)acc, (void)vacc;
  ex->ending = runtime::Ending::interrupted;
  ex->activation->pc = pc;
  ex->activation->fp = fp;
}

namespace {

template <Carrier carrier>
struct CarrierType {
  using Type = std::uint64_t;
};
template <>
struct CarrierType<Carrier::floating> {
  using Type = double;
};
template <>
struct CarrierType<Carrier::vector> {
  using Type = V128;
};
template <Carrier carrier>
using CarrierOf = CarrierType<carrier>::Type;

// Frames.

#define WZRUN_ENTER(code_pointer)                               \
  do {                                                          \
    pc = (code_pointer)->entry.load(std::memory_order_relaxed); \
    WZRUN_NEXT(0);                                              \
  } while (false)

WZRUN_HANDLER void translate_first(WZRUN_STATE) {
  auto& code = *reinterpret_cast<Code*>(fp[kLinkCode]);
  translate(code);
  pc = code.entry.load(std::memory_order_acquire);
  WZRUN_NEXT(0);
}

WZRUN_HANDLER void make_frame(WZRUN_STATE) {
  const auto frame_slots = read<std::uint32_t>(pc + kHead);
  const auto zeroed = read<std::uint32_t>(pc + kHead + 4);
  if (static_cast<std::size_t>(ex->end - fp) < frame_slots) [[unlikely]]
    WZRUN_RAISE(TrapKind::call_stack_exhausted);
  for (std::uint32_t i = 0; i < zeroed; i += 4) {
    write(fp + i, Vector{});
    write(fp + i + 2, Vector{});
    __asm__ volatile("");  // not to become a call of memset: mostly there is a handful, and a call needs a frame
  }
  WZRUN_NEXT(kHead + 8);
}

WZRUN_HANDLER void function_is_hot(WZRUN_STATE) {
  Code& code = code_of(fp);
  note_hot_function(code);
  if (code.entry.load(std::memory_order_relaxed) == compiled_entry)
    WZRUN_ENTER(&code);
  WZRUN_TAIL make_frame(WZRUN_STATE_VALUES);
}

WZRUN_HANDLER void enter(WZRUN_STATE) {
  if (code_of(fp).calls.spend()) [[unlikely]]
    WZRUN_TAIL function_is_hot(WZRUN_STATE_VALUES);
  WZRUN_TAIL make_frame(WZRUN_STATE_VALUES);
}

WZRUN_HANDLER void leave_to_host(WZRUN_STATE) {
  (void)pc, (void)fp, (void)in, (void)mem, (void)acc, (void)vacc;
  ex->ending = runtime::Ending::returned;
}

[[gnu::always_inline]] inline std::uint8_t* memory_base(const runtime::Instance* in) {
  return in->memory0 != nullptr ? in->memory0->base() : nullptr;
}

// The callee's frame is in the accumulator, where every return leaves it.
WZRUN_HANDLER void leave_instance(WZRUN_STATE) {
  const auto* const callee = reinterpret_cast<const Slot*>(acc);
  in = reinterpret_cast<runtime::Instance*>(callee[kLinkInstance]);
  mem = memory_base(in);
  pc = reinterpret_cast<const std::uint8_t*>(callee[kLinkCrossReturn]);
  WZRUN_NEXT(0);
}

[[gnu::always_inline]] inline void link(Slot* callee, const Code* code, const std::uint8_t* return_pc, Slot* caller) {
  callee[kLinkCode] = reinterpret_cast<std::uint64_t>(code);
  callee[kLinkReturn] = reinterpret_cast<std::uint64_t>(return_pc);
  callee[kLinkCaller] = reinterpret_cast<std::uint64_t>(caller);
}

#define WZRUN_RETURN                                             \
  do {                                                           \
    acc = reinterpret_cast<std::uint64_t>(fp);                   \
    pc = reinterpret_cast<const std::uint8_t*>(fp[kLinkReturn]); \
    fp = reinterpret_cast<Slot*>(fp[kLinkCaller]);               \
    WZRUN_NEXT(0);                                               \
  } while (false)

WZRUN_HANDLER void call(WZRUN_STATE) {
  const auto* const code = read<const Code*>(pc + kHead);
  Slot* const callee = fp + operand(pc, kHead + 8);
  link(callee, code, pc + kHead + 12, fp);
  fp = callee;
  WZRUN_ENTER(code);
}

/// What a call of a function that is not of this instance needs; the position is left at the call for backtraces.
struct Call {
  FunctionInstance* function;
  Slot* arguments;
  Slot* callee;
  const std::uint8_t* return_pc;
};

/// Calls a function that is not the interpreter's. False if the run ends; the execution says how.
bool call_out(Execution& execution, runtime::Instance& caller, FunctionInstance& function, Slot* arguments,
              Slot* frame_end, const std::uint8_t* pc, Slot* fp) {
  execution.activation->pc = pc;
  execution.activation->fp = fp;
  auto* const top = std::exchange(execution.top, frame_end);
  bool returned = true;
  if (function.host != nullptr)
    returned = runtime::call_host(execution, caller, function, arguments);
  else
    runtime::enter(execution, function, arguments);
  execution.top = top;
  return returned;
}

// A call that leaves the instance or the engine: another function of the interpreter is entered, others run to their
// end. The arguments of the call travel in the execution, not to need more registers here.
WZRUN_HANDLER void call_outside(WZRUN_STATE) {
  const Call& call = *reinterpret_cast<const Call*>(&ex->scratch);
  FunctionInstance* const function = call.function;
  if (function->code == nullptr) {
    const auto* const return_pc = call.return_pc;
    if (!call_out(*ex, *in, *function, call.arguments, call.callee, pc, fp)) [[unlikely]]
      return;
    if (ex->interrupted.load(std::memory_order_relaxed)) [[unlikely]]
      WZRUN_TAIL raise_interrupted(WZRUN_STATE_VALUES);
    pc = return_pc;
    WZRUN_NEXT(0);
  }
  const auto* const code = static_cast<const Code*>(function->code);
  Slot* const callee = call.callee;
  callee[kLinkInstance] = reinterpret_cast<std::uint64_t>(in);
  callee[kLinkCrossReturn] = reinterpret_cast<std::uint64_t>(call.return_pc);
  link(callee, code, cross_return, fp);
  fp = callee;
  in = function->instance;
  mem = memory_base(in);
  WZRUN_ENTER(code);
}

#define WZRUN_CALL_OUTSIDE(function, arguments, callee, size)                                \
  do {                                                                                       \
    static_assert(sizeof(Call) <= sizeof(ex->scratch));                                      \
    *reinterpret_cast<Call*>(&ex->scratch) = Call{function, arguments, callee, pc + (size)}; \
    WZRUN_TAIL call_outside(WZRUN_STATE_VALUES);                                             \
  } while (false)

#define WZRUN_CALL_FUNCTION(function, arguments, callee, size)                  \
  do {                                                                          \
    if ((function)->instance == in && (function)->code != nullptr) [[likely]] { \
      const auto* const code = static_cast<const Code*>((function)->code);      \
      link(callee, code, pc + (size), fp);                                      \
      fp = callee;                                                              \
      WZRUN_ENTER(code);                                                        \
    }                                                                           \
    WZRUN_CALL_OUTSIDE(function, arguments, callee, size);                      \
  } while (false)

WZRUN_HANDLER void call_import(WZRUN_STATE) {
  FunctionInstance* const function = in->imported_functions[read<std::uint32_t>(pc + kHead)];
  WZRUN_CALL_OUTSIDE(function, fp + operand(pc, kHead + 4), fp + operand(pc, kHead + 8), kHead + 12);
}

#define WZRUN_RESOLVE_INDIRECT(function, table_at, type_at, index)                   \
  const auto& elements = in->tables[read<std::uint32_t>(pc + (table_at))]->elements; \
  if ((index) >= elements.size()) [[unlikely]]                                       \
    WZRUN_RAISE(TrapKind::undefined_element);                                        \
  auto* const function = reinterpret_cast<FunctionInstance*>(elements[index]);       \
  if (function == nullptr) [[unlikely]]                                              \
    WZRUN_RAISE(TrapKind::uninitialized_element);                                    \
  if (function->type_id != read<std::uint32_t>(pc + (type_at))) [[unlikely]] {       \
    if (!runtime::has_type(*function, read<std::uint32_t>(pc + (type_at))))          \
      WZRUN_RAISE(TrapKind::indirect_call_type_mismatch);                            \
  }

template <bool accumulator>
WZRUN_HANDLER void call_indirect(WZRUN_STATE) {
  const std::uint64_t index = accumulator ? acc : slot_at(fp, pc, kHead + 16);
  WZRUN_RESOLVE_INDIRECT(function, kHead, kHead + 4, index)
  Slot* const callee = fp + operand(pc, kHead + 12);
  WZRUN_CALL_FUNCTION(function, fp + operand(pc, kHead + 8), callee, kHead + (accumulator ? 16 : 20));
}

WZRUN_HANDLER void call_ref(WZRUN_STATE) {
  auto* const function = reinterpret_cast<FunctionInstance*>(slot_at(fp, pc, kHead + 8));
  if (function == nullptr) [[unlikely]]
    WZRUN_RAISE(TrapKind::null_function_reference);
  Slot* const callee = fp + operand(pc, kHead + 4);
  WZRUN_CALL_FUNCTION(function, fp + operand(pc, kHead), callee, kHead + 12);
}

// Compiled code in the place of a function, or of the rest of one.

/// Runs compiled code whose results are then in the window of the frame at fp, which is left as if it had returned.
#define WZRUN_RUN_COMPILED(call)                                            \
  do {                                                                      \
    ex->activation->pc = compiled_entry;                                    \
    ex->activation->fp = fp;                                                \
    Slot* const top = std::exchange(ex->top, fp + code_of(fp).frame_slots); \
    call;                                                                   \
    ex->top = top;                                                          \
    if (ex->interrupted.load(std::memory_order_relaxed)) [[unlikely]] {     \
      pc = compiled_entry;                                                  \
      WZRUN_TAIL raise_interrupted(WZRUN_STATE_VALUES);                     \
    }                                                                       \
    WZRUN_RETURN;                                                           \
  } while (false)

WZRUN_HANDLER void enter_compiled(WZRUN_STATE) {
  Code& code = code_of(fp);
  FunctionInstance* const function = compiled_function(*in, code);
  if (function == nullptr) [[unlikely]] {  // this instance cannot use it
    if (code.bytes == nullptr)
      translate(code);
    pc = code.bytes.get();
    WZRUN_TAIL make_frame(WZRUN_STATE_VALUES);
  }
  WZRUN_RUN_COMPILED(runtime::enter(*ex, *function, fp - kLinkSlots - function->slots));
}

// Tail calls: the callee takes our place. The window of arguments and results starts where ours does.
struct OwnLink {
  Slot instance, cross_return, return_pc, caller;
  explicit OwnLink(const Slot* fp)
      : instance(fp[kLinkInstance]),
        cross_return(fp[kLinkCrossReturn]),
        return_pc(fp[kLinkReturn]),
        caller(fp[kLinkCaller]) {}
  void put(Slot* callee, const Code* code) const {
    callee[kLinkInstance] = instance;
    callee[kLinkCrossReturn] = cross_return;
    link(callee, code, reinterpret_cast<const std::uint8_t*>(return_pc), reinterpret_cast<Slot*>(caller));
  }
};

/// Moves `count` slots down to where our arguments begin.
[[gnu::always_inline]] inline void move_arguments(Slot* to, const Slot* from, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i)
    *static_cast<volatile Slot*>(to + i) = from[i];  // volatile: not to become a call of memmove
}

WZRUN_HANDLER void return_call(WZRUN_STATE) {
  const auto* const code = read<const Code*>(pc + kHead);
  const OwnLink own(fp);
  Slot* const base = fp - kLinkSlots - operand(pc, kHead + 16);
  Slot* const callee = base + operand(pc, kHead + 20) + kLinkSlots;
  move_arguments(base, fp + operand(pc, kHead + 8), read<std::uint32_t>(pc + kHead + 12));
  own.put(callee, code);
  fp = callee;
  WZRUN_ENTER(code);
}

WZRUN_HANDLER void return_call_function(WZRUN_STATE) {
  auto* const function = reinterpret_cast<FunctionInstance*>(slot_at(fp, pc, kHead));
  Slot* const arguments = fp + operand(pc, kHead + 4);
  const auto argument_slots = read<std::uint32_t>(pc + kHead + 8);
  Slot* const base = fp - kLinkSlots - operand(pc, kHead + 12);
  Slot* const callee = base + operand(pc, kHead + 16) + kLinkSlots;
  const OwnLink own(fp);
  if (function->code == nullptr) {
    // What is not ours has no frame of ours: it runs above this frame, then we return its results.
    Slot* const above = arguments + operand(pc, kHead + 16) + kLinkSlots;
    if (!call_out(*ex, *in, *function, arguments, above, pc, fp)) [[unlikely]]
      return;
    if (ex->interrupted.load(std::memory_order_relaxed)) [[unlikely]]
      WZRUN_TAIL raise_interrupted(WZRUN_STATE_VALUES);
    move_arguments(base, arguments, read<std::uint32_t>(pc + kHead + 16));
    // The window may be wider than ours and have reached the link.
    own.put(fp, reinterpret_cast<const Code*>(fp[kLinkCode]));
    WZRUN_RETURN;
  }
  const auto* const code = static_cast<const Code*>(function->code);
  move_arguments(base, arguments, argument_slots);
  own.put(callee, code);
  if (function->instance != in) {
    // Where the host comes next it does not matter whose instance it is.
    if (own.return_pc != reinterpret_cast<Slot>(cross_return) && own.return_pc != reinterpret_cast<Slot>(host_return)) {
      callee[kLinkInstance] = reinterpret_cast<std::uint64_t>(in);
      callee[kLinkCrossReturn] = own.return_pc;
      callee[kLinkReturn] = reinterpret_cast<std::uint64_t>(cross_return);
    }
    in = function->instance;
    mem = memory_base(in);
  }
  fp = callee;
  WZRUN_ENTER(code);
}

WZRUN_HANDLER void resolve_import(WZRUN_STATE) {
  slot_at(fp, pc, kHead + 4) = reinterpret_cast<std::uint64_t>(in->imported_functions[read<std::uint32_t>(pc + kHead)]);
  WZRUN_NEXT(kHead + 8);
}

WZRUN_HANDLER void resolve_indirect(WZRUN_STATE) {
  const std::uint64_t index = slot_at(fp, pc, kHead + 8);
  WZRUN_RESOLVE_INDIRECT(function, kHead, kHead + 4, index)
  slot_at(fp, pc, kHead + 12) = reinterpret_cast<std::uint64_t>(function);
  WZRUN_NEXT(kHead + 16);
}

WZRUN_HANDLER void resolve_ref(WZRUN_STATE) {
  const Slot function = slot_at(fp, pc, kHead);
  if (function == 0) [[unlikely]]
    WZRUN_RAISE(TrapKind::null_function_reference);
  slot_at(fp, pc, kHead + 4) = function;
  WZRUN_NEXT(kHead + 8);
}

WZRUN_HANDLER void return_none(WZRUN_STATE) { WZRUN_RETURN; }

template <Carrier carrier, bool accumulator>
WZRUN_HANDLER void return_one(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  constexpr From kFrom = accumulator ? From::accumulator : From::slot;
  put<T, To::slot, kHead + kOperandBytes<T, kFrom>>(pc, fp, acc, vacc, fetch<T, kFrom, kHead>(pc, fp, acc, vacc));
  WZRUN_RETURN;
}

WZRUN_HANDLER void return_many(WZRUN_STATE) {
  move_arguments(&slot_at(fp, pc, kHead + 8), &slot_at(fp, pc, kHead), read<std::uint32_t>(pc + kHead + 4));
  WZRUN_RETURN;
}

// Branches.

WZRUN_HANDLER void unreachable(WZRUN_STATE) { WZRUN_RAISE(TrapKind::unreachable); }
WZRUN_HANDLER void unsupported(WZRUN_STATE) { WZRUN_RAISE(TrapKind::unsupported_instruction); }

WZRUN_HANDLER void branch(WZRUN_STATE) { WZRUN_NEXT(operand(pc, kHead)); }

WZRUN_HANDLER void branch_back(WZRUN_STATE) { WZRUN_BACK(operand(pc, kHead)); }

template <bool accumulator>
WZRUN_HANDLER void branch_table(WZRUN_STATE) {
  constexpr int kCount = kHead + (accumulator ? 0 : 4);
  const std::uint64_t index = accumulator ? acc : slot_at(fp, pc, kHead);
  const std::uint64_t last = read<std::uint32_t>(pc + kCount);
  const auto chosen = index < last ? index : last;
  const auto distance = read<std::int32_t>(pc + kCount + 4 + chosen * 4);
  if (distance < 0)
    WZRUN_BACK(distance);
  WZRUN_NEXT(distance);
}

// Moves.

template <Carrier carrier>
WZRUN_HANDLER void copy(WZRUN_STATE) {
  // The accumulators are left alone: a copy may stand between an instruction and the one that consumes its result.
  const auto value = read<CarrierOf<carrier>>(&slot_at(fp, pc, kHead));
  write(&slot_at(fp, pc, kHead + 4), value);
  WZRUN_NEXT(kHead + 8);
}

WZRUN_HANDLER void copy_two(WZRUN_STATE) {
  slot_at(fp, pc, kHead + 4) = slot_at(fp, pc, kHead);
  slot_at(fp, pc, kHead + 12) = slot_at(fp, pc, kHead + 8);
  WZRUN_NEXT(kHead + 16);
}

WZRUN_HANDLER void copy_many(WZRUN_STATE) {
  const auto slots = read<std::uint32_t>(pc + kHead + 4);
  move_arguments(&slot_at(fp, pc, kHead + 8), &slot_at(fp, pc, kHead), slots);
  WZRUN_NEXT(kHead + 12);
}

template <Carrier carrier>
WZRUN_HANDLER void store_accumulator(WZRUN_STATE) {
  write(&slot_at(fp, pc, kHead), fetch<CarrierOf<carrier>, From::accumulator, 0>(pc, fp, acc, vacc));
  WZRUN_NEXT(kHead + 4);
}

WZRUN_HANDLER void constant32(WZRUN_STATE) {
  put<std::uint32_t, To::slot, kHead + 4>(pc, fp, acc, vacc, read<std::uint32_t>(pc + kHead));
  WZRUN_NEXT(kHead + 8);
}
WZRUN_HANDLER void constant64(WZRUN_STATE) {
  put<std::uint64_t, To::slot, kHead + 8>(pc, fp, acc, vacc, read<std::uint64_t>(pc + kHead));
  WZRUN_NEXT(kHead + 12);
}
WZRUN_HANDLER void constant_float(WZRUN_STATE) {
  put<double, To::slot, kHead + 8>(pc, fp, acc, vacc, read<double>(pc + kHead));
  WZRUN_NEXT(kHead + 12);
}
WZRUN_HANDLER void constant128(WZRUN_STATE) {
  put<V128, To::slot, kHead + 16>(pc, fp, acc, vacc, read<V128>(pc + kHead));
  WZRUN_NEXT(kHead + 20);
}

template <Carrier carrier, bool accumulator>
WZRUN_HANDLER void select(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  const auto condition =
      fetch<std::uint32_t, accumulator ? From::accumulator : From::slot, kHead + 8>(pc, fp, acc, vacc);
  constexpr int kDst = kHead + (accumulator ? 8 : 12);
  const auto source = condition != 0 ? operand(pc, kHead) : operand(pc, kHead + 4);
  put<T, To::slot, kDst>(pc, fp, acc, vacc, read<T>(fp + source));
  WZRUN_NEXT(kDst + 4);
}

// Globals.

template <Carrier carrier, To to>
WZRUN_HANDLER void global_get(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  const auto value = read<T>(reinterpret_cast<const std::uint8_t*>(in) + read<std::uint32_t>(pc + kHead));
  put<T, to, kHead + 4>(pc, fp, acc, vacc, value);
  WZRUN_NEXT(kHead + 4 + (to == To::slot ? 4 : 0));
}

template <Carrier carrier, bool accumulator>
WZRUN_HANDLER void global_set(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  constexpr From kFrom = accumulator ? From::accumulator : From::slot;
  constexpr int kOffset = kHead + kOperandBytes<T, kFrom>;
  write(reinterpret_cast<std::uint8_t*>(in) + read<std::uint32_t>(pc + kOffset),
        fetch<T, kFrom, kHead>(pc, fp, acc, vacc));
  WZRUN_NEXT(kOffset + 4);
}

template <Carrier carrier>
WZRUN_HANDLER void global_get_imported(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  put<T, To::slot, kHead + 4>(pc, fp, acc, vacc, read<T>(in->globals[read<std::uint32_t>(pc + kHead)].cell));
  WZRUN_NEXT(kHead + 8);
}

template <Carrier carrier>
WZRUN_HANDLER void global_set_imported(WZRUN_STATE) {
  using T = CarrierOf<carrier>;
  write(in->globals[read<std::uint32_t>(pc + kHead + 4)].cell, read<T>(&slot_at(fp, pc, kHead)));
  WZRUN_NEXT(kHead + 8);
}

// References.

WZRUN_HANDLER void ref_func(WZRUN_STATE) {
  const auto function = reinterpret_cast<std::uint64_t>(in->function(read<std::uint32_t>(pc + kHead)));
  put<std::uint64_t, To::slot, kHead + 4>(pc, fp, acc, vacc, function);
  WZRUN_NEXT(kHead + 8);
}
WZRUN_HANDLER void ref_is_null(WZRUN_STATE) {
  put<std::uint32_t, To::slot, kHead + 4>(pc, fp, acc, vacc, slot_at(fp, pc, kHead) == 0);
  WZRUN_NEXT(kHead + 8);
}
WZRUN_HANDLER void ref_as_non_null(WZRUN_STATE) {
  if (slot_at(fp, pc, kHead) == 0) [[unlikely]]
    WZRUN_RAISE(TrapKind::null_reference);
  WZRUN_NEXT(kHead + 4);
}
WZRUN_HANDLER void ref_eq(WZRUN_STATE) {
  put<std::uint32_t, To::slot, kHead + 8>(pc, fp, acc, vacc, slot_at(fp, pc, kHead) == slot_at(fp, pc, kHead + 4));
  WZRUN_NEXT(kHead + 12);
}
template <bool on_null>
WZRUN_HANDLER void branch_on_null(WZRUN_STATE) {
  if ((slot_at(fp, pc, kHead) == 0) == on_null)
    WZRUN_NEXT(operand(pc, kHead + 4));
  WZRUN_NEXT(kHead + 8);
}

// Longer work: helpers outside, then a look at whether somebody wants the run to end.

#define WZRUN_HELPER(size, ...)                                       \
  do {                                                                \
    if (const auto trap = __VA_ARGS__; trap) [[unlikely]] {           \
      ex->trap_kind = *trap;                                          \
      WZRUN_TAIL raise_scratch(WZRUN_STATE_VALUES);                   \
    }                                                                 \
    if (ex->interrupted.load(std::memory_order_relaxed)) [[unlikely]] \
      WZRUN_TAIL raise_interrupted(WZRUN_STATE_VALUES);               \
    WZRUN_NEXT(size);                                                 \
  } while (false)

[[gnu::always_inline]] inline std::uint32_t index_at(const std::uint8_t* pc, int number) {
  return read<std::uint32_t>(pc + kHead + std::ptrdiff_t{4} * number);
}
[[gnu::always_inline]] inline Slot& value_at(Slot* fp, const std::uint8_t* pc, int number) {
  return slot_at(fp, pc, kHead + 4 * number);
}

WZRUN_HANDLER void op_table_get(WZRUN_STATE) {
  const auto& elements = in->tables[index_at(pc, 0)]->elements;
  const Slot index = value_at(fp, pc, 1);
  if (index >= elements.size()) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_table_access);
  put<std::uint64_t, To::slot, kHead + 8>(pc, fp, acc, vacc, elements[index]);
  WZRUN_NEXT(kHead + 12);
}
WZRUN_HANDLER void op_table_set(WZRUN_STATE) {
  auto& elements = in->tables[index_at(pc, 0)]->elements;
  const Slot index = value_at(fp, pc, 1);
  if (index >= elements.size()) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_table_access);
  elements[index] = value_at(fp, pc, 2);
  WZRUN_NEXT(kHead + 12);
}
WZRUN_HANDLER void op_table_size(WZRUN_STATE) {
  put<std::uint64_t, To::slot, kHead + 4>(pc, fp, acc, vacc, in->tables[index_at(pc, 0)]->elements.size());
  WZRUN_NEXT(kHead + 8);
}
WZRUN_HANDLER void op_table_grow(WZRUN_STATE) {
  const auto result = runtime::table_grow(*in, index_at(pc, 0), value_at(fp, pc, 1), value_at(fp, pc, 2));
  put<std::uint64_t, To::slot, kHead + 12>(pc, fp, acc, vacc, result);
  WZRUN_NEXT(kHead + 16);
}
WZRUN_HANDLER void op_table_fill(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 16,
               table_fill(*in, index_at(pc, 0), value_at(fp, pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3)));
}
WZRUN_HANDLER void op_table_copy(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 20, table_copy(*in, index_at(pc, 0), index_at(pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3),
                                      value_at(fp, pc, 4)));
}
WZRUN_HANDLER void op_table_init(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 20, table_init(*in, index_at(pc, 0), index_at(pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3),
                                      value_at(fp, pc, 4)));
}
WZRUN_HANDLER void op_elem_drop(WZRUN_STATE) {
  runtime::elem_drop(*in, index_at(pc, 0));
  WZRUN_NEXT(kHead + 4);
}
WZRUN_HANDLER void op_memory_size(WZRUN_STATE) {
  put<std::uint64_t, To::slot, kHead + 4>(pc, fp, acc, vacc, in->memories[index_at(pc, 0)]->size_pages());
  WZRUN_NEXT(kHead + 8);
}
WZRUN_HANDLER void op_memory_grow(WZRUN_STATE) {
  const auto result = runtime::memory_grow(*in, index_at(pc, 0), value_at(fp, pc, 1));
  put<std::uint64_t, To::slot, kHead + 8>(pc, fp, acc, vacc, result);
  WZRUN_NEXT(kHead + 12);
}
WZRUN_HANDLER void op_memory_fill(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 16,
               memory_fill(*in, index_at(pc, 0), value_at(fp, pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3)));
}
WZRUN_HANDLER void op_memory_copy(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 20, memory_copy(*in, index_at(pc, 0), index_at(pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3),
                                       value_at(fp, pc, 4)));
}
WZRUN_HANDLER void op_memory_init(WZRUN_STATE) {
  WZRUN_HELPER(kHead + 20, memory_init(*in, index_at(pc, 0), index_at(pc, 1), value_at(fp, pc, 2), value_at(fp, pc, 3),
                                       value_at(fp, pc, 4)));
}
WZRUN_HANDLER void op_data_drop(WZRUN_STATE) {
  runtime::data_drop(*in, index_at(pc, 0));
  WZRUN_NEXT(kHead + 4);
}

const Handler kTranslateEntry = translate_first;
const Handler kCompiledEntry = enter_compiled;
const Handler kHostReturn = leave_to_host;
const Handler kCrossReturn = leave_instance;

}  // namespace

WZRUN_HANDLER void loop_is_hot(WZRUN_STATE) {
  if (const auto entry = note_hot_loop(*in, code_of(fp), pc); entry != nullptr)
    WZRUN_RUN_COMPILED(runtime::enter_loop(*ex, entry, *in, fp, fp - kLinkSlots - code_of(fp).window));
  WZRUN_NEXT(0);
}

#define WZRUN_EACH_CARRIER(name) {name<Carrier::integer>, name<Carrier::floating>, name<Carrier::vector>}
#define WZRUN_EACH_CARRIER_PAIR(name, first, second)                     \
  {                                                                      \
      {name<Carrier::integer, first>, name<Carrier::integer, second>},   \
      {name<Carrier::floating, first>, name<Carrier::floating, second>}, \
      {name<Carrier::vector, first>, name<Carrier::vector, second>},     \
  }

constinit const ControlHandlers control_handlers = {
    .enter = enter,
    .unreachable = unreachable,
    .unsupported = unsupported,
    .branch = branch,
    .branch_back = branch_back,
    .branch_table = {branch_table<false>, branch_table<true>},
    .call = call,
    .call_import = call_import,
    .call_indirect = {call_indirect<false>, call_indirect<true>},
    .call_ref = call_ref,
    .return_call = return_call,
    .return_call_function = return_call_function,
    .resolve_import = resolve_import,
    .resolve_indirect = resolve_indirect,
    .resolve_ref = resolve_ref,
    .return_none = return_none,
    .return_one = WZRUN_EACH_CARRIER_PAIR(return_one, false, true),
    .return_many = return_many,
    .copy = WZRUN_EACH_CARRIER(copy),
    .copy_two = copy_two,
    .copy_many = copy_many,
    .store_accumulator = WZRUN_EACH_CARRIER(store_accumulator),
    .constant32 = constant32,
    .constant64 = constant64,
    .constant_float = constant_float,
    .constant128 = constant128,
    .select = WZRUN_EACH_CARRIER_PAIR(select, false, true),
    .global_get = WZRUN_EACH_CARRIER_PAIR(global_get, To::accumulator, To::slot),
    .global_set = WZRUN_EACH_CARRIER_PAIR(global_set, false, true),
    .global_get_imported = WZRUN_EACH_CARRIER(global_get_imported),
    .global_set_imported = WZRUN_EACH_CARRIER(global_set_imported),
    .ref_func = ref_func,
    .ref_is_null = ref_is_null,
    .ref_as_non_null = ref_as_non_null,
    .ref_eq = ref_eq,
    .branch_on_null = branch_on_null<true>,
    .branch_on_non_null = branch_on_null<false>,
    .table_get = op_table_get,
    .table_set = op_table_set,
    .table_size = op_table_size,
    .table_grow = op_table_grow,
    .table_fill = op_table_fill,
    .table_copy = op_table_copy,
    .table_init = op_table_init,
    .elem_drop = op_elem_drop,
    .memory_size = op_memory_size,
    .memory_grow = op_memory_grow,
    .memory_fill = op_memory_fill,
    .memory_copy = op_memory_copy,
    .memory_init = op_memory_init,
    .data_drop = op_data_drop,
};

const std::uint8_t* const translate_entry = reinterpret_cast<const std::uint8_t*>(&kTranslateEntry);
const std::uint8_t* const compiled_entry = reinterpret_cast<const std::uint8_t*>(&kCompiledEntry);
const std::uint8_t* const host_return = reinterpret_cast<const std::uint8_t*>(&kHostReturn);
const std::uint8_t* const cross_return = reinterpret_cast<const std::uint8_t*>(&kCrossReturn);

// The linker names the ends of a section so.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const std::uint8_t __start_wzrun_interp[];
extern "C" const std::uint8_t __stop_wzrun_interp[];
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

bool is_handler_address(const void* address) {
  return address >= __start_wzrun_interp && address < __stop_wzrun_interp;
}

}  // namespace wzrun::interp
