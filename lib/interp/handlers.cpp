#include "interp/handlers_numeric.h"

namespace wzrun::interp {

const UnaryVariants* unary_handlers(wasm::Opcode opcode) {
  const auto* const scalar = scalar_unary(opcode);
  return scalar != nullptr ? scalar : vector_unary(opcode);
}

const BinaryVariants* binary_handlers(wasm::Opcode opcode) {
  if (const auto* const narrow = i32_binary(opcode); narrow != nullptr)
    return narrow;
  const auto* const wide = wide_binary(opcode);
  return wide != nullptr ? wide : vector_binary(opcode);
}

}  // namespace wzrun::interp
