#pragma once

#include "wasm/function_state.h"

/// Reading parametric instructions, variables, tables and references.
/// Source: Wasm 3.0, 3.4.
namespace wzrun::wasm {

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::drop>) {
  typename FunctionState<Sink>::Entry value;
  if (!state.pop_any(value)) [[unlikely]]
    return false;
  state.tell([&] { state.sink.drop(value.type, value.operand); });
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::select>) {
  typename FunctionState<Sink>::Entry condition;
  typename FunctionState<Sink>::Entry if_false;
  typename FunctionState<Sink>::Entry if_true;
  if (!state.pop(value_types::i32, condition) || !state.pop_any(if_false) || !state.pop_any(if_true)) [[unlikely]]
    return false;
  for (const auto type : {if_true.type, if_false.type})
    if (type.is_reference()) [[unlikely]]
      return state.invalid(fmt::format("type mismatch: expected a number or vector, found {}", to_string(type)));
  const auto type = if_true.type.kind() == ValueKind::bottom ? if_false.type : if_true.type;
  if (if_false.type != type && if_false.type.kind() != ValueKind::bottom) [[unlikely]]
    return state.mismatch(type, if_false.type);
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.select(type, if_true.operand, if_false.operand, condition.operand); });
  return state.push(type, result);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::select_t>) {
  std::uint32_t count = 0;
  ValueType type;
  if (!state.read_u32(count))
    return false;
  if (count != 1)
    return state.invalid(fmt::format("invalid result arity: {} types, expected one", count));
  if (!state.read_value_type(type))
    return false;
  return state.operate(std::array{type, type, value_types::i32}, type,
                       [&](auto... operands) { return state.sink.select(type, operands...); });
}

// Variables

template <typename Sink>
bool read_local(FunctionState<Sink>& state, std::uint32_t& index, ValueType& type) {
  if (!state.read_index(index, state.locals.count(), "local")) [[unlikely]]
    return false;
  type = state.locals.type(index);
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::local_get>) {
  std::uint32_t index = 0;
  ValueType type;
  if (!read_local(state, index, type))
    return false;
  if (!state.locals.is_set(index))
    return state.invalid(fmt::format("uninitialized local {}: it has type {}", index, to_string(type)));
  return state.operate(std::array<ValueType, 0>{}, type, [&] { return state.sink.local_get(index); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::local_set>) {
  std::uint32_t index = 0;
  ValueType type;
  if (!read_local(state, index, type))
    return false;
  state.locals.set(index);
  return state.consume(std::array{type}, [&](auto value) { state.sink.local_set(index, value); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::local_tee>) {
  std::uint32_t index = 0;
  ValueType type;
  if (!read_local(state, index, type))
    return false;
  state.locals.set(index);
  return state.operate(std::array{type}, type, [&](auto value) { return state.sink.local_tee(index, value); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::global_get>) {
  std::uint32_t index = 0;
  if (!state.read_index(index, state.module.globals.size(), "global")) [[unlikely]]
    return false;
  const auto& type = state.module.globals[index].type;
  if (state.visible_globals != kNoIndex) [[unlikely]] {  // a constant expression
    if (index >= state.visible_globals)
      return state.unknown("global", index, state.visible_globals);
    if (type.is_mutable)
      return state.invalid(fmt::format("constant expression required: global {} is mutable", index));
    if (index >= state.module.imported_globals && !state.require(Feature::gc, "a global that is not imported, here,"))
      return false;
  }
  return state.operate(std::array<ValueType, 0>{}, type.value, [&] { return state.sink.global_get(index); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::global_set>) {
  std::uint32_t index = 0;
  if (!state.read_index(index, state.module.globals.size(), "global")) [[unlikely]]
    return false;
  const auto& type = state.module.globals[index].type;
  if (!type.is_mutable) [[unlikely]]
    return state.invalid(fmt::format("immutable global {}", index));
  return state.consume(std::array{type.value}, [&](auto value) { state.sink.global_set(index, value); });
}

// Tables

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_get>) {
  std::uint32_t table = 0;
  if (!state.read_table(table))
    return false;
  return state.operate(std::array{state.table_index_type(table)}, state.module.tables[table].type.element,
                       [&](auto index) { return state.sink.table_get(table, index); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_set>) {
  std::uint32_t table = 0;
  if (!state.read_table(table))
    return false;
  return state.consume(std::array{state.table_index_type(table), state.module.tables[table].type.element},
                       [&](auto... operands) { state.sink.table_set(table, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_size>) {
  std::uint32_t table = 0;
  if (!state.read_table(table))
    return false;
  return state.operate(std::array<ValueType, 0>{}, state.table_index_type(table),
                       [&] { return state.sink.table_size(table); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_grow>) {
  std::uint32_t table = 0;
  if (!state.read_table(table))
    return false;
  const auto index = state.table_index_type(table);
  return state.operate(std::array{state.module.tables[table].type.element, index}, index,
                       [&](auto... operands) { return state.sink.table_grow(table, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_fill>) {
  std::uint32_t table = 0;
  if (!state.read_table(table))
    return false;
  const auto index = state.table_index_type(table);
  return state.consume(std::array{index, state.module.tables[table].type.element, index},
                       [&](auto... operands) { state.sink.table_fill(table, operands...); });
}

/// The type of a count that must fit both index types.
inline ValueType smaller_index(ValueType a, ValueType b) {
  return a == value_types::i64 && b == value_types::i64 ? value_types::i64 : value_types::i32;
}

template <typename Sink>
bool check_element_type(FunctionState<Sink>& state, ValueType found, std::uint32_t table) {
  const auto expected = state.module.tables[table].type.element;
  return matches(state.module, found, expected) || state.mismatch(expected, found);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_copy>) {
  std::uint32_t to = 0;
  std::uint32_t from = 0;
  if (!state.read_table(to) || !state.read_table(from) ||
      !check_element_type(state, state.module.tables[from].type.element, to))
    return false;
  const auto to_index = state.table_index_type(to);
  const auto from_index = state.table_index_type(from);
  return state.consume(std::array{to_index, from_index, smaller_index(to_index, from_index)},
                       [&](auto... operands) { state.sink.table_copy(to, from, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::table_init>) {
  std::uint32_t segment = 0;
  std::uint32_t table = 0;
  if (!state.read_u32(segment) || !state.read_table(table))
    return false;
  if (segment >= state.module.elements.size())
    return state.unknown("elem segment", segment, state.module.elements.size());
  if (!check_element_type(state, state.module.elements[segment].type, table))
    return false;
  return state.consume(std::array{state.table_index_type(table), value_types::i32, value_types::i32},
                       [&](auto... operands) { state.sink.table_init(table, segment, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::elem_drop>) {
  std::uint32_t segment = 0;
  if (!state.read_element_segment(segment))
    return false;
  return state.consume(std::array<ValueType, 0>{}, [&] { state.sink.elem_drop(segment); });
}

// References

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_null>) {
  HeapType heap = AbstractHeap::any;
  if (!state.read_heap_type(heap))
    return false;
  return state.operate(std::array<ValueType, 0>{}, ValueType::reference(true, heap),
                       [&] { return state.sink.ref_null(heap); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_is_null>) {
  typename FunctionState<Sink>::Entry reference;
  if (!state.pop_reference(reference))
    return false;
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.ref_is_null(reference.operand); });
  return state.push(value_types::i32, result);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_func>) {
  std::uint32_t index = 0;
  if (!state.read_index(index, state.module.functions.size(), "function"))
    return false;
  const auto& function = state.module.functions[index];
  if (!function.is_declared)
    return state.invalid(
        fmt::format("undeclared function reference {}: only functions named outside of bodies count", index));
  return state.operate(std::array<ValueType, 0>{}, ValueType::reference(false, HeapType::defined(function.type_index)),
                       [&] { return state.sink.ref_func(index); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_eq>) {
  const auto eq = ValueType::reference(true, AbstractHeap::eq);
  return state.operate(std::array{eq, eq}, value_types::i32,
                       [&](auto... operands) { return state.sink.ref_eq(operands...); });
}

/// The same reference, not null; of an unknown one, an unknown one.
inline ValueType non_null(ValueType type) {
  return ValueType::reference(false, type.is_reference() ? type.heap() : kBottomHeap);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_as_non_null>) {
  typename FunctionState<Sink>::Entry reference;
  if (!state.pop_reference(reference))
    return false;
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.ref_as_non_null(reference.operand); });
  return state.push(non_null(reference.type), result);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_on_null>) {
  std::uint32_t depth = 0;
  typename FunctionState<Sink>::Entry reference;
  if (!state.read_label(depth) || !state.pop_reference(reference))
    return false;
  auto& target = state.frame_at(depth);
  if (!state.check_operands(target.label_types()))
    return false;
  state.target(target);
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.br_on_null(target, reference.operand); });
  return state.push(non_null(reference.type), result);
}

/// Checks that the label's last value is a reference that `carried` matches, and the others against the stack.
template <typename Sink>
bool check_carried(FunctionState<Sink>& state, std::span<const ValueType> types, ValueType carried) {
  if (types.empty())
    return state.invalid(
        fmt::format("type mismatch: the label takes nothing, the branch carries {}", to_string(carried)));
  if (!matches(state.module, carried, types.back()))
    return state.mismatch(types.back(), carried);
  return state.check_operands(types.first(types.size() - 1));
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_on_non_null>) {
  std::uint32_t depth = 0;
  typename FunctionState<Sink>::Entry reference;
  if (!state.read_label(depth) || !state.pop_reference(reference))
    return false;
  auto& target = state.frame_at(depth);
  const auto carried = non_null(reference.type);
  if (!check_carried(state, target.label_types(), carried) || !state.push(carried, reference.operand))
    return false;
  state.target(target);
  state.tell([&] { state.sink.br_on_non_null(target, reference.operand); });
  --state.stack.top;
  return true;
}

}  // namespace wzrun::wasm
