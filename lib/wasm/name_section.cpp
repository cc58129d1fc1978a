#include "wasm/name_section.h"

#include "wasm/byte_reader.h"

#include <algorithm>

namespace wzrun::wasm {

namespace {

enum Subsection : std::uint8_t { kModuleName = 0, kFunctionNames = 1, kLocalNames = 2 };

/// A length and that many bytes, whatever they are.
Expected<std::string_view> read_text(ByteReader& in) {
  const auto size = WZRUN_TRY(in.length());
  const auto bytes = WZRUN_TRY(in.bytes(size));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Expected<std::pair<std::uint32_t, std::string_view>> read_named(ByteReader& in) {
  const auto index = WZRUN_TRY(in.u32());
  return std::pair(index, WZRUN_TRY(read_text(in)));
}

}  // namespace

NameSection::NameSection(const Module& module) {
  const auto section = std::ranges::find(module.custom_sections, "name", &CustomSection::name);
  if (section != module.custom_sections.end())
    read(section->bytes);
}

NameSection::NameSection(Bytes section) { read(section); }

void NameSection::read(Bytes section) {
  ByteReader in(section);
  while (!in.at_end()) {
    const auto id = in.byte();
    const auto size = in.u32();
    if (!id || !size)
      return;
    // A subsection that claims too much is read as far as it goes.
    const auto content = *in.bytes(std::min<std::size_t>(*size, in.remaining()));
    if (*id == kModuleName) {
      ByteReader name(content);
      module_name_ = read_text(name).value_or(std::string_view());
    } else if (*id == kFunctionNames) {
      functions_ = read_names(content);
    } else if (*id == kLocalNames) {
      locals_ = content;
    }
  }
}

std::vector<NameSection::Named> NameSection::read_names(Bytes map) {
  std::vector<Named> names;
  ByteReader in(map);
  const auto count = in.u32();
  if (!count)
    return names;
  names.reserve(std::min<std::size_t>(*count, in.remaining() / 2));  // a name takes two bytes at least
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto named = read_named(in);
    if (!named)
      break;
    names.push_back(*named);
  }
  if (!std::ranges::is_sorted(names, {}, &Named::first))  // of several names of one index the first counts
    std::ranges::sort(names, {}, [](const Named& named) { return std::pair(named.first, named.second.data()); });
  return names;
}

std::string_view NameSection::find(const std::vector<Named>& names, std::uint32_t index) {
  const auto found = std::ranges::lower_bound(names, index, {}, &Named::first);
  return found != names.end() && found->first == index ? found->second : std::string_view();
}

std::string_view NameSection::find_function_name(const Module& module, std::uint32_t index) {
  const auto section = std::ranges::find(module.custom_sections, "name", &CustomSection::name);
  ByteReader in(section != module.custom_sections.end() ? section->bytes : Bytes());
  while (!in.at_end()) {
    const auto id = in.byte();
    const auto size = in.u32();
    if (!id || !size)
      return {};
    ByteReader names(*in.bytes(std::min<std::size_t>(*size, in.remaining())));
    if (*id != kFunctionNames)
      continue;
    const auto count = names.u32();
    for (std::uint32_t i = 0; count && i < *count; ++i) {
      const auto named = read_named(names);
      if (!named)
        return {};
      if (named->first == index)
        return named->second;
    }
  }
  return {};
}

std::string_view NameSection::function_name(std::uint32_t index) const { return find(functions_, index); }

std::string_view NameSection::local_name(std::uint32_t function_index, std::uint32_t local) const {
  ByteReader in(locals_);
  const auto functions = in.u32();
  for (std::uint32_t i = 0; functions && i < *functions; ++i) {
    const auto index = in.u32();
    const auto count = in.u32();
    if (!index || !count)
      return {};
    std::string_view result;
    for (std::uint32_t j = 0; j < *count; ++j) {
      const auto named = read_named(in);
      if (!named)
        return result;
      if (*index == function_index && named->first == local)
        result = named->second;
    }
    if (*index == function_index)
      return result;
  }
  return {};
}

}  // namespace wzrun::wasm
