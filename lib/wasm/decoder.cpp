#include "wasm/decoder.h"

#include "wasm/escape.h"
#include "wasm/limits.h"
#include "wasm/module_decoder.h"
#include "wasm/type_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wzrun::wasm {

std::string_view to_string(ExternKind kind) {
  switch (kind) {
    case ExternKind::function:
      return "func";
    case ExternKind::table:
      return "table";
    case ExternKind::memory:
      return "memory";
    case ExternKind::global:
      return "global";
    case ExternKind::tag:
      return "tag";
  }
  return "unknown";
}

std::string_view to_string(SectionId id) {
  static constexpr std::array<std::string_view, kSectionCount> kNames = {
      "custom", "type",  "import",  "function", "table", "memory",     "global",
      "export", "start", "element", "code",     "data",  "data count", "tag"};
  return kNames[static_cast<std::size_t>(id)];
}

Error prefixed(Error error, std::string_view prefix) {
  error.message = fmt::format("{}: {}", prefix, error.message);
  return error;
}

Expected<Module> decode(Bytes bytes, CoreFeatures features, DecodeOptions options) {
  return ModuleDecoder(bytes, features, options).decode();
}

ModuleDecoder::ModuleDecoder(Bytes bytes, CoreFeatures features, DecodeOptions options) : options_(options) {
  module_.bytes = bytes;
  module_.features = features;
}

Expected<Module> ModuleDecoder::decode() {
  if (module_.bytes.size() > limits::kModuleBytes)
    return ByteReader::unsupported(
        0, fmt::format("a module of {} bytes, the limit is {}", module_.bytes.size(), limits::kModuleBytes));
  ByteReader in(module_.bytes);
  WZRUN_CHECK(header(in));
  while (!in.at_end())
    WZRUN_CHECK(section(in));
  WZRUN_CHECK(finish());
  return std::move(module_);
}

Expected<void> ModuleDecoder::header(ByteReader& in) {
  static constexpr std::array<std::uint8_t, 4> kMagic = {0x00, 0x61, 0x73, 0x6d};
  static constexpr std::array<std::uint8_t, 4> kVersion = {0x01, 0x00, 0x00, 0x00};
  if (!std::ranges::equal(WZRUN_TRY(in.bytes(4)), kMagic))
    return ByteReader::malformed(0, "magic header not detected: this is not a WebAssembly module");
  const auto version = WZRUN_TRY(in.bytes(4));
  if (version[0] == 0x0d && version[2] == 0x01)
    return ByteReader::malformed(4, "unknown binary version: this is a component, not a core module");
  if (!std::ranges::equal(version, kVersion))
    return ByteReader::malformed(4, "unknown binary version");
  return {};
}

Expected<void> ModuleDecoder::section(ByteReader& in) {
  const auto at = in.offset();
  const auto byte = WZRUN_TRY(in.byte());
  if (byte >= kSectionCount)
    return ByteReader::malformed(at, fmt::format("malformed section id: {}", byte));
  const auto id = static_cast<SectionId>(byte);
  const auto status = [&]() -> Status {
    const auto size = WZRUN_TRY(in.length());
    const auto content_offset = in.offset();
    ByteReader content(WZRUN_TRY(in.bytes(size)), content_offset);
    if (id == SectionId::custom)
      return custom_section(content);
    WZRUN_CHECK(order(id, at));
    WZRUN_CHECK(known_section(id, content));
    if (!content.at_end())
      return ByteReader::malformed(content.offset(),
                                   fmt::format("section size mismatch: {} bytes too many", content.remaining()));
    return {};
  }();
  if (!status)
    return std::unexpected(prefixed(status.error(), fmt::format("{} section", to_string(id))));
  return {};
}

/// Every known section stands once, in a fixed order that is not that of the ids.
Expected<void> ModuleDecoder::order(SectionId id, std::uint64_t at) {
  static constexpr std::array<std::uint8_t, kSectionCount> kOrder = {0,
                                                                     /* type */ 1,
                                                                     /* import */ 2,
                                                                     /* function */ 3,
                                                                     /* table */ 4,
                                                                     /* memory */ 5,
                                                                     /* global */ 7,
                                                                     /* export */ 8,
                                                                     /* start */ 9,
                                                                     /* element */ 10,
                                                                     /* code */ 12,
                                                                     /* data */ 13,
                                                                     /* data count */ 11,
                                                                     /* tag */ 6};
  const auto position = kOrder[static_cast<std::size_t>(id)];
  if (position <= last_order_)
    return ByteReader::malformed(
        at, fmt::format("unexpected content after last section: {}",
                        position == last_order_ ? "the section stands twice" : "sections are out of order"));
  last_order_ = position;
  return {};
}

Expected<void> ModuleDecoder::known_section(SectionId id, ByteReader& in) {
  switch (id) {
    case SectionId::custom:
      break;
    case SectionId::type:
      return type_section(in);
    case SectionId::import:
      return import_section(in);
    case SectionId::function:
      return function_section(in);
    case SectionId::table:
      return table_section(in);
    case SectionId::memory:
      return memory_section(in);
    case SectionId::global:
      return global_section(in);
    case SectionId::export_:
      return export_section(in);
    case SectionId::start:
      return start_section(in);
    case SectionId::element:
      return element_section(in);
    case SectionId::code:
      return code_section(in);
    case SectionId::data:
      return data_section(in);
    case SectionId::data_count:
      return data_count_section(in);
    case SectionId::tag:
      return tag_section(in);
  }
  return {};
}

Expected<void> ModuleDecoder::custom_section(ByteReader& in) {
  const auto name = WZRUN_TRY(in.name());
  if (!options_.keep_custom_sections)
    return {};
  const auto offset = in.offset();
  module_.custom_sections.push_back({name, WZRUN_TRY(in.bytes(in.remaining())), offset});
  return {};
}

Expected<void> ModuleDecoder::start_section(ByteReader& in) {
  const auto at = in.offset();
  const auto index = WZRUN_TRY(in.u32());
  if (index >= module_.functions.size())
    return ByteReader::invalid(at, fmt::format("unknown function {}", index));
  const auto& type = module_.function_type(index);
  if (!type.params.empty() || !type.results.empty())
    return ByteReader::invalid(at, fmt::format("start function {} takes {} and returns {} values, expected none", index,
                                               type.params.size(), type.results.size()));
  module_.start = index;
  return {};
}

Expected<void> ModuleDecoder::data_count_section(ByteReader& in) {
  WZRUN_CHECK(require(module_, Feature::bulk_memory_operations, in.offset(), "the section"));
  module_.data_count = WZRUN_TRY(in.u32());
  return {};
}

Expected<void> ModuleDecoder::code_section(ByteReader& in) {
  has_code_section_ = true;
  const auto at = in.offset();
  const auto defined = module_.functions.size() - module_.imported_functions;
  const auto count = WZRUN_TRY(in.u32());
  if (count != defined)
    return ByteReader::malformed(
        at,
        fmt::format("function and code section have inconsistent lengths: {} bodies for {} functions", count, defined));
  if (options_.bodies_are_absent)
    return {};
  if (count > in.remaining())
    return ByteReader::malformed(at, "length out of bounds");
  module_.code.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto size = in.length();
    if (!size)
      return std::unexpected(prefixed(size.error(), fmt::format("function {}", module_.imported_functions + i)));
    const auto offset = in.offset();
    module_.code.push_back({WZRUN_TRY(in.bytes(*size)), offset});
  }
  return {};
}

Expected<void> ModuleDecoder::finish() {
  const auto end = module_.bytes.size();
  const auto defined = module_.functions.size() - module_.imported_functions;
  if (!has_code_section_ && defined != 0)
    return ByteReader::malformed(
        end, fmt::format("function and code section have inconsistent lengths: no bodies for {} functions", defined));
  if (module_.data_count && *module_.data_count != module_.data.size())
    return ByteReader::malformed(end, fmt::format("data count and data section have inconsistent lengths: {} and {}",
                                                  *module_.data_count, module_.data.size()));
  return {};
}

}  // namespace wzrun::wasm
