#pragma once

#include "wasm/module_decoder.h"

#include <cstdint>
#include <span>
#include <vector>

/// Parts of modules in the binary format.
namespace wzrun::wasm {

inline void append_u32(std::vector<std::uint8_t>& bytes, std::uint32_t number) {
  for (; number >= 0x80; number >>= 7)
    bytes.push_back(static_cast<std::uint8_t>(number | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(number));
}

inline void append_s32(std::vector<std::uint8_t>& bytes, std::int32_t number) {
  for (; number < -0x40 || number > 0x3f; number >>= 7)
    bytes.push_back(static_cast<std::uint8_t>((number & 0x7f) | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(number & 0x7f));
}

inline std::vector<std::uint8_t> section(SectionId id, std::span<const std::uint8_t> contents) {
  std::vector<std::uint8_t> bytes = {static_cast<std::uint8_t>(id)};
  append_u32(bytes, static_cast<std::uint32_t>(contents.size()));
  bytes.insert(bytes.end(), contents.begin(), contents.end());
  return bytes;
}

}  // namespace wzrun::wasm
