#include "wasm/bodies.h"

#include "wasm/binary_writer.h"
#include "wasm/byte_reader.h"
#include "wasm/merged_data.h"

#include <cassert>

namespace wzrun::wasm {

namespace {

constexpr std::size_t kHeaderBytes = 8;

std::vector<std::uint8_t> empty_code_section(std::uint32_t count) {
  std::vector<std::uint8_t> contents;
  append_u32(contents, count);
  return section(SectionId::code, contents);
}

}  // namespace

std::vector<std::uint8_t> without_bodies(const Module& module) {
  std::vector<std::uint8_t> bytes;
  const auto merged_data = merged_data_section(module);
  const auto append = [&](Bytes range) { bytes.insert(bytes.end(), range.begin(), range.end()); };
  append(module.bytes.first(kHeaderBytes));
  ByteReader in(module.bytes.subspan(kHeaderBytes), kHeaderBytes);
  while (!in.at_end()) {
    const auto begin = in.offset();
    const auto id = in.byte();
    const auto size = in.length();
    assert(id && size);
    const auto contents = in.bytes(*size);
    assert(contents);
    if (*id == static_cast<std::uint8_t>(SectionId::code))
      append(empty_code_section(module.defined_functions()));
    else if (merged_data && *id == static_cast<std::uint8_t>(SectionId::data))
      append(*merged_data);
    else
      append(module.bytes.subspan(begin, in.offset() - begin));
  }
  return bytes;
}

}  // namespace wzrun::wasm
