#include "interp/handlers_numeric.h"

// Vector instructions.
namespace wzrun::interp {

namespace {

constexpr bool is_vector(std::uint32_t code) { return code >= 0xfd0000; }

template <wasm::Opcode opcode>
WZRUN_HANDLER void ternary(WZRUN_STATE) {
  const auto result =
      Semantics<opcode>::apply(read<V128>(&slot_at(fp, pc, kHead)), read<V128>(&slot_at(fp, pc, kHead + 4)),
                               read<V128>(&slot_at(fp, pc, kHead + 8)));
  put<V128, To::slot, kHead + 12>(pc, fp, acc, vacc, result);
  WZRUN_NEXT(kHead + 16);
}

template <wasm::Opcode opcode>
WZRUN_HANDLER void lane(WZRUN_STATE) {
  using S = Semantics<opcode>;
  using A = S::First;
  if constexpr (S::arity == 1) {
    const auto index = static_cast<std::uint8_t>(operand(pc, kHead + 4));
    const typename S::Result result = S::apply(fetch<A, From::slot, kHead>(pc, fp, acc, vacc), index);
    put<typename S::Result, To::slot, kHead + 8>(pc, fp, acc, vacc, result);
    WZRUN_NEXT(kHead + 12);
  } else {
    using B = S::Second;
    const auto index = static_cast<std::uint8_t>(operand(pc, kHead + 8));
    const typename S::Result result = S::apply(fetch<A, From::slot, kHead>(pc, fp, acc, vacc),
                                               fetch<B, From::slot, kHead + 4>(pc, fp, acc, vacc), index);
    put<typename S::Result, To::slot, kHead + 12>(pc, fp, acc, vacc, result);
    WZRUN_NEXT(kHead + 16);
  }
}

WZRUN_HANDLER void shuffle(WZRUN_STATE) {
  const auto a = read<V128>(&slot_at(fp, pc, kHead));
  const auto b = read<V128>(&slot_at(fp, pc, kHead + 4));
  const auto result = wasm::numeric::i8x16_shuffle(a, b, read<V128>(pc + kHead + 8));
  put<V128, To::slot, kHead + 24>(pc, fp, acc, vacc, result);
  WZRUN_NEXT(kHead + 28);
}

template <wasm::Opcode opcode>
constexpr Handler ternary_of() {
  if constexpr (Semantics<opcode>::arity == 3)
    return ternary<opcode>;
  else
    return nullptr;
}

}  // namespace

Handler ternary_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return ternary_of<wasm::Opcode::id>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler lane_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature) \
  case wasm::Opcode::id:                                                \
    return lane<wasm::Opcode::id>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler shuffle_handler() { return shuffle; }

const UnaryVariants* vector_unary(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return unary_table<wasm::Opcode::id, is_vector(code)>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

const BinaryVariants* vector_binary(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return binary_table<wasm::Opcode::id, is_vector(code)>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

}  // namespace wzrun::interp
