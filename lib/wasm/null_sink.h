#pragma once

#include "wasm/function_frames.h"
#include "wasm/module.h"
#include "wasm/opcodes.h"

#include <array>
#include <cstdint>
#include <span>

namespace wzrun::wasm {

/// What a FunctionReader tells of a function: the members that a sink has. This one hears nothing, and with it the
/// reader only validates.
///
/// Told is each instruction that may be reached, with its operands popped and typed; dead code is validated in silence.
/// A member's result is the operand that the instruction pushes. Where the number of operands varies (calls, branches,
/// throw, struct_new, array_new_fixed) they are still on the operand stack, the last on top; results of calls are then
/// asked for one by one.
struct NullSink {
  /// false: no member is ever called.
  static constexpr bool kListens = false;
  /// What the sink keeps for a value, and for a frame: default constructible, cheap to copy.
  struct Operand {};
  struct Label {};
  using Frame = ControlFrame<Label>;

  /// `locals` are the types, parameters first. For a constant expression the function index is kNoIndex.
  void begin(const Module&, std::uint32_t /*function_index*/, std::span<const ValueType> /*locals*/,
             OperandStack<Operand>&, Frame& /*function_frame*/) {}
  /// Before each instruction: its byte offset in the module.
  void at(std::uint64_t /*offset*/) {}

  // Rows of opcodes.def
  template <Opcode op, typename... Operands>
  Operand numeric(Operands...) {
    return {};
  }
  template <Opcode op, typename... Operands>
  Operand lane(std::uint8_t /*lane*/, Operands...) {
    return {};
  }
  Operand shuffle(const std::array<std::uint8_t, 16>& /*lanes*/, Operand, Operand) { return {}; }
  Operand i32_const(std::uint32_t) { return {}; }
  Operand i64_const(std::uint64_t) { return {}; }
  Operand f32_const(std::uint32_t /*bits*/) { return {}; }
  Operand f64_const(std::uint64_t /*bits*/) { return {}; }
  Operand v128_const(const std::array<std::uint8_t, 16>&) { return {}; }
  /// Of WZRUN_LOAD and WZRUN_VECTOR_LOAD rows.
  template <Opcode op>
  Operand load(const MemoryArgument&, Operand /*address*/) {
    return {};
  }
  template <Opcode op>
  void store(const MemoryArgument&, Operand /*address*/, Operand /*value*/) {}
  template <Opcode op>
  Operand load_lane(const MemoryArgument&, std::uint8_t /*lane*/, Operand /*address*/, Operand /*vector*/) {
    return {};
  }
  template <Opcode op>
  void store_lane(const MemoryArgument&, std::uint8_t /*lane*/, Operand /*address*/, Operand /*vector*/) {}
  template <Opcode op>
  Operand atomic_load(const MemoryArgument&, Operand /*address*/) {
    return {};
  }
  template <Opcode op>
  void atomic_store(const MemoryArgument&, Operand /*address*/, Operand /*value*/) {}
  template <Opcode op>
  Operand atomic_rmw(const MemoryArgument&, Operand /*address*/, Operand /*value*/) {
    return {};
  }
  template <Opcode op>
  Operand atomic_cmpxchg(const MemoryArgument&, Operand /*address*/, Operand /*expected*/, Operand /*replacement*/) {
    return {};
  }

  // Threads
  Operand atomic_notify(const MemoryArgument&, Operand /*address*/, Operand /*count*/) { return {}; }
  /// memory_atomic_wait32 and memory_atomic_wait64.
  template <Opcode op>
  Operand atomic_wait(const MemoryArgument&, Operand /*address*/, Operand /*expected*/, Operand /*timeout*/) {
    return {};
  }
  void atomic_fence() {}

  // Variables
  Operand local_get(std::uint32_t) { return {}; }
  void local_set(std::uint32_t, Operand) {}
  Operand local_tee(std::uint32_t, Operand) { return {}; }
  Operand global_get(std::uint32_t) { return {}; }
  void global_set(std::uint32_t, Operand) {}

  // Tables
  Operand table_get(std::uint32_t /*table*/, Operand /*index*/) { return {}; }
  void table_set(std::uint32_t /*table*/, Operand /*index*/, Operand /*value*/) {}
  Operand table_size(std::uint32_t /*table*/) { return {}; }
  Operand table_grow(std::uint32_t /*table*/, Operand /*value*/, Operand /*delta*/) { return {}; }
  void table_fill(std::uint32_t /*table*/, Operand /*index*/, Operand /*value*/, Operand /*count*/) {}
  void table_copy(std::uint32_t /*to_table*/, std::uint32_t /*from_table*/, Operand /*to*/, Operand /*from*/,
                  Operand /*count*/) {}
  void table_init(std::uint32_t /*table*/, std::uint32_t /*segment*/, Operand /*to*/, Operand /*from*/,
                  Operand /*count*/) {}
  void elem_drop(std::uint32_t /*segment*/) {}

  // Memory
  Operand memory_size(std::uint32_t /*memory*/) { return {}; }
  Operand memory_grow(std::uint32_t /*memory*/, Operand /*delta*/) { return {}; }
  void memory_fill(std::uint32_t /*memory*/, Operand /*to*/, Operand /*value*/, Operand /*count*/) {}
  void memory_copy(std::uint32_t /*to_memory*/, std::uint32_t /*from_memory*/, Operand /*to*/, Operand /*from*/,
                   Operand /*count*/) {}
  void memory_init(std::uint32_t /*memory*/, std::uint32_t /*segment*/, Operand /*to*/, Operand /*from*/,
                   Operand /*count*/) {}
  void data_drop(std::uint32_t /*segment*/) {}

  // References
  Operand ref_null(HeapType) { return {}; }
  Operand ref_is_null(Operand) { return {}; }
  Operand ref_func(std::uint32_t /*function_index*/) { return {}; }
  Operand ref_eq(Operand, Operand) { return {}; }
  Operand ref_as_non_null(Operand) { return {}; }

  // Parametric
  void nop() {}
  void drop(ValueType, Operand) {}
  Operand select(ValueType, Operand /*if_true*/, Operand /*if_false*/, Operand /*condition*/) { return {}; }

  // Control. The frame is already pushed, its parameters are on the operand stack above frame.height.
  void unreachable() {}
  void block(Frame&) {}
  void loop(Frame&) {}
  void if_(Frame&, Operand /*condition*/) {}
  /// The first arm ends, its results on the stack if fallthrough_live. Then the stack is cut to frame.height, and the
  /// parameters are asked for with param().
  void else_(Frame&, bool /*fallthrough_live*/) {}
  /// The same for the block, with result(). Called only if frame.was_live. Reading goes on live if fallthrough_live, or
  /// if targeted and no loop, or if the kind is still if_: there was no else. The end of the function frame is the
  /// implicit return.
  void end(Frame&, bool /*fallthrough_live*/) {}
  Operand param(Frame&, std::size_t /*index*/) { return {}; }
  Operand result(Frame&, std::size_t /*index*/) { return {}; }

  // Branches carry the target's label_types(), on top of the stack; the sink may change their operands there.
  void br(Frame&) {}
  void br_if(Frame&, Operand /*condition*/) {}
  void br_table(std::span<Frame* const> /*targets, the default last*/, Operand /*index*/) {}
  void return_() {}
  /// Returns the reference where it is not null. It is not carried.
  Operand br_on_null(Frame&, Operand) { return {}; }
  /// The reference is also the last value carried.
  void br_on_non_null(Frame&, Operand) {}
  /// The reference is also the last value carried. `fail`: branches unless it is of the type `to`. Returns the
  /// reference where it does not branch.
  Operand br_on_cast(Frame&, ValueType /*from*/, ValueType /*to*/, Operand, bool /*fail*/) { return {}; }

  // Calls. The arguments are on top of the stack.
  void call(std::uint32_t /*function_index*/, const FunctionType&) {}
  void call_indirect(std::uint32_t /*table*/, std::uint32_t /*type_index*/, Operand /*index*/) {}
  void call_ref(std::uint32_t /*type_index*/, Operand /*function*/) {}
  /// After the call, when its arguments are popped, once for each result.
  Operand call_result(std::size_t /*index*/) { return {}; }
  void return_call(std::uint32_t /*function_index*/, const FunctionType&) {}
  void return_call_indirect(std::uint32_t /*table*/, std::uint32_t /*type_index*/, Operand /*index*/) {}
  void return_call_ref(std::uint32_t /*type_index*/, Operand /*function*/) {}

  // Exceptions
  /// The tag's parameters are on top of the stack.
  void throw_(std::uint32_t /*tag*/) {}
  void throw_ref(Operand) {}
  /// The catches' targets are frames around this one; what they carry is made when an exception is caught.
  void try_table(Frame&, std::span<const Catch<Label>>) {}
  // Legacy exceptions
  void try_(Frame&) {}
  /// The body or a catch before ends, its results on the stack if fallthrough_live; then the stack is cut, and the
  /// tag's parameters are asked for with param().
  void catch_(Frame&, std::uint32_t /*tag*/, bool /*fallthrough_live*/) {}
  void catch_all(Frame&, bool /*fallthrough_live*/) {}
  /// Ends the try block as end() does; exceptions go to `target`, a block around it or the function.
  void delegate(Frame&, Frame& /*target*/, bool /*fallthrough_live*/) {}
  /// Throws again what the frame, a catch_ or catch_all, has caught.
  void rethrow(Frame&) {}

  // Garbage collection
  /// The fields are on top of the stack.
  Operand struct_new(std::uint32_t /*type*/) { return {}; }
  Operand struct_new_default(std::uint32_t /*type*/) { return {}; }
  Operand struct_get(std::uint32_t /*type*/, std::uint32_t /*field*/, Operand) { return {}; }
  Operand struct_get_s(std::uint32_t /*type*/, std::uint32_t /*field*/, Operand) { return {}; }
  Operand struct_get_u(std::uint32_t /*type*/, std::uint32_t /*field*/, Operand) { return {}; }
  void struct_set(std::uint32_t /*type*/, std::uint32_t /*field*/, Operand, Operand /*value*/) {}
  Operand array_new(std::uint32_t /*type*/, Operand /*value*/, Operand /*length*/) { return {}; }
  Operand array_new_default(std::uint32_t /*type*/, Operand /*length*/) { return {}; }
  /// The elements are on top of the stack.
  Operand array_new_fixed(std::uint32_t /*type*/, std::uint32_t /*length*/) { return {}; }
  Operand array_new_data(std::uint32_t /*type*/, std::uint32_t /*segment*/, Operand /*from*/, Operand /*length*/) {
    return {};
  }
  Operand array_new_elem(std::uint32_t /*type*/, std::uint32_t /*segment*/, Operand /*from*/, Operand /*length*/) {
    return {};
  }
  Operand array_get(std::uint32_t /*type*/, Operand, Operand /*index*/) { return {}; }
  Operand array_get_s(std::uint32_t /*type*/, Operand, Operand /*index*/) { return {}; }
  Operand array_get_u(std::uint32_t /*type*/, Operand, Operand /*index*/) { return {}; }
  void array_set(std::uint32_t /*type*/, Operand, Operand /*index*/, Operand /*value*/) {}
  Operand array_len(Operand) { return {}; }
  void array_fill(std::uint32_t /*type*/, Operand, Operand /*index*/, Operand /*value*/, Operand /*count*/) {}
  void array_copy(std::uint32_t /*to_type*/, std::uint32_t /*from_type*/, Operand /*to*/, Operand /*to_index*/,
                  Operand /*from*/, Operand /*from_index*/, Operand /*count*/) {}
  void array_init_data(std::uint32_t /*type*/, std::uint32_t /*segment*/, Operand, Operand /*index*/, Operand /*from*/,
                       Operand /*count*/) {}
  void array_init_elem(std::uint32_t /*type*/, std::uint32_t /*segment*/, Operand, Operand /*index*/, Operand /*from*/,
                       Operand /*count*/) {}
  Operand ref_test(ValueType /*to*/, Operand) { return {}; }
  Operand ref_cast(ValueType /*to*/, Operand) { return {}; }
  Operand any_convert_extern(Operand) { return {}; }
  Operand extern_convert_any(Operand) { return {}; }
  Operand ref_i31(Operand) { return {}; }
  Operand i31_get_s(Operand) { return {}; }
  Operand i31_get_u(Operand) { return {}; }
};

}  // namespace wzrun::wasm
