#pragma once

#include "wzrun/features.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// The instructions and what the table of opcodes.def says of each.
namespace wzrun::wasm {

/// Every instruction, numbered densely in the order of opcodes.def.
enum class Opcode : std::uint16_t {
#define WZRUN_OPCODE(code, id, ...) id,
#include "wasm/opcodes.def"
};

/// Number of rows of opcodes.def.
inline constexpr std::size_t kOpcodeCount = 0
#define WZRUN_OPCODE(...) +1
#include "wasm/opcodes.def"
    ;

/// No instruction: what an unassigned code maps to.
inline constexpr Opcode kNoOpcode{0xffff};

/// The text name, such as `i32.add`.
std::string_view to_string(Opcode opcode);

namespace detail {

inline constexpr std::array<std::uint32_t, kOpcodeCount> kOpcodeCodes{
#define WZRUN_OPCODE(code, ...) code,
#include "wasm/opcodes.def"
};

enum RequiredFeature : std::uint8_t {
#define WZRUN_FEATURE(name, ...) name = static_cast<std::uint8_t>(Feature::name),
#include "wzrun/features.def"
#undef WZRUN_FEATURE
  mvp = 0xff,
};
inline constexpr std::array<RequiredFeature, kOpcodeCount> kOpcodeFeatures{
#define WZRUN_OPCODE(code, id, text, feature) feature,
#include "wasm/opcodes.def"
};

/// The instructions with one prefix (or none, 0) by number.
template <std::uint32_t prefix>
inline constexpr auto kOpcodesOfPrefix = [] {
  constexpr auto size = [] {
    std::size_t end = 0;
    for (const auto code : kOpcodeCodes)
      if (code >> 16 == prefix)
        end = std::max<std::size_t>(end, (code & 0xffff) + 1);
    return prefix == 0 ? 0x100 : end;
  }();
  std::array<Opcode, size> opcodes{};
  opcodes.fill(kNoOpcode);
  for (std::size_t i = 0; i < kOpcodeCount; ++i)
    if (kOpcodeCodes[i] >> 16 == prefix)
      opcodes[kOpcodeCodes[i] & 0xffff] = static_cast<Opcode>(i);
  return opcodes;
}();

template <std::uint32_t prefix>
constexpr Opcode opcode_of_prefix(std::uint32_t number) {
  const auto& opcodes = kOpcodesOfPrefix<prefix>;
  return number < opcodes.size() ? opcodes[number] : kNoOpcode;
}

}  // namespace detail

/// The code in the binary format: the byte, or prefix << 16 | number.
constexpr std::uint32_t code_of(Opcode opcode) { return detail::kOpcodeCodes[static_cast<std::size_t>(opcode)]; }

/// The instruction of one byte, or kNoOpcode: also for prefixes.
constexpr Opcode opcode_of(std::uint8_t byte) { return detail::kOpcodesOfPrefix<0>[byte]; }

/// Whether a byte starts an instruction that goes on with its number in LEB128.
constexpr bool is_prefix(std::uint8_t byte) { return byte >= 0xfb && byte <= 0xfe; }

/// The instruction with this number behind a prefix, or kNoOpcode.
constexpr Opcode opcode_of(std::uint8_t prefix, std::uint32_t number) {
  switch (prefix) {
    case 0xfb:
      return detail::opcode_of_prefix<0xfb>(number);
    case 0xfc:
      return detail::opcode_of_prefix<0xfc>(number);
    case 0xfd:
      return detail::opcode_of_prefix<0xfd>(number);
    case 0xfe:
      return detail::opcode_of_prefix<0xfe>(number);
    default:
      return kNoOpcode;
  }
}

/// The proposal that brought the instruction, or nothing for those of the first release.
constexpr std::optional<Feature> feature_of(Opcode opcode) {
  const auto feature = detail::kOpcodeFeatures[static_cast<std::size_t>(opcode)];
  return feature == detail::mvp ? std::nullopt : std::optional(static_cast<Feature>(feature));
}

/// Whether these features have the instruction.
constexpr bool is_enabled(Opcode opcode, CoreFeatures features) {
  const auto feature = feature_of(opcode);
  return !feature || features.contains(*feature) ||
         (opcode == Opcode::throw_ && features.contains(Feature::legacy_exceptions));
}

}  // namespace wzrun::wasm
