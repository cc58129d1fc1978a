#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace wzrun::wasm
