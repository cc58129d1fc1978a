#include "baseline/vectors.h"

#include <bit>
#include <cstddef>
#include <optional>
#include <utility>

// Instructions on one vector.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

/// Those that one instruction does.
constexpr std::optional<Vex> unary_instruction(Opcode op) {
  switch (op) {
#define WZRUN_CASE(id, ...) \
  case Opcode::id:          \
    return Vex{__VA_ARGS__}
    WZRUN_CASE(i8x16_abs, .map = 2, .code = 0x1c);
    WZRUN_CASE(i16x8_abs, .map = 2, .code = 0x1d);
    WZRUN_CASE(i32x4_abs, .map = 2, .code = 0x1e);
    WZRUN_CASE(i16x8_extend_low_i8x16_s, .map = 2, .code = 0x20);
    WZRUN_CASE(i16x8_extend_low_i8x16_u, .map = 2, .code = 0x30);
    WZRUN_CASE(i32x4_extend_low_i16x8_s, .map = 2, .code = 0x23);
    WZRUN_CASE(i32x4_extend_low_i16x8_u, .map = 2, .code = 0x33);
    WZRUN_CASE(i64x2_extend_low_i32x4_s, .map = 2, .code = 0x25);
    WZRUN_CASE(i64x2_extend_low_i32x4_u, .map = 2, .code = 0x35);
    WZRUN_CASE(f32x4_sqrt, .prefix = 0, .code = 0x51);
    WZRUN_CASE(f64x2_sqrt, .code = 0x51);
    WZRUN_CASE(f32x4_convert_i32x4_s, .prefix = 0, .code = 0x5b);
    WZRUN_CASE(f64x2_convert_low_i32x4_s, .prefix = 2, .code = 0xe6);
    WZRUN_CASE(f32x4_demote_f64x2_zero, .code = 0x5a);
    WZRUN_CASE(f64x2_promote_low_f32x4, .prefix = 0, .code = 0x5a);
    default:
      return std::nullopt;
  }
}
#undef WZRUN_CASE

}  // namespace

Operand Translator::vector_unary(Opcode op, Operand a) {
  if (const auto instruction = unary_instruction(op)) {
    take(a);
    const auto from = xmm_place(a, XmmWidth::w128);
    const auto to = destination_xmm(length_of(op), &a, {});
    Vectors(*this).unary(*instruction, to, from);
    release(a);
    return result(to);
  }
  switch (op) {
    case Opcode::i8x16_splat:
    case Opcode::i16x8_splat:
    case Opcode::i32x4_splat:
    case Opcode::i64x2_splat:
    case Opcode::f32x4_splat:
    case Opcode::f64x2_splat:
      return splat(op, a);
    case Opcode::v128_any_true:
    case Opcode::i8x16_all_true:
    case Opcode::i16x8_all_true:
    case Opcode::i32x4_all_true:
    case Opcode::i64x2_all_true:
    case Opcode::i8x16_bitmask:
    case Opcode::i16x8_bitmask:
    case Opcode::i32x4_bitmask:
    case Opcode::i64x2_bitmask:
      return vector_test(op, a);
    default:
      break;
  }
  return vector_result(length_of(op), {&a},
                       [&](Vectors v, Xmm to) { emit_vector_unary(v, op, to, xmm(a, XmmWidth::w128)); });
}

Operand Translator::splat(Opcode op, Operand a) {
  take(a);
  const Vectors v(*this);
  if (op == Opcode::f32x4_splat || op == Opcode::f64x2_splat) {
    const bool is_64 = op == Opcode::f64x2_splat;
    const auto from = xmm(a, is_64);
    const auto to = destination_xmm(length_of(op), &a, {});
    if (is_64)
      v.binary(kUnpackLowDoubles, to, from, from);
    else
      v.binary(kShuffleFloats, to, from, from, 0);
    release(a);
    return result(to);
  }
  const auto width = width_of(op == Opcode::i64x2_splat);
  const auto from = gpr(a, width);
  const auto to = destination_xmm(length_of(op), nullptr, {});
  a_.move_bits(width, to, from);
  spread(op, to);
  release(a);
  return result(to);
}

/// Copies the lowest lane, of an integer, to all.
void Translator::spread(Opcode op, Xmm reg) {
  const Vectors v(*this);
  switch (op) {
    case Opcode::i8x16_splat:
      v.zero(kScratchXmm);
      return v.binary(kShuffleBytes, reg, reg, kScratchXmm);
    case Opcode::i16x8_splat:
      v.unary({.prefix = 3, .code = 0x70}, reg, reg, 0);
      return v.binary(kUnpackLow64, reg, reg, reg);
    case Opcode::i32x4_splat:
      return v.unary(kShuffle32, reg, reg, 0);
    default:
      return v.binary(kUnpackLow64, reg, reg, reg);
  }
}

Operand Translator::vector_test(Opcode op, Operand a) {
  take(a);
  const auto from = xmm(a, XmmWidth::w128);
  const Vectors v(*this);
  const auto mask = [&](const Vex& instruction, Xmm of) {
    const auto to = destination(length_of(op), nullptr, {});
    a_.emit_vex(instruction.map, instruction.prefix, instruction.code, Width::w32, number(to), 0, of);
    if (op == Opcode::i16x8_bitmask)
      a_.zero_extend_byte(to, to);
    release(a);
    return result(to);
  };
  const auto all = [&](unsigned lane) {
    v.zero(kScratchXmm);
    v.binary(kEqual[lane], kScratchXmm, kScratchXmm, from);
    v.unary(kTest, kScratchXmm, kScratchXmm);
    release(a);
    return condition_result(Condition::equal, length_of(op));
  };
  constexpr Vex kMask8{.code = 0xd7}, kMask32{.prefix = 0, .code = 0x50}, kMask64{.code = 0x50};
  switch (op) {
    case Opcode::v128_any_true:
      v.unary(kTest, from, from);
      release(a);
      return condition_result(Condition::not_equal, length_of(op));
    case Opcode::i8x16_all_true:
      return all(0);
    case Opcode::i16x8_all_true:
      return all(1);
    case Opcode::i32x4_all_true:
      return all(2);
    case Opcode::i64x2_all_true:
      return all(3);
    case Opcode::i8x16_bitmask:
      return mask(kMask8, from);
    case Opcode::i16x8_bitmask:
      v.binary(kPackSigned8, kScratchXmm, from, from);
      return mask(kMask8, kScratchXmm);
    case Opcode::i32x4_bitmask:
      return mask(kMask32, from);
    default:
      return mask(kMask64, from);
  }
}

void Translator::emit_vector_unary(Vectors& v, Opcode op, Xmm to, Xmm a) {
  constexpr auto s = kScratchXmm;
  const auto negate = [&](unsigned lane) {
    v.zero(s);
    v.binary(kSubtract[lane], to, s, a);
  };
  const auto extend_high = [&](const Vex& extend) {
    v.unary(kShuffle32, to, a, kUpperHalf);
    v.unary(extend, to, to);
  };
  const auto sign = [&](bool flips, bool is_64) {
    const auto lane = is_64 ? 3U : 2U;
    const std::uint8_t above = is_64 ? 63 : 31;
    v.ones(s);
    v.shift(flips ? Shift::left : Shift::right, lane, s, s, flips ? above : 1);
    v.binary(flips ? kXor : kAnd, to, a, s);
  };
  const auto round = [&](std::uint8_t mode, bool is_64) {
    constexpr std::uint8_t kInexactIsFine = 8;
    v.unary({.map = 3, .code = static_cast<std::uint8_t>(is_64 ? 0x09 : 0x08)}, to, a, mode | kInexactIsFine);
  };
  switch (op) {
    case Opcode::v128_not:
      v.ones(s);
      return v.binary(kXor, to, a, s);
    case Opcode::i8x16_neg:
      return negate(0);
    case Opcode::i16x8_neg:
      return negate(1);
    case Opcode::i32x4_neg:
      return negate(2);
    case Opcode::i64x2_neg:
      return negate(3);
    case Opcode::i64x2_abs:
      v.zero(s);
      v.binary(kGreater[3], s, s, a);
      v.binary(kXor, to, a, s);
      return v.binary(kSubtract[3], to, to, s);
    case Opcode::i8x16_popcnt:
      return emit_popcnt(v, to, a);
    case Opcode::i16x8_extend_high_i8x16_s:
      return extend_high(kExtendSigned[1]);
    case Opcode::i16x8_extend_high_i8x16_u:
      return extend_high(kExtendUnsigned[1]);
    case Opcode::i32x4_extend_high_i16x8_s:
      return extend_high(kExtendSigned[2]);
    case Opcode::i32x4_extend_high_i16x8_u:
      return extend_high(kExtendUnsigned[2]);
    case Opcode::i64x2_extend_high_i32x4_s:
      return extend_high(kExtendSigned[3]);
    case Opcode::i64x2_extend_high_i32x4_u:
      return extend_high(kExtendUnsigned[3]);
    case Opcode::i16x8_extadd_pairwise_i8x16_s:  // the first operand has no signs
      v.load_constant(s, repeated(std::uint8_t{1}));
      return v.binary(kMultiplyAdd8, to, s, a);
    case Opcode::i16x8_extadd_pairwise_i8x16_u:
      return v.binary(kMultiplyAdd8, to, a, v.constant(repeated(std::uint8_t{1})));
    case Opcode::i32x4_extadd_pairwise_i16x8_s:
      return v.binary(kMultiplyAdd16, to, a, v.constant(repeated(std::uint16_t{1})));
    case Opcode::i32x4_extadd_pairwise_i16x8_u:
      v.binary(kAnd, s, a, v.constant(repeated(std::uint32_t{0xffff})));
      v.shift(Shift::right, 2, to, a, 16);
      return v.binary(kAdd[2], to, to, s);
    case Opcode::f32x4_abs:
      return sign(false, false);
    case Opcode::f64x2_abs:
      return sign(false, true);
    case Opcode::f32x4_neg:
      return sign(true, false);
    case Opcode::f64x2_neg:
      return sign(true, true);
    case Opcode::f32x4_nearest:
      return round(0, false);
    case Opcode::f32x4_floor:
      return round(1, false);
    case Opcode::f32x4_ceil:
      return round(2, false);
    case Opcode::f32x4_trunc:
      return round(3, false);
    case Opcode::f64x2_nearest:
      return round(0, true);
    case Opcode::f64x2_floor:
      return round(1, true);
    case Opcode::f64x2_ceil:
      return round(2, true);
    case Opcode::f64x2_trunc:
      return round(3, true);
    default:
      return emit_vector_conversion(v, op, to, a);
  }
}

/// Of the two halves of each byte, by a table.
void Translator::emit_popcnt(Vectors& v, Xmm to, Xmm a) {
  constexpr Bytes kBits = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
  const auto low = v.further();
  const auto high = v.further();
  const auto half = v.constant(repeated(std::uint8_t{0x0f}));
  v.binary(kAnd, low, a, half);
  v.shift(Shift::right, 1, high, a, 4);
  v.binary(kAnd, high, high, half);
  v.load_constant(to, kBits);
  v.binary(kShuffleBytes, low, to, low);
  v.binary(kShuffleBytes, to, to, high);
  v.binary(kAdd[0], to, to, low);
}

void Translator::emit_vector_conversion(Vectors& v, Opcode op, Xmm to, Xmm a) {
  constexpr auto s = kScratchXmm;
  constexpr Vex kMaxFloats{.prefix = 0, .code = 0x5f}, kMaxDoubles{.code = 0x5f}, kMinDoubles{.code = 0x5d};
  constexpr Vex kAddFloats{.prefix = 0, .code = 0x58}, kSubtractFloats{.prefix = 0, .code = 0x5c},
      kMultiplyFloats{.prefix = 0, .code = 0x59};
  constexpr Vex kAddDoubles{.code = 0x58}, kSubtractDoubles{.code = 0x5c}, kConvertToFloats{.prefix = 0, .code = 0x5b};
  constexpr float kTwoTo31 = 0x1p31F;
  constexpr double kTwoTo52 = 0x1p52;  // whose last bit is worth 1
  switch (op) {
    case Opcode::f32x4_convert_i32x4_u:  // both halves are exact, so their sum is rounded once
      v.binary(kAnd, s, a, v.constant(repeated(std::uint32_t{0xffff})));
      v.unary(kConvertToFloats, s, s);
      v.shift(Shift::right, 2, to, a, 16);
      v.unary(kConvertToFloats, to, to);
      v.binary(kMultiplyFloats, to, to, v.constant(repeated(0x1p16F)));
      return v.binary(kAddFloats, to, to, s);
    case Opcode::f64x2_convert_low_i32x4_u:
      v.binary(kUnpackLowFloats, to, a,
               v.constant(repeated(static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(kTwoTo52) >> 32))));
      return v.binary(kSubtractDoubles, to, to, v.constant(repeated(kTwoTo52)));
    case Opcode::i32x4_trunc_sat_f32x4_s:
    case Opcode::i32x4_relaxed_trunc_f32x4_s: {
      const auto number = v.further();
      v.compare(FloatCondition::equal, false, s, a, a);
      v.binary(kAnds, number, a, s);  // NaN becomes 0
      v.compare(FloatCondition::greater_equal, false, s, number, v.constant(repeated(kTwoTo31)));
      v.unary(kTruncateFloats, to, number);  // what is too large becomes 0x80000000
      return v.binary(kXor, to, to, s);
    }
    case Opcode::i32x4_trunc_sat_f32x4_u:
    case Opcode::i32x4_relaxed_trunc_f32x4_u: {
      const auto number = v.further();
      const auto above = v.further();
      v.zero(s);
      v.binary(kMaxFloats, number, a, s);  // NaN becomes 0
      const auto two_to_31 = v.constant(repeated(kTwoTo31));
      v.binary(kSubtractFloats, above, number, two_to_31);
      v.compare(FloatCondition::greater_equal, false, s, above, two_to_31);
      v.unary(kTruncateFloats, to, number);
      v.unary(kTruncateFloats, above, above);
      v.binary(kXor, above, above, s);
      v.zero(s);
      v.binary(kMaxSigned32, above, above, s);
      return v.binary(kAdd[2], to, to, above);
    }
    case Opcode::i32x4_trunc_sat_f64x2_s_zero:
    case Opcode::i32x4_relaxed_trunc_f64x2_s_zero:
      v.compare(FloatCondition::equal, true, s, a, a);
      v.binary(kAnd, s, s, v.constant(repeated(2147483647.0)));
      v.binary(kMinDoubles, to, a, s);
      return v.unary({.code = 0xe6}, to, to);
    case Opcode::i32x4_trunc_sat_f64x2_u_zero:
    case Opcode::i32x4_relaxed_trunc_f64x2_u_zero:
      v.zero(s);
      v.binary(kMaxDoubles, to, a, s);
      v.binary(kMinDoubles, to, to, v.constant(repeated(4294967295.0)));
      v.unary({.map = 3, .code = 0x09}, to, to, 3);  // towards zero
      v.binary(kAddDoubles, to, to, v.constant(repeated(kTwoTo52)));
      return v.binary(kShuffleFloats, to, to, s, 0x88);
    default:
      std::unreachable();
  }
}

}  // namespace wzrun::baseline
