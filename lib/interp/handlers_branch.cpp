#include "interp/bodies.h"

// Conditional branches on a comparison.
namespace wzrun::interp {

namespace {

constexpr bool is_integer(std::uint32_t code) {
  return (code >= 0x46 && code <= 0x4f) || (code >= 0x51 && code <= 0x5a);
}
constexpr bool is_float(std::uint32_t code) { return code >= 0x5b && code <= 0x66; }

using BranchVariants = Variants<9>;

template <wasm::Opcode opcode, bool negated, bool backward>
BranchVariants branch_variants() {
  BranchVariants table{};
  const auto add = [&]<From a, From b>() {
    table[branch_variant(a, b)] = address_of<branch_step<BranchBody<opcode, a, b, negated, backward>>>();
  };
  add.template operator()<From::slot, From::slot>();
  add.template operator()<From::slot, From::accumulator>();
  add.template operator()<From::accumulator, From::slot>();
  if constexpr (std::integral<typename Semantics<opcode>::First>) {
    add.template operator()<From::slot, From::immediate>();
    add.template operator()<From::accumulator, From::immediate>();
  }
  return table;
}

template <wasm::Opcode opcode, bool negated, bool backward>
const BranchVariants* branch_table() {
  static const auto table = branch_variants<opcode, negated, backward>();
  return &table;
}

template <wasm::Opcode opcode, bool integer, bool floating>
const BranchVariants* branch_table(bool negated, bool backward) {
  if constexpr (integer) {
    if (!negated)
      return backward ? branch_table<opcode, false, true>() : branch_table<opcode, false, false>();
  } else if constexpr (floating) {
    if (negated)
      return backward ? branch_table<opcode, true, true>() : branch_table<opcode, true, false>();
    return backward ? branch_table<opcode, false, true>() : branch_table<opcode, false, false>();
  }
  return nullptr;
}

constexpr std::uint32_t opcode_number(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_NUMERIC(code, id, ...) \
  case wasm::Opcode::id:             \
    return code;
#include "wasm/opcodes.def"
    default:
      return 0;
  }
}

}  // namespace

const BranchVariants* branch_handlers(wasm::Opcode comparison, bool negated, bool backward) {
  switch (comparison) {
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  case wasm::Opcode::id:                                            \
    return branch_table<wasm::Opcode::id, is_integer(code), is_float(code)>(negated, backward);
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

bool is_integer_comparison(wasm::Opcode opcode) { return is_integer(opcode_number(opcode)); }
bool is_comparison(wasm::Opcode opcode) { return is_integer(opcode_number(opcode)) || is_float(opcode_number(opcode)); }

wasm::Opcode negated_comparison(wasm::Opcode opcode) {
  using enum wasm::Opcode;
  switch (opcode) {
#define WZRUN_NEGATION(type) \
  case type##_eq:            \
    return type##_ne;        \
  case type##_ne:            \
    return type##_eq;        \
  case type##_lt_s:          \
    return type##_ge_s;      \
  case type##_ge_s:          \
    return type##_lt_s;      \
  case type##_lt_u:          \
    return type##_ge_u;      \
  case type##_ge_u:          \
    return type##_lt_u;      \
  case type##_gt_s:          \
    return type##_le_s;      \
  case type##_le_s:          \
    return type##_gt_s;      \
  case type##_gt_u:          \
    return type##_le_u;      \
  case type##_le_u:          \
    return type##_gt_u;
    WZRUN_NEGATION(i32)
    WZRUN_NEGATION(i64)
#undef WZRUN_NEGATION
    default:
      return opcode;
  }
}

wasm::Opcode mirrored_comparison(wasm::Opcode opcode) {
  using enum wasm::Opcode;
  // clang-format off
  switch (opcode) {
#define WZRUN_MIRROR(type)                                  \
  case type##_lt_s: return type##_gt_s;                     \
  case type##_gt_s: return type##_lt_s;                     \
  case type##_lt_u: return type##_gt_u;                     \
  case type##_gt_u: return type##_lt_u;                     \
  case type##_le_s: return type##_ge_s;                     \
  case type##_ge_s: return type##_le_s;                     \
  case type##_le_u: return type##_ge_u;                     \
  case type##_ge_u: return type##_le_u;
    WZRUN_MIRROR(i32)
    WZRUN_MIRROR(i64)
#undef WZRUN_MIRROR
    default:
      return opcode;
  }
  // clang-format on
}

}  // namespace wzrun::interp
