#pragma once

#include "wasm/function_reader.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace wzrun::wasm {

/// A sink that makes sure of what FunctionReader promises: operands of live instructions were pushed by live ones and
/// have the types that the stack says, frames that it hears of were entered live. Stops the process otherwise.
class CheckingSink {
 public:
  static constexpr bool kListens = true;
  struct Operand {
    bool is_told = false;
  };
  struct Label {
    bool is_known = false;
  };
  using Frame = ControlFrame<Label>;

  std::uint64_t instructions = 0;

  void begin(const Module&, std::uint32_t, std::span<const ValueType> locals, OperandStack<Operand>& stack,
             Frame& frame) {
    locals_ = locals.size();
    stack_ = &stack;
    expect(stack.empty() && frame.kind == FrameKind::function && frame.live, "begin");
    frame.label.is_known = true;
    offset_ = 0;
    function_results_ = frame.type.results.size();
  }
  void at(std::uint64_t offset) {
    expect(offset >= offset_, "offsets rise");
    offset_ = offset;
    ++instructions;
  }

#define WZRUN_HEARS(name)                 \
  template <typename... Arguments>        \
  Operand name(const Arguments&... all) { \
    (hear(all), ...);                     \
    return {true};                        \
  }
#define WZRUN_HEARS_OF_ROW(name)              \
  template <Opcode op, typename... Arguments> \
  Operand name(const Arguments&... all) {     \
    (hear(all), ...);                         \
    return {true};                            \
  }
  WZRUN_HEARS_OF_ROW(numeric)
  WZRUN_HEARS_OF_ROW(lane)
  WZRUN_HEARS_OF_ROW(load)
  WZRUN_HEARS_OF_ROW(store)
  WZRUN_HEARS_OF_ROW(load_lane)
  WZRUN_HEARS_OF_ROW(store_lane)
  WZRUN_HEARS_OF_ROW(atomic_load)
  WZRUN_HEARS_OF_ROW(atomic_store)
  WZRUN_HEARS_OF_ROW(atomic_rmw)
  WZRUN_HEARS_OF_ROW(atomic_cmpxchg)
  WZRUN_HEARS_OF_ROW(atomic_wait)
  WZRUN_HEARS(shuffle)
  WZRUN_HEARS(i32_const)
  WZRUN_HEARS(i64_const)
  WZRUN_HEARS(f32_const)
  WZRUN_HEARS(f64_const)
  WZRUN_HEARS(v128_const)
  WZRUN_HEARS(atomic_notify)
  WZRUN_HEARS(atomic_fence)
  WZRUN_HEARS(global_get)
  WZRUN_HEARS(global_set)
  WZRUN_HEARS(table_get)
  WZRUN_HEARS(table_set)
  WZRUN_HEARS(table_size)
  WZRUN_HEARS(table_grow)
  WZRUN_HEARS(table_fill)
  WZRUN_HEARS(table_copy)
  WZRUN_HEARS(table_init)
  WZRUN_HEARS(elem_drop)
  WZRUN_HEARS(memory_size)
  WZRUN_HEARS(memory_grow)
  WZRUN_HEARS(memory_fill)
  WZRUN_HEARS(memory_copy)
  WZRUN_HEARS(memory_init)
  WZRUN_HEARS(data_drop)
  WZRUN_HEARS(ref_null)
  WZRUN_HEARS(ref_is_null)
  WZRUN_HEARS(ref_func)
  WZRUN_HEARS(ref_eq)
  WZRUN_HEARS(ref_as_non_null)
  WZRUN_HEARS(nop)
  WZRUN_HEARS(drop)
  WZRUN_HEARS(select)
  WZRUN_HEARS(unreachable)
  WZRUN_HEARS(throw_ref)
  WZRUN_HEARS(struct_new_default)
  WZRUN_HEARS(struct_get)
  WZRUN_HEARS(struct_get_s)
  WZRUN_HEARS(struct_get_u)
  WZRUN_HEARS(struct_set)
  WZRUN_HEARS(array_new)
  WZRUN_HEARS(array_new_default)
  WZRUN_HEARS(array_new_data)
  WZRUN_HEARS(array_new_elem)
  WZRUN_HEARS(array_get)
  WZRUN_HEARS(array_get_s)
  WZRUN_HEARS(array_get_u)
  WZRUN_HEARS(array_set)
  WZRUN_HEARS(array_len)
  WZRUN_HEARS(array_fill)
  WZRUN_HEARS(array_copy)
  WZRUN_HEARS(array_init_data)
  WZRUN_HEARS(array_init_elem)
  WZRUN_HEARS(ref_test)
  WZRUN_HEARS(ref_cast)
  WZRUN_HEARS(any_convert_extern)
  WZRUN_HEARS(extern_convert_any)
  WZRUN_HEARS(ref_i31)
  WZRUN_HEARS(i31_get_s)
  WZRUN_HEARS(i31_get_u)
#undef WZRUN_HEARS
#undef WZRUN_HEARS_OF_ROW

  Operand local_get(std::uint32_t index) { return local(index, {true}); }
  void local_set(std::uint32_t index, Operand value) { local(index, value); }
  Operand local_tee(std::uint32_t index, Operand value) { return local(index, value); }

  void block(Frame& frame) { enter(frame, FrameKind::block); }
  void loop(Frame& frame) { enter(frame, FrameKind::loop); }
  void if_(Frame& frame, Operand condition) {
    hear(condition);
    enter(frame, FrameKind::if_);
  }
  void try_(Frame& frame) { enter(frame, FrameKind::try_); }
  void try_table(Frame& frame, std::span<const Catch<Label>> clauses) {
    enter(frame, FrameKind::try_table);
    for (const auto& clause : clauses)
      expect(clause.target->label.is_known && clause.target->targeted, "target of a catch");
  }
  void else_(Frame& frame, bool falls_through) {
    expect(frame.kind == FrameKind::if_, "else");
    leave(frame, falls_through);
  }
  void catch_(Frame& frame, std::uint32_t, bool falls_through) { leave(frame, falls_through); }
  void catch_all(Frame& frame, bool falls_through) { leave(frame, falls_through); }
  void end(Frame& frame, bool falls_through) { leave(frame, falls_through); }
  void delegate(Frame& frame, Frame& target, bool falls_through) {
    leave(frame, falls_through);
    expect(target.label.is_known, "target of delegate");
  }
  void rethrow(Frame& frame) { expect(frame.label.is_known, "target of rethrow"); }
  Operand param(Frame&, std::size_t) { return {true}; }
  Operand result(Frame&, std::size_t) { return {true}; }

  void br(Frame& target) { branch(target); }
  void br_if(Frame& target, Operand condition) {
    hear(condition);
    branch(target);
  }
  void br_table(std::span<Frame* const> targets, Operand index) {
    hear(index);
    for (auto* const target : targets)
      branch(*target);
  }
  void return_() { carry(function_results_); }
  Operand br_on_null(Frame& target, Operand reference) {
    hear(reference);
    branch(target);
    return {true};
  }
  void br_on_non_null(Frame& target, Operand reference) {
    hear(reference);
    branch(target);
  }
  Operand br_on_cast(Frame& target, ValueType, ValueType, Operand reference, bool) {
    hear(reference);
    branch(target);
    return {true};
  }

  void call(std::uint32_t, const FunctionType& type) { carry(type.params.size()); }
  void call_indirect(std::uint32_t, std::uint32_t, Operand index) { hear(index); }
  void call_ref(std::uint32_t, Operand function) { hear(function); }
  Operand call_result(std::size_t) { return {true}; }
  void return_call(std::uint32_t, const FunctionType& type) { carry(type.params.size()); }
  void return_call_indirect(std::uint32_t, std::uint32_t, Operand index) { hear(index); }
  void return_call_ref(std::uint32_t, Operand function) { hear(function); }
  void throw_(std::uint32_t) {}
  Operand struct_new(std::uint32_t) { return {true}; }
  Operand array_new_fixed(std::uint32_t, std::uint32_t length) {
    carry(length);
    return {true};
  }

 private:
  static void expect(bool holds, const char* what) {
    if (holds)
      return;
    std::fprintf(stderr, "FunctionReader broke its promise: %s\n", what);
    std::abort();
  }
  void hear(Operand operand) { expect(operand.is_told, "operand of a live instruction"); }
  template <typename Immediate>
  void hear(const Immediate&) {}

  Operand local(std::uint32_t index, Operand value) {
    expect(index < locals_, "local");
    hear(value);
    return value;
  }
  /// The topmost operands are known.
  void carry(std::size_t count) {
    expect(stack_->size() >= count, "operands carried");
    for (const auto& entry : stack_->last(count))
      hear(entry.operand);
  }
  void enter(Frame& frame, FrameKind kind) {
    expect(frame.kind == kind && frame.live && frame.was_live, "frame entered live");
    expect(stack_->size() == frame.height + frame.type.params.size(), "height of a frame");
    carry(frame.type.params.size());
    frame.label.is_known = true;
  }
  void leave(Frame& frame, bool falls_through) {
    expect(frame.was_live && frame.label.is_known, "frame left");
    expect(stack_->size() == frame.height + frame.type.results.size(), "height at an end");
    if (falls_through)
      carry(frame.type.results.size());
  }
  void branch(Frame& target) {
    expect(target.label.is_known && target.targeted, "target of a branch");
    carry(target.label_types().size());
  }

  OperandStack<Operand>* stack_ = nullptr;
  std::size_t locals_ = 0;
  std::size_t function_results_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace wzrun::wasm
