#include "baseline/vectors.h"

#include <cstddef>
#include <optional>
#include <utility>

// Instructions on two vectors, or a vector and a count, and on three.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

/// Those that one instruction does.
constexpr std::optional<Vex> binary_instruction(Opcode op) {
  switch (op) {
#define WZRUN_CASE(id, ...) \
  case Opcode::id:          \
    return Vex{__VA_ARGS__}
    WZRUN_CASE(v128_and, .code = 0xdb);
    WZRUN_CASE(v128_andnot, .code = 0xdf, .is_swapped = true);
    WZRUN_CASE(v128_or, .code = 0xeb);
    WZRUN_CASE(v128_xor, .code = 0xef);
    WZRUN_CASE(i8x16_eq, .code = 0x74);
    WZRUN_CASE(i16x8_eq, .code = 0x75);
    WZRUN_CASE(i32x4_eq, .code = 0x76);
    WZRUN_CASE(i64x2_eq, .map = 2, .code = 0x29);
    WZRUN_CASE(i8x16_gt_s, .code = 0x64);
    WZRUN_CASE(i16x8_gt_s, .code = 0x65);
    WZRUN_CASE(i32x4_gt_s, .code = 0x66);
    WZRUN_CASE(i64x2_gt_s, .map = 2, .code = 0x37);
    WZRUN_CASE(i8x16_lt_s, .code = 0x64, .is_swapped = true);
    WZRUN_CASE(i16x8_lt_s, .code = 0x65, .is_swapped = true);
    WZRUN_CASE(i32x4_lt_s, .code = 0x66, .is_swapped = true);
    WZRUN_CASE(i64x2_lt_s, .map = 2, .code = 0x37, .is_swapped = true);
    WZRUN_CASE(i8x16_narrow_i16x8_s, .code = 0x63);
    WZRUN_CASE(i8x16_narrow_i16x8_u, .code = 0x67);
    WZRUN_CASE(i16x8_narrow_i32x4_s, .code = 0x6b);
    WZRUN_CASE(i16x8_narrow_i32x4_u, .map = 2, .code = 0x2b);
    WZRUN_CASE(i8x16_add, .code = 0xfc);
    WZRUN_CASE(i16x8_add, .code = 0xfd);
    WZRUN_CASE(i32x4_add, .code = 0xfe);
    WZRUN_CASE(i64x2_add, .code = 0xd4);
    WZRUN_CASE(i8x16_sub, .code = 0xf8);
    WZRUN_CASE(i16x8_sub, .code = 0xf9);
    WZRUN_CASE(i32x4_sub, .code = 0xfa);
    WZRUN_CASE(i64x2_sub, .code = 0xfb);
    WZRUN_CASE(i8x16_add_sat_s, .code = 0xec);
    WZRUN_CASE(i16x8_add_sat_s, .code = 0xed);
    WZRUN_CASE(i8x16_add_sat_u, .code = 0xdc);
    WZRUN_CASE(i16x8_add_sat_u, .code = 0xdd);
    WZRUN_CASE(i8x16_sub_sat_s, .code = 0xe8);
    WZRUN_CASE(i16x8_sub_sat_s, .code = 0xe9);
    WZRUN_CASE(i8x16_sub_sat_u, .code = 0xd8);
    WZRUN_CASE(i16x8_sub_sat_u, .code = 0xd9);
    WZRUN_CASE(i8x16_min_s, .map = 2, .code = 0x38);
    WZRUN_CASE(i16x8_min_s, .code = 0xea);
    WZRUN_CASE(i32x4_min_s, .map = 2, .code = 0x39);
    WZRUN_CASE(i8x16_min_u, .code = 0xda);
    WZRUN_CASE(i16x8_min_u, .map = 2, .code = 0x3a);
    WZRUN_CASE(i32x4_min_u, .map = 2, .code = 0x3b);
    WZRUN_CASE(i8x16_max_s, .map = 2, .code = 0x3c);
    WZRUN_CASE(i16x8_max_s, .code = 0xee);
    WZRUN_CASE(i32x4_max_s, .map = 2, .code = 0x3d);
    WZRUN_CASE(i8x16_max_u, .code = 0xde);
    WZRUN_CASE(i16x8_max_u, .map = 2, .code = 0x3e);
    WZRUN_CASE(i32x4_max_u, .map = 2, .code = 0x3f);
    WZRUN_CASE(i8x16_avgr_u, .code = 0xe0);
    WZRUN_CASE(i16x8_avgr_u, .code = 0xe3);
    WZRUN_CASE(i16x8_mul, .code = 0xd5);
    WZRUN_CASE(i32x4_mul, .map = 2, .code = 0x40);
    WZRUN_CASE(i32x4_dot_i16x8_s, .code = 0xf5);
    WZRUN_CASE(f32x4_add, .prefix = 0, .code = 0x58);
    WZRUN_CASE(f32x4_sub, .prefix = 0, .code = 0x5c);
    WZRUN_CASE(f32x4_mul, .prefix = 0, .code = 0x59);
    WZRUN_CASE(f32x4_div, .prefix = 0, .code = 0x5e);
    WZRUN_CASE(f64x2_add, .code = 0x58);
    WZRUN_CASE(f64x2_sub, .code = 0x5c);
    WZRUN_CASE(f64x2_mul, .code = 0x59);
    WZRUN_CASE(f64x2_div, .code = 0x5e);
    WZRUN_CASE(f32x4_pmin, .prefix = 0, .code = 0x5d, .is_swapped = true);
    WZRUN_CASE(f32x4_pmax, .prefix = 0, .code = 0x5f, .is_swapped = true);
    WZRUN_CASE(f64x2_pmin, .code = 0x5d, .is_swapped = true);
    WZRUN_CASE(f64x2_pmax, .code = 0x5f, .is_swapped = true);
    WZRUN_CASE(f32x4_relaxed_min, .prefix = 0, .code = 0x5d, .is_swapped = true);
    WZRUN_CASE(f32x4_relaxed_max, .prefix = 0, .code = 0x5f, .is_swapped = true);
    WZRUN_CASE(f64x2_relaxed_min, .code = 0x5d, .is_swapped = true);
    WZRUN_CASE(f64x2_relaxed_max, .code = 0x5f, .is_swapped = true);
    default:
      return std::nullopt;
  }
}
#undef WZRUN_CASE

}  // namespace

Operand Translator::vector_binary(Opcode op, Operand a, Operand b) {
  if (const auto instruction = binary_instruction(op)) {
    take(a);
    take(b);
    if (instruction->is_swapped)
      std::swap(a, b);
    const auto left = xmm(a, XmmWidth::w128);
    const auto right = xmm_place(b, XmmWidth::w128);
    const auto to = destination_xmm(length_of(op), &a, {});
    Vectors(*this).binary(*instruction, to, left, right);
    release(b);
    release(a);
    return result(to);
  }
  if (is_vector_shift(op))
    return vector_shift(op, a, b);
  return vector_result(length_of(op), {&a, &b}, [&](Vectors v, Xmm to) {
    emit_vector_binary(v, op, to, xmm(a, XmmWidth::w128), xmm(b, XmmWidth::w128));
  });
}

void Translator::emit_vector_binary(Vectors& v, Opcode op, Xmm to, Xmm a, Xmm b) {
  constexpr auto s = kScratchXmm;
  const auto negated = [&](const Vex& compare, Xmm left, Xmm right) {
    v.binary(compare, to, left, right);
    v.ones(s);
    v.binary(kXor, to, to, s);
  };
  // a <= b if a is the smaller of both, a >= b if it is the larger.
  const auto is_extreme = [&](const ByLane& extreme, unsigned lane) {
    v.binary(extreme[lane], to, a, b);
    v.binary(kEqual[lane], to, to, a);
  };
  const auto is_not_extreme = [&](const ByLane& extreme, unsigned lane) {
    is_extreme(extreme, lane);
    v.ones(s);
    v.binary(kXor, to, to, s);
  };
  const auto extended_product = [&](bool is_high, const Vex& extend, const Vex& multiply) {
    if (is_high) {
      v.unary(kShuffle32, to, a, kUpperHalf);
      v.unary(kShuffle32, s, b, kUpperHalf);
      v.unary(extend, to, to);
      v.unary(extend, s, s);
    } else {
      v.unary(extend, to, a);
      v.unary(extend, s, b);
    }
    v.binary(multiply, to, to, s);
  };
  const auto wide_product = [&](bool is_high, const Vex& multiply) {
    const auto order = is_high ? kUpperPairs : kLowerPairs;
    v.unary(kShuffle32, to, a, order);
    v.unary(kShuffle32, s, b, order);
    v.binary(multiply, to, to, s);
  };
  const auto compare_floats = [&](FloatCondition condition, bool is_64) { v.compare(condition, is_64, to, a, b); };
  switch (op) {
    case Opcode::i8x16_ne:
      return negated(kEqual[0], a, b);
    case Opcode::i16x8_ne:
      return negated(kEqual[1], a, b);
    case Opcode::i32x4_ne:
      return negated(kEqual[2], a, b);
    case Opcode::i64x2_ne:
      return negated(kEqual[3], a, b);
    case Opcode::i8x16_le_s:
      return negated(kGreater[0], a, b);
    case Opcode::i16x8_le_s:
      return negated(kGreater[1], a, b);
    case Opcode::i32x4_le_s:
      return negated(kGreater[2], a, b);
    case Opcode::i64x2_le_s:
      return negated(kGreater[3], a, b);
    case Opcode::i8x16_ge_s:
      return negated(kGreater[0], b, a);
    case Opcode::i16x8_ge_s:
      return negated(kGreater[1], b, a);
    case Opcode::i32x4_ge_s:
      return negated(kGreater[2], b, a);
    case Opcode::i64x2_ge_s:
      return negated(kGreater[3], b, a);
    case Opcode::i8x16_le_u:
      return is_extreme(kMinUnsigned, 0);
    case Opcode::i16x8_le_u:
      return is_extreme(kMinUnsigned, 1);
    case Opcode::i32x4_le_u:
      return is_extreme(kMinUnsigned, 2);
    case Opcode::i8x16_ge_u:
      return is_extreme(kMaxUnsigned, 0);
    case Opcode::i16x8_ge_u:
      return is_extreme(kMaxUnsigned, 1);
    case Opcode::i32x4_ge_u:
      return is_extreme(kMaxUnsigned, 2);
    case Opcode::i8x16_gt_u:
      return is_not_extreme(kMinUnsigned, 0);
    case Opcode::i16x8_gt_u:
      return is_not_extreme(kMinUnsigned, 1);
    case Opcode::i32x4_gt_u:
      return is_not_extreme(kMinUnsigned, 2);
    case Opcode::i8x16_lt_u:
      return is_not_extreme(kMaxUnsigned, 0);
    case Opcode::i16x8_lt_u:
      return is_not_extreme(kMaxUnsigned, 1);
    case Opcode::i32x4_lt_u:
      return is_not_extreme(kMaxUnsigned, 2);
    case Opcode::f32x4_eq:
      return compare_floats(FloatCondition::equal, false);
    case Opcode::f32x4_ne:
      return compare_floats(FloatCondition::not_equal, false);
    case Opcode::f32x4_lt:
      return compare_floats(FloatCondition::less, false);
    case Opcode::f32x4_gt:
      return compare_floats(FloatCondition::greater, false);
    case Opcode::f32x4_le:
      return compare_floats(FloatCondition::less_equal, false);
    case Opcode::f32x4_ge:
      return compare_floats(FloatCondition::greater_equal, false);
    case Opcode::f64x2_eq:
      return compare_floats(FloatCondition::equal, true);
    case Opcode::f64x2_ne:
      return compare_floats(FloatCondition::not_equal, true);
    case Opcode::f64x2_lt:
      return compare_floats(FloatCondition::less, true);
    case Opcode::f64x2_gt:
      return compare_floats(FloatCondition::greater, true);
    case Opcode::f64x2_le:
      return compare_floats(FloatCondition::less_equal, true);
    case Opcode::f64x2_ge:
      return compare_floats(FloatCondition::greater_equal, true);
    case Opcode::f32x4_min:
      return emit_vector_extreme(v, false, false, to, a, b);
    case Opcode::f32x4_max:
      return emit_vector_extreme(v, true, false, to, a, b);
    case Opcode::f64x2_min:
      return emit_vector_extreme(v, false, true, to, a, b);
    case Opcode::f64x2_max:
      return emit_vector_extreme(v, true, true, to, a, b);
    case Opcode::i8x16_swizzle:
    case Opcode::i8x16_relaxed_swizzle:  // an index above 15 gets its highest bit
      v.binary(kAddSaturatingUnsigned8, s, b, v.constant(repeated(std::uint8_t{0x70})));
      return v.binary(kShuffleBytes, to, a, s);
    case Opcode::i16x8_q15mulr_sat_s:
    case Opcode::i16x8_relaxed_q15mulr_s:  // the one product that is too large becomes 0x8000
      v.binary({.map = 2, .code = 0x0b}, to, a, b);
      v.binary(kEqual[1], s, to, v.constant(repeated(std::uint16_t{0x8000})));
      return v.binary(kXor, to, to, s);
    case Opcode::i16x8_extmul_low_i8x16_s:
      return extended_product(false, kExtendSigned[1], kMultiply16);
    case Opcode::i16x8_extmul_high_i8x16_s:
      return extended_product(true, kExtendSigned[1], kMultiply16);
    case Opcode::i16x8_extmul_low_i8x16_u:
      return extended_product(false, kExtendUnsigned[1], kMultiply16);
    case Opcode::i16x8_extmul_high_i8x16_u:
      return extended_product(true, kExtendUnsigned[1], kMultiply16);
    case Opcode::i32x4_extmul_low_i16x8_s:
      return extended_product(false, kExtendSigned[2], kMultiply32);
    case Opcode::i32x4_extmul_high_i16x8_s:
      return extended_product(true, kExtendSigned[2], kMultiply32);
    case Opcode::i32x4_extmul_low_i16x8_u:
      return extended_product(false, kExtendUnsigned[2], kMultiply32);
    case Opcode::i32x4_extmul_high_i16x8_u:
      return extended_product(true, kExtendUnsigned[2], kMultiply32);
    case Opcode::i64x2_extmul_low_i32x4_s:
      return wide_product(false, kMultiplyWideSigned32);
    case Opcode::i64x2_extmul_high_i32x4_s:
      return wide_product(true, kMultiplyWideSigned32);
    case Opcode::i64x2_extmul_low_i32x4_u:
      return wide_product(false, kMultiplyWideUnsigned32);
    case Opcode::i64x2_extmul_high_i32x4_u:
      return wide_product(true, kMultiplyWideUnsigned32);
    case Opcode::i64x2_mul:  // of halves, but for both upper ones
      v.shift(Shift::right, 3, to, a, 32);
      v.binary(kMultiplyWideUnsigned32, to, to, b);
      v.shift(Shift::right, 3, s, b, 32);
      v.binary(kMultiplyWideUnsigned32, s, s, a);
      v.binary(kAdd[3], to, to, s);
      v.shift(Shift::left, 3, to, to, 32);
      v.binary(kMultiplyWideUnsigned32, s, a, b);
      return v.binary(kAdd[3], to, to, s);
    case Opcode::i16x8_relaxed_dot_i8x16_i7x16_s:
      return emit_byte_products(v, to, a, b);
    default:
      std::unreachable();
  }
}

/// minps and maxps return their second operand where there is a NaN, or two zeros.
void Translator::emit_vector_extreme(Vectors& v, bool is_maximum, bool is_64, Xmm to, Xmm a, Xmm b) {
  constexpr auto s = kScratchXmm;
  const auto extreme = for_doubles({.code = static_cast<std::uint8_t>(is_maximum ? 0x5f : 0x5d)}, is_64);
  const auto is_nan = v.further();
  v.binary(extreme, to, a, b);
  v.binary(extreme, s, b, a);
  v.binary(is_maximum ? kAnds : kOrs, to, to, s);
  v.compare(FloatCondition::unordered, is_64, is_nan, a, b);
  v.binary(for_doubles({.code = 0x58}, is_64), s, a, b);
  const Vex blend{.map = 3, .code = static_cast<std::uint8_t>(is_64 ? 0x4b : 0x4a)};
  v.binary(blend, to, to, s, static_cast<std::uint8_t>(number(is_nan) << 4));
}

/// The sums of the products of neighbours, modulo 2^16.
void Translator::emit_byte_products(Vectors& v, Xmm to, Xmm a, Xmm b) {
  constexpr auto s = kScratchXmm;
  const auto other = v.further();
  const auto even = [&](Xmm half, Xmm of) {
    v.shift(Shift::left, 1, half, of, 8);
    v.shift(Shift::right_signed, 1, half, half, 8);
  };
  even(to, a);
  even(s, b);
  v.binary(kMultiply16, to, to, s);
  v.shift(Shift::right_signed, 1, other, a, 8);
  v.shift(Shift::right_signed, 1, s, b, 8);
  v.binary(kMultiply16, other, other, s);
  v.binary(kAdd[1], to, to, other);
}

bool Translator::is_vector_shift(Opcode op) {
  switch (op) {
    case Opcode::i8x16_shl:
    case Opcode::i8x16_shr_s:
    case Opcode::i8x16_shr_u:
    case Opcode::i16x8_shl:
    case Opcode::i16x8_shr_s:
    case Opcode::i16x8_shr_u:
    case Opcode::i32x4_shl:
    case Opcode::i32x4_shr_s:
    case Opcode::i32x4_shr_u:
    case Opcode::i64x2_shl:
    case Opcode::i64x2_shr_s:
    case Opcode::i64x2_shr_u:
      return true;
    default:
      return false;
  }
}

Operand Translator::vector_shift(Opcode op, Operand a, Operand count) {
  take(count);
  load_into(kScratch, count, Width::w32);
  release(count);
  return vector_result(length_of(op), {&a},
                       [&](Vectors v, Xmm to) { emit_vector_shift(v, op, to, xmm(a, XmmWidth::w128)); });
}

/// By what kScratch has.
void Translator::emit_vector_shift(Vectors& v, Opcode op, Xmm to, Xmm a) {
  constexpr auto s = kScratchXmm;
  const auto take_count = [&](unsigned lane) {
    a_.arithmetic_constant(Arithmetic::and_, Width::w32, kScratch, (8 << lane) - 1);
    if (lane == 0)  // bytes are shifted in the upper halves of words
      a_.arithmetic_constant(Arithmetic::add, Width::w32, kScratch, 8);
    a_.move_bits(Width::w32, s, kScratch);
  };
  const auto shift = [&](const ByLane& instruction, unsigned lane) {
    take_count(lane);
    v.binary(instruction[lane], to, a, s);
  };
  const auto shift_bytes = [&](const ByLane& instruction, const Vex& pack) {
    const auto upper = v.further();
    take_count(0);
    v.binary(kUnpackHigh8, upper, a, a);
    v.binary(kUnpackLow8, to, a, a);
    for (const auto half : {upper, to}) {
      v.binary(instruction[1], half, half, s);
      if (op == Opcode::i8x16_shl)
        v.shift(Shift::right, 1, half, half, 8);
    }
    v.binary(pack, to, to, upper);
  };
  switch (op) {
    case Opcode::i8x16_shl:
      return shift_bytes(kShiftLeft, kPackUnsigned8);
    case Opcode::i8x16_shr_s:
      return shift_bytes(kShiftRightSigned, kPackSigned8);
    case Opcode::i8x16_shr_u:
      return shift_bytes(kShiftRight, kPackUnsigned8);
    case Opcode::i16x8_shl:
      return shift(kShiftLeft, 1);
    case Opcode::i16x8_shr_s:
      return shift(kShiftRightSigned, 1);
    case Opcode::i16x8_shr_u:
      return shift(kShiftRight, 1);
    case Opcode::i32x4_shl:
      return shift(kShiftLeft, 2);
    case Opcode::i32x4_shr_s:
      return shift(kShiftRightSigned, 2);
    case Opcode::i32x4_shr_u:
      return shift(kShiftRight, 2);
    case Opcode::i64x2_shl:
      return shift(kShiftLeft, 3);
    case Opcode::i64x2_shr_u:
      return shift(kShiftRight, 3);
    case Opcode::i64x2_shr_s: {  // without signs, and then the sign is spread from where it is now
      const auto sign = v.further();
      shift(kShiftRight, 3);
      v.ones(sign);
      v.shift(Shift::left, 3, sign, sign, 63);
      v.binary(kShiftRight[3], sign, sign, s);
      v.binary(kXor, to, to, sign);
      return v.binary(kSubtract[3], to, to, sign);
    }
    default:
      std::unreachable();
  }
}

Operand Translator::vector_ternary(Opcode op, Operand a, Operand b, Operand c) {
  return vector_result(length_of(op), {&a, &b, &c}, [&](Vectors v, Xmm to) {
    emit_vector_ternary(v, op, to, xmm(a, XmmWidth::w128), xmm(b, XmmWidth::w128), xmm(c, XmmWidth::w128));
  });
}

void Translator::emit_vector_ternary(Vectors& v, Opcode op, Xmm to, Xmm a, Xmm b, Xmm c) {
  constexpr auto s = kScratchXmm;
  const auto multiply_add = [&](bool is_negated, bool is_64) {
    const Vex add{.code = static_cast<std::uint8_t>(is_negated ? 0x5c : 0x58)};
    v.binary(for_doubles({.code = 0x59}, is_64), to, a, b);
    v.binary(for_doubles(add, is_64), to, is_negated ? c : to, is_negated ? to : c);
  };
  switch (op) {
    case Opcode::v128_bitselect:
    case Opcode::i8x16_relaxed_laneselect:
    case Opcode::i16x8_relaxed_laneselect:
    case Opcode::i32x4_relaxed_laneselect:
    case Opcode::i64x2_relaxed_laneselect:
      v.binary(kAnd, s, a, c);
      v.binary(kAndNot, to, c, b);
      return v.binary(kOr, to, to, s);
    case Opcode::f32x4_relaxed_madd:
      return multiply_add(false, false);
    case Opcode::f32x4_relaxed_nmadd:
      return multiply_add(true, false);
    case Opcode::f64x2_relaxed_madd:
      return multiply_add(false, true);
    case Opcode::f64x2_relaxed_nmadd:
      return multiply_add(true, true);
    case Opcode::i32x4_relaxed_dot_i8x16_i7x16_add_s:
      emit_byte_products(v, to, a, b);
      v.binary(kMultiplyAdd16, to, to, v.constant(repeated(std::uint16_t{1})));
      return v.binary(kAdd[2], to, to, c);
    default:
      std::unreachable();
  }
}

}  // namespace wzrun::baseline
