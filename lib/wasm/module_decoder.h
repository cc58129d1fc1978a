#pragma once

#include "wasm/byte_reader.h"
#include "wasm/decoder.h"
#include "wasm/opcodes.h"
#include "wasm/rec_group.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

/// Decoding inside: one member a section, spread over decode_*.cpp by subject.
namespace wzrun::wasm {

enum class SectionId : std::uint8_t {
  custom,
  type,
  import,
  function,
  table,
  memory,
  global,
  export_,
  start,
  element,
  code,
  data,
  data_count,
  tag,
};
inline constexpr std::uint8_t kSectionCount = 14;
std::string_view to_string(SectionId id);

class ModuleDecoder {
 public:
  ModuleDecoder(Bytes bytes, CoreFeatures features, DecodeOptions options);
  Expected<Module> decode();

 private:
  using Status = Expected<void>;

  // decoder.cpp: framing
  Status header(ByteReader& in);
  Status section(ByteReader& in);
  Status known_section(SectionId id, ByteReader& in);
  Status order(SectionId id, std::uint64_t at);
  Status custom_section(ByteReader& in);
  Status start_section(ByteReader& in);
  Status data_count_section(ByteReader& in);
  Status code_section(ByteReader& in);
  Status finish();

  // decode_types.cpp
  Status type_section(ByteReader& in);
  Status rec_group(ByteReader& in);
  Status sub_type(ByteReader& in, std::uint32_t index);
  Status composite_type(ByteReader& in, std::uint32_t index);
  Status function_type(ByteReader& in, DefinedType& type);
  Expected<std::span<const ValueType>> value_types(ByteReader& in, std::uint32_t limit, std::string_view what);
  Expected<FieldType> field_type(ByteReader& in);
  Status add_types(std::uint32_t count, std::uint64_t at);
  Status close_group(std::uint64_t at);
  Status check_supertypes(RecGroup group, std::uint64_t at);

  // decode_definitions.cpp: imports, definitions, exports
  Status import_section(ByteReader& in);
  Status import(ByteReader& in, Import& import);
  Status function_section(ByteReader& in);
  Status table_section(ByteReader& in);
  Status memory_section(ByteReader& in);
  Status global_section(ByteReader& in);
  Status tag_section(ByteReader& in);
  Status export_section(ByteReader& in);
  Status check_export_names();
  Expected<std::uint32_t> function_type_index(ByteReader& in);
  Expected<TableType> table_type(ByteReader& in);
  Expected<MemoryType> memory_type(ByteReader& in);
  Expected<GlobalType> global_type(ByteReader& in);
  Expected<Tag> tag_type(ByteReader& in);
  Expected<Limits> limits(ByteReader& in, bool of_memory);
  Status add_function(std::uint32_t type_index, std::uint64_t at);
  Status add_memory(MemoryType type, std::uint64_t at);
  Status add_table(const Table& table, std::uint64_t at);
  std::size_t index_space_size(ExternKind kind) const;

  // decode_segments.cpp
  Status element_section(ByteReader& in);
  Status element_segment(ByteReader& in);
  Status element_items(ByteReader& in, ElementSegment& segment);
  Status data_section(ByteReader& in);
  Status data_segment(ByteReader& in);
  /// An index of a function that bodies may name with ref.func from now on.
  Expected<std::uint32_t> declared_function(ByteReader& in);

  // decode_constants.cpp
  /// Finds the end of a constant expression and declares the functions it names.
  Expected<ConstantExpression> constant_expression(ByteReader& in);
  Status constant_instruction(ByteReader& in, std::uint64_t at, Opcode opcode);

  /// Reads a count and that many elements; errors get the element's index in front: `global 3: ...`.
  template <typename Read>
  Status elements(ByteReader& in, std::string_view what, std::uint32_t limit, std::size_t first_index, Read&& read);

  Module module_;
  DecodeOptions options_;
  GroupTable groups_;
  unsigned last_order_ = 0;
  bool has_code_section_ = false;
  std::uint64_t exports_offset_ = 0;
};

/// The error with words in front of its message.
Error prefixed(Error error, std::string_view prefix);

template <typename Read>
Expected<void> ModuleDecoder::elements(ByteReader& in, std::string_view what, std::uint32_t limit,
                                       std::size_t first_index, Read&& read) {
  const auto at = in.offset();
  const auto count = WZRUN_TRY(in.count());
  if (count > limit)
    return ByteReader::unsupported(at, fmt::format("{} {}s, the limit is {}", count, what, limit));
  for (std::uint32_t i = 0; i < count; ++i)
    if (auto status = read(); !status) [[unlikely]]
      return std::unexpected(prefixed(std::move(status).error(), fmt::format("{} {}", what, first_index + i)));
  return {};
}

}  // namespace wzrun::wasm
