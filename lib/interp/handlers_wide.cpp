#include "interp/handlers_numeric.h"

// Instructions of two i64, f32 or f64.
namespace wzrun::interp {

namespace {

constexpr bool is_wide(std::uint32_t code) { return code < 0xfd0000 && code > 0x4f && !(code >= 0x6a && code <= 0x78); }

}  // namespace

const BinaryVariants* wide_binary(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return binary_table<wasm::Opcode::id, is_wide(code)>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

}  // namespace wzrun::interp
