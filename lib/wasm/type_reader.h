#pragma once

#include "wasm/byte_reader.h"
#include "wasm/module.h"

/// Reading types in the binary format.
/// Source: Wasm 3.0, 5.3.
namespace wzrun::wasm {

/// `what` needs a feature that is off: `unsupported`, and says so.
std::unexpected<Error> needs_feature(std::uint64_t at, std::string_view what, Feature feature);
/// Fails unless the feature is on.
Expected<void> require(const Module& module, Feature feature, std::uint64_t at, std::string_view what);

/// Type indices are checked against module.types and become canonical.
Expected<HeapType> read_heap_type(ByteReader& in, const Module& module);
Expected<ValueType> read_value_type(ByteReader& in, const Module& module);
Expected<ValueType> read_reference_type(ByteReader& in, const Module& module);
/// As read_reference_type, but funcref belongs to the first release.
Expected<ValueType> read_table_element_type(ByteReader& in, const Module& module);
/// A value type, or i8 or i16.
Expected<ValueType> read_storage_type(ByteReader& in, const Module& module);
/// Whether a byte starts a value type.
bool starts_value_type(std::uint8_t byte);
/// A type index that must exist; canonical. Errors: invalid, "unknown type".
Expected<std::uint32_t> read_type_index(ByteReader& in, const Module& module);

Expected<bool> read_mutability(ByteReader& in);

}  // namespace wzrun::wasm
