#pragma once

#include "wasm/module.h"

/// Relations between the types of one module, all given by canonical type indices.
/// Source: Wasm 3.0, 3.3.
namespace wzrun::wasm {

/// The heap type of an unknown reference in dead code: it matches every other.
inline constexpr HeapType kBottomHeap = HeapType::from_bits(HeapType(AbstractHeap{}).bits());

/// The abstract heap type right above a defined type's kind: func, struct or array.
AbstractHeap abstract_of(CompositeKind kind);

/// The type at the bottom of the hierarchy of a defined type's kind: nofunc or none.
AbstractHeap bottom_of(CompositeKind kind);
bool matches_abstract(AbstractHeap sub, AbstractHeap super);

bool matches(const Module& module, HeapType sub, HeapType super);

/// Whether a value of type `sub` may stand where `super` is expected; the bottom type may everywhere.
bool matches_slowly(const Module& module, ValueType sub, ValueType super);
inline bool matches(const Module& module, ValueType sub, ValueType super) {
  return sub == super || matches_slowly(module, sub, super);
}

bool matches(const Module& module, const FunctionType& sub, const FunctionType& super);
bool matches(const Module& module, const FieldType& sub, const FieldType& super);
/// Whether the composite types match, whatever supertypes they declare.
bool matches(const Module& module, const DefinedType& sub, const DefinedType& super);

/// The top of the hierarchy that the heap type is in: any, func, extern_ or exn.
AbstractHeap top_of(const Module& module, HeapType heap);

/// What is left of `from` where a cast to `to` fails.
ValueType difference(ValueType from, ValueType to);

/// The type of values read from a field: a packed one is read as i32.
constexpr ValueType unpacked(ValueType storage) {
  return storage.kind() == ValueKind::i8 || storage.kind() == ValueKind::i16 ? value_types::i32 : storage;
}

/// The type in the text format with its parts, such as `(func (param i32) (result i64))`.
std::string to_string(const FunctionType& type);

}  // namespace wzrun::wasm
