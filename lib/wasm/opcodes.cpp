#include "wasm/opcodes.h"

namespace wzrun::wasm {

std::string_view to_string(Opcode opcode) {
  static constexpr std::array<std::string_view, kOpcodeCount> kNames{
#define WZRUN_OPCODE(code, id, text, ...) text,
#include "wasm/opcodes.def"
  };
  const auto index = static_cast<std::size_t>(opcode);
  return index < kNames.size() ? kNames[index] : "(no instruction)";
}

}  // namespace wzrun::wasm
