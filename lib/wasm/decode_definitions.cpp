#include "wasm/escape.h"
#include "wasm/limits.h"
#include "wasm/module_decoder.h"
#include "wasm/type_reader.h"
#include "wasm/types.h"

#include <algorithm>
#include <numeric>
#include <vector>

/// What a module imports, defines and exports.
/// Source: Wasm 3.0, 5.5.5-5.5.10, 3.2.
namespace wzrun::wasm {

Expected<void> ModuleDecoder::import_section(ByteReader& in) {
  return elements(in, "import", limits::kImports, 0, [&]() -> Status {
    Import import;
    import.offset = in.offset();
    import.module = WZRUN_TRY(in.name());
    import.name = WZRUN_TRY(in.name());
    if (auto status = this->import(in, import); !status)
      return std::unexpected(
          prefixed(std::move(status).error(), fmt::format("{}.{}", quoted(import.module), quoted(import.name))));
    module_.imports.push_back(import);
    return {};
  });
}

Expected<void> ModuleDecoder::import(ByteReader& in, Import& import) {
  const auto at = in.offset();
  const auto kind = WZRUN_TRY(in.byte());
  if (kind > static_cast<std::uint8_t>(ExternKind::tag))
    return ByteReader::malformed(at, fmt::format("malformed import kind: {:#04x}", kind));
  import.kind = static_cast<ExternKind>(kind);
  import.index = static_cast<std::uint32_t>(index_space_size(import.kind));
  switch (import.kind) {
    case ExternKind::function:
      ++module_.imported_functions;
      return add_function(WZRUN_TRY(function_type_index(in)), at);
    case ExternKind::table:
      ++module_.imported_tables;
      return add_table({WZRUN_TRY(table_type(in)), std::nullopt}, at);
    case ExternKind::memory:
      ++module_.imported_memories;
      return add_memory(WZRUN_TRY(memory_type(in)), at);
    case ExternKind::global: {
      ++module_.imported_globals;
      const auto type = WZRUN_TRY(global_type(in));
      if (type.is_mutable)
        WZRUN_CHECK(require(module_, Feature::mutable_global, at, "importing a mutable global"));
      module_.globals.push_back({type, {}});
      return {};
    }
    case ExternKind::tag:
      ++module_.imported_tags;
      module_.tags.push_back(WZRUN_TRY(tag_type(in)));
      return {};
  }
  return {};
}

std::size_t ModuleDecoder::index_space_size(ExternKind kind) const {
  switch (kind) {
    case ExternKind::function:
      return module_.functions.size();
    case ExternKind::table:
      return module_.tables.size();
    case ExternKind::memory:
      return module_.memories.size();
    case ExternKind::global:
      return module_.globals.size();
    case ExternKind::tag:
      return module_.tags.size();
  }
  return 0;
}

namespace {

[[gnu::cold]] std::unexpected<Error> no_function_type(std::uint64_t at, std::uint32_t index, bool is_known) {
  return ByteReader::invalid(
      at, is_known ? fmt::format("type {} is not a function type", index) : fmt::format("unknown type {}", index));
}

[[gnu::cold]] std::unexpected<Error> too_many_functions(std::uint64_t at) {
  return ByteReader::unsupported(at, fmt::format("more than {} functions", limits::kFunctions));
}

/// Large modules have tens of thousands.
[[gnu::always_inline]] inline Expected<std::uint32_t> read_function_type_index(ByteReader& in, const Module& module) {
  const auto at = in.offset();
  const auto index = WZRUN_TRY(in.u32());
  const bool is_known = index < module.types.size();
  if (!is_known || module.types[index].kind != CompositeKind::function) [[unlikely]]
    return no_function_type(at, index, is_known);
  return module.types[index].canonical;
}

}  // namespace

Expected<std::uint32_t> ModuleDecoder::function_type_index(ByteReader& in) {
  return read_function_type_index(in, module_);
}

Expected<void> ModuleDecoder::add_function(std::uint32_t type_index, std::uint64_t at) {
  if (module_.functions.size() == limits::kFunctions)
    return too_many_functions(at);
  module_.functions.push_back({type_index, false});
  return {};
}

Expected<void> ModuleDecoder::function_section(ByteReader& in) {
  module_.functions.reserve(module_.functions.size() + ByteReader(in).count().value_or(0));
  return elements(in, "function", limits::kFunctions, module_.functions.size(), [&]() -> Status {
    if (module_.functions.size() == limits::kFunctions) [[unlikely]]
      return too_many_functions(in.offset());
    module_.functions.push_back({WZRUN_TRY(read_function_type_index(in, module_)), false});
    return {};
  });
}

namespace {

enum LimitsFlag : std::uint8_t { kHasMaximum = 1, kIsShared = 2, kIs64 = 4 };

}  // namespace

Expected<Limits> ModuleDecoder::limits(ByteReader& in, bool of_memory) {
  const auto at = in.offset();
  const auto flags = WZRUN_TRY(in.byte());
  const std::uint8_t known = kHasMaximum | kIs64 | (of_memory ? kIsShared : 0);
  if ((flags & ~known) != 0)
    return ByteReader::malformed(at, fmt::format("malformed limits flags: {:#04x}", flags));
  Limits limits;
  limits.is_shared = (flags & kIsShared) != 0;
  limits.is_64 = (flags & kIs64) != 0;
  if (limits.is_shared && !module_.features.contains(Feature::threads))
    return needs_feature(at, fmt::format("malformed limits flags: {:#04x}: a shared memory", flags), Feature::threads);
  if (limits.is_64 && !module_.features.contains(Feature::memory64))
    return needs_feature(at, fmt::format("malformed limits flags: {:#04x}: an i64 index type", flags),
                         Feature::memory64);
  const auto bound = [&]() -> Expected<std::uint64_t> {
    if (module_.features.contains(Feature::memory64))
      return in.u64();
    return in.u32();
  };
  limits.min = WZRUN_TRY(bound());
  if ((flags & kHasMaximum) != 0)
    limits.max = WZRUN_TRY(bound());
  if (limits.max && limits.min > *limits.max)
    return ByteReader::invalid(
        at, fmt::format("size minimum must not be greater than maximum: {} and {}", limits.min, *limits.max));
  return limits;
}

Expected<TableType> ModuleDecoder::table_type(ByteReader& in) {
  TableType type;
  type.element = WZRUN_TRY(read_table_element_type(in, module_));
  const auto at = in.offset();
  type.limits = WZRUN_TRY(limits(in, false));
  const auto largest = std::max(type.limits.min, type.limits.max.value_or(0));
  if (!type.limits.is_64 && largest > 0xffffffff)
    return ByteReader::invalid(at, fmt::format("table size must be at most 2^32-1 elements: {}", largest));
  return type;
}

Expected<void> ModuleDecoder::add_table(const Table& table, std::uint64_t at) {
  if (!module_.tables.empty())
    WZRUN_CHECK(require(module_, Feature::reference_types, at, "multiple tables"));
  if (module_.tables.size() == limits::kTables)
    return ByteReader::unsupported(at, fmt::format("more than {} tables", limits::kTables));
  module_.tables.push_back(table);
  return {};
}

Expected<void> ModuleDecoder::table_section(ByteReader& in) {
  return elements(in, "table", limits::kTables, module_.tables.size(), [&]() -> Status {
    constexpr std::uint8_t kWithInit = 0x40;
    const auto at = in.offset();
    Table table;
    const bool has_init = in.peek() == kWithInit;
    if (has_init) {
      WZRUN_CHECK(in.byte());
      WZRUN_CHECK(require(module_, Feature::typed_function_references, at, "a table with an initial value"));
      if (WZRUN_TRY(in.byte()) != 0)
        return ByteReader::malformed(at + 1, "malformed table: zero byte expected");
    }
    table.type = WZRUN_TRY(table_type(in));
    if (has_init)
      table.init = WZRUN_TRY(constant_expression(in));
    else if (!table.type.element.is_defaultable())
      return ByteReader::invalid(
          at, fmt::format("type mismatch: a table of {} needs an initial value", to_string(table.type.element)));
    return add_table(table, at);
  });
}

Expected<MemoryType> ModuleDecoder::memory_type(ByteReader& in) {
  const auto at = in.offset();
  const auto limits = WZRUN_TRY(this->limits(in, true));
  const auto largest = std::max(limits.min, limits.max.value_or(0));
  if (!limits.is_64 && largest > 65536)
    return ByteReader::invalid(at, fmt::format("memory size must be at most 65536 pages (4GiB): {}", largest));
  if (limits.is_64 && largest > std::uint64_t{1} << 48)
    return ByteReader::invalid(at, fmt::format("memory size must be at most 2^48 pages: {}", largest));
  if (limits.is_shared && !limits.max)
    return ByteReader::invalid(at, "shared memory must have maximum");
  return MemoryType{limits};
}

Expected<void> ModuleDecoder::add_memory(MemoryType type, std::uint64_t at) {
  if (!module_.memories.empty())
    WZRUN_CHECK(require(module_, Feature::multi_memory, at, "multiple memories"));
  if (module_.memories.size() == limits::kMemories)
    return ByteReader::unsupported(at, fmt::format("more than {} memories", limits::kMemories));
  module_.memories.push_back(type);
  return {};
}

Expected<void> ModuleDecoder::memory_section(ByteReader& in) {
  return elements(in, "memory", limits::kMemories, module_.memories.size(), [&]() -> Status {
    const auto at = in.offset();
    return add_memory(WZRUN_TRY(memory_type(in)), at);
  });
}

Expected<GlobalType> ModuleDecoder::global_type(ByteReader& in) {
  GlobalType type;
  type.value = WZRUN_TRY(read_value_type(in, module_));
  type.is_mutable = WZRUN_TRY(read_mutability(in));
  return type;
}

Expected<void> ModuleDecoder::global_section(ByteReader& in) {
  return elements(in, "global", limits::kGlobals, module_.globals.size(), [&]() -> Status {
    const auto type = WZRUN_TRY(global_type(in));
    module_.globals.push_back({type, WZRUN_TRY(constant_expression(in))});
    return {};
  });
}

Expected<Tag> ModuleDecoder::tag_type(ByteReader& in) {
  const auto at = in.offset();
  if (!module_.features.contains(Feature::legacy_exceptions))
    WZRUN_CHECK(require(module_, Feature::exception_handling, at, "a tag"));
  if (const auto attribute = WZRUN_TRY(in.byte()); attribute != 0)
    return ByteReader::malformed(at, fmt::format("malformed tag attribute: {:#04x}", attribute));
  const auto type_at = in.offset();
  const auto index = WZRUN_TRY(function_type_index(in));
  if (!module_.types[index].function.results.empty())
    return ByteReader::invalid(type_at, "non-empty tag result type");
  return Tag{index};
}

Expected<void> ModuleDecoder::tag_section(ByteReader& in) {
  return elements(in, "tag", limits::kTags, module_.tags.size(), [&]() -> Status {
    module_.tags.push_back(WZRUN_TRY(tag_type(in)));
    return {};
  });
}

Expected<void> ModuleDecoder::export_section(ByteReader& in) {
  exports_offset_ = in.offset();
  WZRUN_CHECK(elements(in, "export", limits::kExports, 0, [&]() -> Status {
    Export item;
    item.name = WZRUN_TRY(in.name());
    const auto at = in.offset();
    const auto kind = WZRUN_TRY(in.byte());
    if (kind > static_cast<std::uint8_t>(ExternKind::tag))
      return ByteReader::malformed(at, fmt::format("malformed export kind: {:#04x}", kind));
    item.kind = static_cast<ExternKind>(kind);
    const auto index_at = in.offset();
    item.index = WZRUN_TRY(in.u32());
    if (item.index >= index_space_size(item.kind))
      return ByteReader::invalid(
          index_at, fmt::format("unknown {} {}: exported as {}",
                                item.kind == ExternKind::function ? "function" : to_string(item.kind), item.index,
                                quoted(item.name)));
    if (item.kind == ExternKind::function)
      module_.functions[item.index].is_declared = true;
    if (item.kind == ExternKind::global && module_.globals[item.index].type.is_mutable)
      WZRUN_CHECK(require(module_, Feature::mutable_global, at, "exporting a mutable global"));
    module_.exports.push_back(item);
    return {};
  }));
  return check_export_names();
}

Expected<void> ModuleDecoder::check_export_names() {
  std::vector<std::string_view> names;
  names.reserve(module_.exports.size());
  for (const auto& item : module_.exports)
    names.push_back(item.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end())
    return ByteReader::invalid(exports_offset_, fmt::format("duplicate export name {}", quoted(*twice)));
  return {};
}

}  // namespace wzrun::wasm
