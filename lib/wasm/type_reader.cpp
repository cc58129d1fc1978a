#include "wasm/type_reader.h"

#include <fmt/format.h>

namespace wzrun::wasm {

std::unexpected<Error> needs_feature(std::uint64_t at, std::string_view what, Feature feature) {
  return ByteReader::unsupported(
      at, fmt::format("{} needs the feature \"{}\", which is disabled", what, to_string(feature)));
}

Expected<void> require(const Module& module, Feature feature, std::uint64_t at, std::string_view what) {
  if (!module.features.contains(feature))
    return needs_feature(at, what, feature);
  return {};
}

namespace {

bool is_abstract_heap(std::uint8_t byte) { return byte >= 0x69 && byte <= 0x74; }

/// The proposal that brought the abstract heap type as a value type.
Feature feature_of(AbstractHeap heap) {
  switch (heap) {
    case AbstractHeap::func:
    case AbstractHeap::extern_:
      return Feature::reference_types;
    case AbstractHeap::exn:
    case AbstractHeap::noexn:
      return Feature::exception_handling;
    default:
      return Feature::gc;
  }
}

Expected<HeapType> abstract_heap_type(const Module& module, std::uint8_t byte, std::uint64_t at) {
  const auto heap = static_cast<AbstractHeap>(byte);
  if (!module.features.contains(feature_of(heap)))
    return needs_feature(at, fmt::format("the type {}", to_string(ValueType::reference(true, heap))), feature_of(heap));
  return HeapType(heap);
}

Expected<ValueType> read_reference_type(ByteReader& in, const Module& module, std::string_view expected) {
  const auto at = in.offset();
  const auto byte = WZRUN_TRY(in.byte());
  if (is_abstract_heap(byte))
    return ValueType::reference(true, WZRUN_TRY(abstract_heap_type(module, byte, at)));
  if (byte != 0x63 && byte != 0x64)
    return ByteReader::malformed(at, fmt::format("malformed {}: {:#04x}", expected, byte));
  if (!module.features.contains(Feature::typed_function_references))
    return needs_feature(at, "a reference to a heap type", Feature::typed_function_references);
  return ValueType::reference(byte == 0x63, WZRUN_TRY(read_heap_type(in, module)));
}

}  // namespace

Expected<HeapType> read_heap_type(ByteReader& in, const Module& module) {
  const auto at = in.offset();
  const auto first = in.peek();
  if (is_abstract_heap(first)) {
    WZRUN_CHECK(in.byte());
    return abstract_heap_type(module, first, at);
  }
  const auto index = WZRUN_TRY(in.s33());
  if (index < 0)
    return ByteReader::malformed(at, fmt::format("malformed heap type: {:#04x}", first));
  if (static_cast<std::uint64_t>(index) >= module.types.size())
    return ByteReader::invalid(at, fmt::format("unknown type {}", index));
  return HeapType::defined(module.types[static_cast<std::size_t>(index)].canonical);
}

bool starts_value_type(std::uint8_t byte) {
  return (byte >= 0x7b && byte <= 0x7f) || byte == 0x63 || byte == 0x64 || is_abstract_heap(byte);
}

Expected<ValueType> read_value_type(ByteReader& in, const Module& module) {
  const auto at = in.offset();
  const auto byte = in.peek();
  if (byte < 0x7b || byte > 0x7f)
    return read_reference_type(in, module, "value type");
  WZRUN_CHECK(in.byte());
  if (byte == 0x7b && !module.features.contains(Feature::simd))
    return needs_feature(at, "the type v128", Feature::simd);
  return ValueType(static_cast<ValueKind>(byte));
}

Expected<ValueType> read_reference_type(ByteReader& in, const Module& module) {
  return read_reference_type(in, module, "reference type");
}

Expected<ValueType> read_table_element_type(ByteReader& in, const Module& module) {
  if (in.peek() != static_cast<std::uint8_t>(AbstractHeap::func))
    return read_reference_type(in, module);
  WZRUN_CHECK(in.byte());
  return value_types::funcref;
}

Expected<ValueType> read_storage_type(ByteReader& in, const Module& module) {
  const auto byte = in.peek();
  if (byte != 0x78 && byte != 0x77)
    return read_value_type(in, module);
  WZRUN_CHECK(in.byte());
  return ValueType(static_cast<ValueKind>(byte));
}

Expected<std::uint32_t> read_type_index(ByteReader& in, const Module& module) {
  const auto at = in.offset();
  const auto index = WZRUN_TRY(in.u32());
  if (index >= module.types.size())
    return ByteReader::invalid(at, fmt::format("unknown type {}", index));
  return module.types[index].canonical;
}

Expected<bool> read_mutability(ByteReader& in) {
  const auto at = in.offset();
  const auto byte = WZRUN_TRY(in.byte());
  if (byte > 1)
    return ByteReader::malformed(at, fmt::format("malformed mutability: {:#04x}", byte));
  return byte == 1;
}

}  // namespace wzrun::wasm
