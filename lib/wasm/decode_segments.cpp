#include "wasm/limits.h"
#include "wasm/module_decoder.h"
#include "wasm/type_reader.h"

#include <algorithm>

/// Element and data segments.
/// Source: Wasm 3.0, 5.5.12, 5.5.14.
namespace wzrun::wasm {

namespace {

/// Bytes that a data segment with at least a byte of data takes.
constexpr std::size_t kUsualSegment = 6;

/// The bits of an element segment's leading number.
enum ElementFlag : std::uint32_t {
  kNotActive = 1,  ///< passive, or declarative with kExplicit
  kExplicit = 2,   ///< names its table, or is declarative
  kExpressions = 4,
};

}  // namespace

Expected<void> ModuleDecoder::element_section(ByteReader& in) {
  return elements(in, "element segment", limits::kSegments, 0, [&] { return element_segment(in); });
}

Expected<void> ModuleDecoder::element_segment(ByteReader& in) {
  const auto at = in.offset();
  const auto flags = WZRUN_TRY(in.u32());
  if (flags > 7)
    return ByteReader::malformed(at, fmt::format("malformed elements segment kind: {}", flags));
  if (flags != 0)
    WZRUN_CHECK(require(module_, Feature::bulk_memory_operations, at, "a segment with flags"));
  ElementSegment segment;
  segment.has_expressions = (flags & kExpressions) != 0;
  const bool is_explicit = (flags & kExplicit) != 0;
  if ((flags & kNotActive) != 0) {
    segment.mode = is_explicit ? SegmentMode::declarative : SegmentMode::passive;
  } else {
    segment.mode = SegmentMode::active;
    const auto table_at = in.offset();
    if (is_explicit)
      segment.table_index = WZRUN_TRY(in.u32());
    if (segment.table_index >= module_.tables.size())
      return ByteReader::invalid(table_at, fmt::format("unknown table {}", segment.table_index));
    segment.table_offset = WZRUN_TRY(constant_expression(in));
  }
  segment.type = ValueType::reference(segment.has_expressions, AbstractHeap::func);
  if ((flags & (kNotActive | kExplicit)) != 0) {
    const auto kind_at = in.offset();
    if (segment.has_expressions)
      segment.type = WZRUN_TRY(read_reference_type(in, module_));
    else if (const auto kind = WZRUN_TRY(in.byte()); kind != 0)
      return ByteReader::malformed(kind_at, fmt::format("malformed element kind: {:#04x}", kind));
  }
  WZRUN_CHECK(element_items(in, segment));
  module_.elements.push_back(std::move(segment));
  return {};
}

namespace {

[[gnu::cold]] std::unexpected<Error> unknown_function(std::uint64_t at, std::uint32_t index) {
  return ByteReader::invalid(at, fmt::format("unknown function {}", index));
}

/// Large modules have tens of thousands.
[[gnu::always_inline]] inline Expected<std::uint32_t> read_declared_function(ByteReader& in, Module& module) {
  const auto at = in.offset();
  const auto index = WZRUN_TRY(in.u32());
  if (index >= module.functions.size()) [[unlikely]]
    return unknown_function(at, index);
  module.functions[index].is_declared = true;
  return index;
}

}  // namespace

Expected<void> ModuleDecoder::element_items(ByteReader& in, ElementSegment& segment) {
  const auto count = WZRUN_TRY(in.count());
  if (segment.has_expressions) {
    segment.expressions.reserve(count / 2);  // an expression takes two bytes at least
    for (std::uint32_t i = 0; i < count; ++i)
      segment.expressions.push_back(WZRUN_TRY(constant_expression(in)));
    return {};
  }
  segment.function_indices.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i)
    segment.function_indices.push_back(WZRUN_TRY(read_declared_function(in, module_)));
  return {};
}

Expected<std::uint32_t> ModuleDecoder::declared_function(ByteReader& in) { return read_declared_function(in, module_); }

Expected<void> ModuleDecoder::data_section(ByteReader& in) {
  const auto count = ByteReader(in).count().value_or(0);
  module_.data.reserve(std::min<std::size_t>(count, in.remaining() / kUsualSegment));
  return elements(in, "data segment", limits::kSegments, 0, [&] { return data_segment(in); });
}

Expected<void> ModuleDecoder::data_segment(ByteReader& in) {
  constexpr std::uint32_t kPassive = 1;
  constexpr std::uint32_t kWithMemory = 2;
  const auto at = in.offset();
  const auto flags = WZRUN_TRY(in.u32());
  if (flags > kWithMemory)
    return ByteReader::malformed(at, fmt::format("malformed data segment kind: {}", flags));
  if (flags != 0)
    WZRUN_CHECK(require(module_, Feature::bulk_memory_operations, at, "a segment with flags"));
  auto& segment = module_.data.emplace_back();
  segment.mode = flags == kPassive ? SegmentMode::passive : SegmentMode::active;
  if (segment.mode == SegmentMode::active) {
    const auto memory_at = in.offset();
    if (flags == kWithMemory)
      segment.memory_index = WZRUN_TRY(in.u32());
    if (segment.memory_index >= module_.memories.size())
      return ByteReader::invalid(memory_at, fmt::format("unknown memory {}", segment.memory_index));
    segment.memory_offset = WZRUN_TRY(constant_expression(in));
  }
  const auto size = WZRUN_TRY(in.length());
  segment.bytes = WZRUN_TRY(in.bytes(size));
  return {};
}

}  // namespace wzrun::wasm
