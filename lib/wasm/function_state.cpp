#include "wasm/function_state.h"

#include "wasm/escape.h"
#include "wasm/name_section.h"

namespace wzrun::wasm {

namespace {

/// The name of the instruction whose first byte is given; empty if it is none.
std::string_view instruction_name(const std::uint8_t* instruction, const std::uint8_t* end) {
  if (instruction == nullptr || instruction >= end)
    return {};
  const auto byte = *instruction++;
  std::uint32_t number = 0;
  if (!is_prefix(byte))
    return opcode_of(byte) == kNoOpcode ? std::string_view() : to_string(opcode_of(byte));
  if (read_leb<32, false>(instruction, end, number) != LebStatus::ok || opcode_of(byte, number) == kNoOpcode)
    return {};
  return to_string(opcode_of(byte, number));
}

}  // namespace

Error instruction_error(const Module& module, std::uint32_t function_index, const std::uint8_t* instruction,
                        const std::uint8_t* end, ErrorKind kind, std::uint64_t offset, std::string_view message) {
  std::string place;
  if (function_index != kNoIndex) {
    place = fmt::format("function {}", function_index);
    const NameSection names(module);
    if (const auto name = names.function_name(function_index); !name.empty())
      place += " " + quoted(name);
    place += ": ";
  }
  if (const auto name = instruction_name(instruction, end); !name.empty())
    place.append(name).append(": ");
  return {kind, offset, place.append(message)};
}

}  // namespace wzrun::wasm
