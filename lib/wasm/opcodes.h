#pragma once

#include "wzrun/features.h"
#include "wzrun/value_type.h"

#include <cstdint>
#include <string_view>

namespace wzrun::wasm {

/// Every instruction, numbered densely in the order of opcodes.def.
enum class Opcode : std::uint16_t {
#define WZRUN_OPCODE(code, id, ...) id,
#include "wasm/opcodes.def"
#undef WZRUN_OPCODE
};

/// Number of rows of opcodes.def.
inline constexpr std::size_t kOpcodeCount = 0
#define WZRUN_OPCODE(...) +1
#include "wasm/opcodes.def"
#undef WZRUN_OPCODE
    ;

/// The text name, such as `i32.add`.
std::string_view to_string(Opcode opcode);

}  // namespace wzrun::wasm
