#include "interp/handlers_numeric.h"

// Instructions of two i32, and all scalar ones of one operand.
namespace wzrun::interp {

namespace {

constexpr bool is_scalar(std::uint32_t code) { return code < 0xfd0000; }
constexpr bool is_i32(std::uint32_t code) { return code <= 0x4f || (code >= 0x6a && code <= 0x78); }

}  // namespace

const UnaryVariants* scalar_unary(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return unary_table<wasm::Opcode::id, is_scalar(code)>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

const BinaryVariants* i32_binary(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return binary_table<wasm::Opcode::id, is_i32(code)>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

}  // namespace wzrun::interp
