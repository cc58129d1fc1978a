#pragma once

#include "wasm/read_variables.h"

/// Reading instructions on structures, arrays, i31 and casts.
/// Source: Wasm 3.0, 3.4.8, 5.4.5.
namespace wzrun::wasm {

inline ValueType reference_to(std::uint32_t type_index, bool nullable) {
  return ValueType::reference(nullable, HeapType::defined(type_index));
}

inline bool is_packed(ValueType storage) { return unpacked(storage) != storage; }

/// Whether a field has a default value.
inline bool has_default(const FieldType& field) { return field.storage.is_defaultable(); }

template <typename Sink>
bool read_structure(FunctionState<Sink>& state, std::uint32_t& type) {
  return state.read_type_index(CompositeKind::structure, type);
}
template <typename Sink>
bool read_array(FunctionState<Sink>& state, std::uint32_t& type, FieldType& element) {
  if (!state.read_type_index(CompositeKind::array, type))
    return false;
  element = state.module.types[type].fields[0];
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_new>) {
  std::uint32_t type = 0;
  if (!read_structure(state, type))
    return false;
  auto& values = state.scratch;
  values.clear();
  for (const auto& field : state.module.types[type].fields)
    values.push_back(unpacked(field.storage));
  if (!state.check_operands(values))
    return false;
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.struct_new(type); });
  state.stack.top -= values.size();
  return state.push(reference_to(type, false), result);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_new_default>) {
  std::uint32_t type = 0;
  if (!read_structure(state, type))
    return false;
  if (!std::ranges::all_of(state.module.types[type].fields, has_default))
    return state.invalid(fmt::format("type mismatch: a field of type {} has no default value", type));
  return state.operate(std::array<ValueType, 0>{}, reference_to(type, false),
                       [&] { return state.sink.struct_new_default(type); });
}

/// A field: the structure's type, the field's index and type.
template <typename Sink>
bool read_field(FunctionState<Sink>& state, std::uint32_t& type, std::uint32_t& index, FieldType& field) {
  if (!read_structure(state, type))
    return false;
  const auto fields = state.module.types[type].fields;
  if (!state.read_index(index, fields.size(), "field"))
    return false;
  field = fields[index];
  return true;
}

/// `packed`: the instruction extends a packed field.
template <typename Sink>
bool check_packed(FunctionState<Sink>& state, ValueType storage, bool packed) {
  if (is_packed(storage) == packed)
    return true;
  return state.invalid(
      fmt::format("type mismatch: field is {}: {}", packed ? "unpacked" : "packed", to_string(storage)));
}

template <typename Sink, typename Tell>
bool read_struct_get(FunctionState<Sink>& state, bool packed, Tell&& tell_sink) {
  std::uint32_t type = 0;
  std::uint32_t index = 0;
  FieldType field;
  if (!read_field(state, type, index, field) || !check_packed(state, field.storage, packed))
    return false;
  return state.operate(std::array{reference_to(type, true)}, unpacked(field.storage),
                       [&](auto structure) { return tell_sink(type, index, structure); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_get>) {
  return read_struct_get(state, false, [&](auto... a) { return state.sink.struct_get(a...); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_get_s>) {
  return read_struct_get(state, true, [&](auto... a) { return state.sink.struct_get_s(a...); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_get_u>) {
  return read_struct_get(state, true, [&](auto... a) { return state.sink.struct_get_u(a...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::struct_set>) {
  std::uint32_t type = 0;
  std::uint32_t index = 0;
  FieldType field;
  if (!read_field(state, type, index, field))
    return false;
  if (!field.is_mutable)
    return state.invalid(fmt::format("immutable field {} of type {}", index, type));
  return state.consume(std::array{reference_to(type, true), unpacked(field.storage)},
                       [&](auto... operands) { state.sink.struct_set(type, index, operands...); });
}

// Arrays

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_new>) {
  std::uint32_t type = 0;
  FieldType element;
  if (!read_array(state, type, element))
    return false;
  return state.operate(std::array{unpacked(element.storage), value_types::i32}, reference_to(type, false),
                       [&](auto... operands) { return state.sink.array_new(type, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_new_default>) {
  std::uint32_t type = 0;
  FieldType element;
  if (!read_array(state, type, element))
    return false;
  if (!has_default(element))
    return state.invalid(fmt::format("type mismatch: the elements of type {} have no default value", type));
  return state.operate(std::array{value_types::i32}, reference_to(type, false),
                       [&](auto length) { return state.sink.array_new_default(type, length); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_new_fixed>) {
  std::uint32_t type = 0;
  FieldType element;
  std::uint32_t length = 0;
  if (!read_array(state, type, element) || !state.read_u32(length))
    return false;
  if (length > limits::kArrayNewFixed)
    return state.fail(ErrorKind::unsupported,
                      fmt::format("{} elements, the limit is {}", length, limits::kArrayNewFixed));
  const auto value = unpacked(element.storage);
  // In dead code the operands may be missing.
  const auto on_stack = std::min<std::size_t>(length, state.available());
  if (on_stack < length && !state.frame().unreachable)
    return state.stack_empty(value);
  for (std::size_t i = 0; i < on_stack; ++i)
    if (const auto found = state.stack.top[-1 - static_cast<std::ptrdiff_t>(i)].type;
        !matches(state.module, found, value))
      return state.mismatch(value, found);
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.array_new_fixed(type, length); });
  state.stack.top -= on_stack;
  return state.push(reference_to(type, false), result);
}

template <typename Sink>
bool check_bytes(FunctionState<Sink>& state, const FieldType& element) {
  if (!element.storage.is_reference())
    return true;
  return state.invalid(fmt::format("array type is not numeric or vector: {}", to_string(element.storage)));
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_new_data>) {
  std::uint32_t type = 0;
  FieldType element;
  std::uint32_t segment = 0;
  if (!read_array(state, type, element) || !state.read_data_segment(segment) || !check_bytes(state, element))
    return false;
  return state.operate(std::array{value_types::i32, value_types::i32}, reference_to(type, false),
                       [&](auto... operands) { return state.sink.array_new_data(type, segment, operands...); });
}

template <typename Sink>
bool check_segment_type(FunctionState<Sink>& state, std::uint32_t segment, const FieldType& element) {
  const auto found = state.module.elements[segment].type;
  return matches(state.module, found, element.storage) || state.mismatch(element.storage, found);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_new_elem>) {
  std::uint32_t type = 0;
  FieldType element;
  std::uint32_t segment = 0;
  if (!read_array(state, type, element) || !state.read_element_segment(segment) ||
      !check_segment_type(state, segment, element))
    return false;
  return state.operate(std::array{value_types::i32, value_types::i32}, reference_to(type, false),
                       [&](auto... operands) { return state.sink.array_new_elem(type, segment, operands...); });
}

template <typename Sink, typename Tell>
bool read_array_get(FunctionState<Sink>& state, bool packed, Tell&& tell_sink) {
  std::uint32_t type = 0;
  FieldType element;
  if (!read_array(state, type, element) || !check_packed(state, element.storage, packed))
    return false;
  return state.operate(std::array{reference_to(type, true), value_types::i32}, unpacked(element.storage),
                       [&](auto... operands) { return tell_sink(type, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_get>) {
  return read_array_get(state, false, [&](auto... a) { return state.sink.array_get(a...); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_get_s>) {
  return read_array_get(state, true, [&](auto... a) { return state.sink.array_get_s(a...); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_get_u>) {
  return read_array_get(state, true, [&](auto... a) { return state.sink.array_get_u(a...); });
}

template <typename Sink>
bool read_mutable_array(FunctionState<Sink>& state, std::uint32_t& type, FieldType& element) {
  if (!read_array(state, type, element))
    return false;
  return element.is_mutable || state.invalid(fmt::format("immutable array: type {}", type));
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_set>) {
  std::uint32_t type = 0;
  FieldType element;
  if (!read_mutable_array(state, type, element))
    return false;
  return state.consume(std::array{reference_to(type, true), value_types::i32, unpacked(element.storage)},
                       [&](auto... operands) { state.sink.array_set(type, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_len>) {
  return state.operate(std::array{ValueType::reference(true, AbstractHeap::array)}, value_types::i32,
                       [&](auto array) { return state.sink.array_len(array); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_fill>) {
  std::uint32_t type = 0;
  FieldType element;
  if (!read_mutable_array(state, type, element))
    return false;
  return state.consume(
      std::array{reference_to(type, true), value_types::i32, unpacked(element.storage), value_types::i32},
      [&](auto... operands) { state.sink.array_fill(type, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_copy>) {
  std::uint32_t to = 0;
  std::uint32_t from = 0;
  FieldType to_element;
  FieldType from_element;
  if (!read_mutable_array(state, to, to_element) || !read_array(state, from, from_element))
    return false;
  if (!matches(state.module, from_element.storage, to_element.storage))
    return state.invalid(fmt::format("array types do not match: {} into {}", to_string(from_element.storage),
                                     to_string(to_element.storage)));
  return state.consume(std::array{reference_to(to, true), value_types::i32, reference_to(from, true), value_types::i32,
                                  value_types::i32},
                       [&](auto... operands) { state.sink.array_copy(to, from, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_init_data>) {
  std::uint32_t type = 0;
  FieldType element;
  std::uint32_t segment = 0;
  if (!read_mutable_array(state, type, element) || !state.read_data_segment(segment) || !check_bytes(state, element))
    return false;
  return state.consume(std::array{reference_to(type, true), value_types::i32, value_types::i32, value_types::i32},
                       [&](auto... operands) { state.sink.array_init_data(type, segment, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::array_init_elem>) {
  std::uint32_t type = 0;
  FieldType element;
  std::uint32_t segment = 0;
  if (!read_mutable_array(state, type, element) || !state.read_element_segment(segment) ||
      !check_segment_type(state, segment, element))
    return false;
  return state.consume(std::array{reference_to(type, true), value_types::i32, value_types::i32, value_types::i32},
                       [&](auto... operands) { state.sink.array_init_elem(type, segment, operands...); });
}

// i31 and conversions

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_i31>) {
  return state.operate(std::array{value_types::i32}, ValueType::reference(false, AbstractHeap::i31),
                       [&](auto value) { return state.sink.ref_i31(value); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::i31_get_s>) {
  return state.operate(std::array{ValueType::reference(true, AbstractHeap::i31)}, value_types::i32,
                       [&](auto value) { return state.sink.i31_get_s(value); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::i31_get_u>) {
  return state.operate(std::array{ValueType::reference(true, AbstractHeap::i31)}, value_types::i32,
                       [&](auto value) { return state.sink.i31_get_u(value); });
}

/// A reference from one of the hierarchies extern and any to the other, as nullable as it was.
template <typename Sink, typename Tell>
bool read_conversion(FunctionState<Sink>& state, AbstractHeap from, AbstractHeap to, Tell&& tell_sink) {
  typename FunctionState<Sink>::Entry reference;
  if (!state.pop(ValueType::reference(true, from), reference))
    return false;
  typename Sink::Operand result{};
  state.tell([&] { result = tell_sink(reference.operand); });
  return state.push(ValueType::reference(reference.type.is_nullable(), to), result);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::any_convert_extern>) {
  return read_conversion(state, AbstractHeap::extern_, AbstractHeap::any,
                         [&](auto reference) { return state.sink.any_convert_extern(reference); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::extern_convert_any>) {
  return read_conversion(state, AbstractHeap::any, AbstractHeap::extern_,
                         [&](auto reference) { return state.sink.extern_convert_any(reference); });
}

// Casts

/// The target of a test or cast, and the top of its hierarchy: what the operand may be.
template <typename Sink>
bool read_cast_target(FunctionState<Sink>& state, bool nullable, ValueType& to, ValueType& from) {
  HeapType heap = AbstractHeap::any;
  if (!state.read_heap_type(heap))
    return false;
  to = ValueType::reference(nullable, heap);
  from = ValueType::reference(true, top_of(state.module, heap));
  return true;
}

template <typename Sink>
bool read_ref_test(FunctionState<Sink>& state, bool nullable) {
  ValueType to;
  ValueType from;
  if (!read_cast_target(state, nullable, to, from))
    return false;
  return state.operate(std::array{from}, value_types::i32,
                       [&](auto reference) { return state.sink.ref_test(to, reference); });
}
template <typename Sink>
bool read_ref_cast(FunctionState<Sink>& state, bool nullable) {
  ValueType to;
  ValueType from;
  if (!read_cast_target(state, nullable, to, from))
    return false;
  return state.operate(std::array{from}, to, [&](auto reference) { return state.sink.ref_cast(to, reference); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_test>) {
  return read_ref_test(state, false);
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_test_null>) {
  return read_ref_test(state, true);
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_cast>) {
  return read_ref_cast(state, false);
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::ref_cast_null>) {
  return read_ref_cast(state, true);
}

template <typename Sink>
bool read_br_on_cast(FunctionState<Sink>& state, bool fail) {
  std::uint8_t flags = 0;
  std::uint32_t depth = 0;
  HeapType from_heap = AbstractHeap::any;
  HeapType to_heap = AbstractHeap::any;
  if (!state.read_byte(flags))
    return false;
  if (flags > 3)
    return state.malformed(fmt::format("malformed cast flags: {:#04x}", flags));
  if (!state.read_label(depth) || !state.read_heap_type(from_heap) || !state.read_heap_type(to_heap))
    return false;
  const auto from = ValueType::reference((flags & 1) != 0, from_heap);
  const auto to = ValueType::reference((flags & 2) != 0, to_heap);
  if (!matches(state.module, to, from))
    return state.mismatch(from, to);
  const auto carried = fail ? difference(from, to) : to;
  const auto kept = fail ? to : difference(from, to);
  typename FunctionState<Sink>::Entry reference;
  auto& target = state.frame_at(depth);
  if (!state.pop(from, reference) || !check_carried(state, target.label_types(), carried) ||
      !state.push(carried, reference.operand))
    return false;
  state.target(target);
  typename Sink::Operand result{};
  state.tell([&] { result = state.sink.br_on_cast(target, from, to, reference.operand, fail); });
  state.stack.top[-1] = {kept, result};
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_on_cast>) {
  return read_br_on_cast(state, false);
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_on_cast_fail>) {
  return read_br_on_cast(state, true);
}

}  // namespace wzrun::wasm
