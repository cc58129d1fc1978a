#include "baseline/translator.h"

#include <bit>
#include <cstddef>

// Instructions on floating-point numbers, and conversions.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

constexpr std::uint8_t vex_prefix(bool is_64) { return is_64 ? 3 : 2; }
/// ucomiss, ucomisd
constexpr Encoding comparison(bool is_64) { return {static_cast<std::uint8_t>(is_64 ? 0x66 : 0), 1, 0x2e}; }

}  // namespace

Operand Translator::float_arithmetic(std::uint8_t code, bool is_64, Operand a, Operand b) {
  take(a);
  take(b);
  const auto left = xmm(a, is_64);
  const auto right = xmm_place(b, is_64);
  const auto to = destination_xmm(1, &a, {});
  a_.emit_vex(1, vex_prefix(is_64), code, Width::w32, number(to), number(left), right);
  release(b);
  release(a);
  return result(to);
}

/// minss and maxss return their second operand where there is a NaN, or two zeros.
Operand Translator::float_minimum(bool is_maximum, bool is_64, Operand a, Operand b) {
  take(a);
  take(b);
  const auto right = xmm(b, is_64);
  const auto to = own_xmm(a, is_64);
  CodeLabel unordered, equal, done;
  a_.emit(comparison(is_64), Width::w32, number(to), right);
  a_.jump_if(Condition::parity, unordered);
  a_.jump_if(Condition::equal, equal);
  a_.emit_vex(1, vex_prefix(is_64), is_maximum ? 0x5f : 0x5d, Width::w32, number(to), number(to), right);
  a_.jump(done);
  a_.bind(equal);
  a_.emit({0, 1, static_cast<std::uint8_t>(is_maximum ? 0x54 : 0x56)}, Width::w32, number(to), right);  // andps, orps
  a_.jump(done);
  a_.bind(unordered);
  a_.emit_vex(1, vex_prefix(is_64), 0x58, Width::w32, number(to), number(to), right);
  a_.bind(done);
  release(b);
  release(a);
  return result(to);
}

/// `bit_operation` on the sign: 6 clears, 7 flips it.
Operand Translator::float_sign(unsigned bit_operation, bool is_64, Operand a) {
  take(a);
  const auto from = xmm(a, is_64);
  const auto to = destination_xmm(1, &a, {});
  const auto width = width_of(is_64);
  a_.move_bits(width, kScratch, from);
  a_.emit({0, 1, 0xba}, width, bit_operation, kScratch);
  a_.immediate8(is_64 ? 63 : 31);
  a_.move_bits(width, to, kScratch);
  release(a);
  return result(to);
}

Operand Translator::copy_sign(bool is_64, Operand a, Operand b) {
  take(a);
  take(b);
  const auto width = width_of(is_64);
  const auto magnitude = xmm(a, is_64);
  const auto sign = xmm(b, is_64);
  const auto bits = allocate_gpr();
  const auto to = destination_xmm(1, &a, {});
  constexpr unsigned kShiftLeft = 4, kShiftRight = 5;
  a_.move_bits(width, kScratch, magnitude);
  a_.emit({0, 1, 0xba}, width, 6, kScratch);
  a_.immediate8(is_64 ? 63 : 31);
  a_.move_bits(width, bits, sign);
  for (const auto operation : {kShiftRight, kShiftLeft}) {
    a_.emit({0, 0, 0xc1}, width, operation, bits);
    a_.immediate8(is_64 ? 63 : 31);
  }
  a_.arithmetic(Arithmetic::or_, width, kScratch, bits);
  a_.move_bits(width, to, kScratch);
  used_gprs_.remove(number(bits));
  release(b);
  release(a);
  return result(to);
}

/// An instruction of one operand, which takes the upper half of its result from there too. Where it has an immediate
/// byte that is for the caller to add, before the result is asked for.
Xmm Translator::float_unary(std::uint8_t map, std::uint8_t prefix, std::uint8_t code, bool from_64, Operand& a) {
  take(a);
  const auto from = xmm(a, from_64);
  const auto to = destination_xmm(1, &a, {});
  a_.emit_vex(map, prefix, code, Width::w32, number(to), number(from), from);
  release(a);
  return to;
}

/// `mode`: 0 to the nearest, even in the middle; 1 down, 2 up, 3 towards zero.
Operand Translator::round(std::uint8_t mode, bool is_64, Operand a) {
  constexpr std::uint8_t kInexactIsFine = 8;
  const auto to = float_unary(3, 1, is_64 ? 0x0b : 0x0a, is_64, a);
  a_.immediate8(mode | kInexactIsFine);
  return result(to);
}

Operand Translator::square_root(bool is_64, Operand a) {
  return result(float_unary(1, vex_prefix(is_64), 0x51, is_64, a));
}

Operand Translator::convert_float(bool from_64, Operand a) {
  return result(float_unary(1, vex_prefix(from_64), 0x5a, from_64, a));
}

Operand Translator::convert_integer(bool to_64, Width from, bool is_signed, Operand a) {
  take(a);
  const bool is_large = from == Width::w64 && !is_signed;
  const auto value = is_large ? own(a, from) : gpr(a, from);
  const auto to = destination_xmm(1, nullptr, {});
  // Numbers of 32 bits without a sign are numbers of 64 with one.
  const auto width = is_signed ? from : Width::w64;
  const auto convert = [&](Gpr reg) {
    a_.emit({0, 1, 0x57}, Width::w32, number(to), to);  // or it would wait for the register's last value
    a_.emit({Assembler::scalar(to_64), 1, 0x2a}, width, number(to), reg);
  };
  if (!is_large) {
    convert(value);
  } else {
    CodeLabel large, done;
    a_.test(Width::w64, value, value);
    a_.jump_if(Condition::sign, large);
    convert(value);
    a_.jump(done);
    a_.bind(large);  // half of it, rounded to odd, and twice the result
    a_.move(Width::w64, kScratch, value);
    a_.emit({0, 0, 0xd1}, Width::w64, 5, kScratch);
    a_.arithmetic_constant(Arithmetic::and_, Width::w64, value, 1);
    a_.arithmetic(Arithmetic::or_, Width::w64, kScratch, value);
    convert(kScratch);
    a_.emit_vex(1, vex_prefix(to_64), 0x58, Width::w32, number(to), number(to), to);
    a_.bind(done);
  }
  release(a);
  return result(to);
}

namespace {

/// What numbers can be truncated: those above or at `low`, and below `high`. Bits.
struct Limits {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool low_is_outside = false;
};

template <typename F, typename Bits>
Limits limits_of(bool is_signed, bool to_64) {
  const F power = to_64 ? F(0x1p63) : F(0x1p31);
  if (!is_signed)
    return {std::bit_cast<Bits>(F(-1)), std::bit_cast<Bits>(2 * power), true};
  if (sizeof(F) == 8 && !to_64)
    return {std::bit_cast<Bits>(-power - 1), std::bit_cast<Bits>(power), true};
  return {std::bit_cast<Bits>(-power), std::bit_cast<Bits>(power), false};
}

}  // namespace

/// Requires that the number can be truncated.
void Translator::truncate_in_range(const Truncation& t, Gpr to, Xmm from) {
  const Encoding convert{Assembler::scalar(t.from_64), 1, 0x2c};
  if (t.is_signed || t.to == Width::w32) {
    a_.emit(convert, t.is_signed ? t.to : Width::w64, number(to), from);
    return;
  }
  CodeLabel large, done;
  load_float_constant(kScratchXmm, t.from_64,
                      t.from_64 ? std::bit_cast<std::uint64_t>(0x1p63) : std::bit_cast<std::uint32_t>(0x1p63F));
  a_.emit(comparison(t.from_64), Width::w32, number(from), kScratchXmm);
  a_.jump_if(Condition::above_equal, large);
  a_.emit(convert, Width::w64, number(to), from);
  a_.jump(done);
  a_.bind(large);
  a_.emit_vex(1, vex_prefix(t.from_64), 0x5c, Width::w32, number(kScratchXmm), number(from), kScratchXmm);
  a_.emit(convert, Width::w64, number(to), kScratchXmm);
  a_.emit({0, 1, 0xba}, Width::w64, 7, to);  // btc
  a_.immediate8(63);
  a_.bind(done);
}

Operand Translator::truncate(const Truncation& t, Operand a) {
  take(a);
  const auto from = xmm(a, t.from_64);
  const bool to_64 = t.to == Width::w64;
  const auto limits = t.from_64 ? limits_of<double, std::uint64_t>(t.is_signed, to_64)
                                : limits_of<float, std::uint32_t>(t.is_signed, to_64);
  const auto to = destination(t.saturates ? 2 : 1, nullptr, {});
  const auto compare_with = [&](std::uint64_t bits) {
    load_float_constant(kScratchXmm, t.from_64, bits);
    a_.emit(comparison(t.from_64), Width::w32, number(from), kScratchXmm);
  };
  const auto below = limits.low_is_outside ? Condition::below_equal : Condition::below;
  a_.emit(comparison(t.from_64), Width::w32, number(from), from);
  if (!t.saturates) {
    trap_if(Condition::parity, TrapKind::invalid_conversion_to_integer);
    compare_with(limits.high);
    trap_if(Condition::above_equal, TrapKind::integer_overflow);
    compare_with(limits.low);
    trap_if(below, TrapKind::integer_overflow);
    truncate_in_range(t, to, from);
  } else {
    const auto most = ~std::uint64_t{0} >> ((to_64 ? 0 : 32) + (t.is_signed ? 1 : 0));
    const auto least = t.is_signed ? most + 1 : 0;
    CodeLabel not_a_number, above, beneath, done;
    a_.jump_if(Condition::parity, not_a_number);
    compare_with(limits.high);
    a_.jump_if(Condition::above_equal, above);
    compare_with(limits.low);
    a_.jump_if(below, beneath);
    truncate_in_range(t, to, from);
    a_.jump(done);
    a_.bind(not_a_number);
    a_.move_constant(to, 0);
    a_.jump(done);
    a_.bind(above);
    a_.move_constant(to, most);
    a_.jump(done);
    a_.bind(beneath);
    a_.move_constant(to, least);
    a_.bind(done);
  }
  release(a);
  return result(to);
}

Operand Translator::reinterpret(Opcode op, Operand a) {
  take(a);
  if (a.is(Kind::constant))
    return a;
  const bool is_64 = op == Opcode::i64_reinterpret_f64 || op == Opcode::f64_reinterpret_i64;
  if (op == Opcode::f32_reinterpret_i32 || op == Opcode::f64_reinterpret_i64) {
    const auto from = place(a, width_of(is_64));
    const auto to = destination_xmm(1, nullptr, {});
    a_.emit({0x66, 1, 0x6e}, width_of(is_64), number(to), from);
    release(a);
    return result(to);
  }
  const auto from = xmm_place(a, is_64);
  const auto to = destination(1, nullptr, {});
  if (from.is_memory)
    a_.load(width_of(is_64), to, from.address);
  else
    a_.move_bits(width_of(is_64), to, static_cast<Xmm>(from.reg));
  release(a);
  return result(to);
}

Operand Translator::compare_floats(Opcode op, bool is_64, Operand a, Operand b) {
  take(a);
  take(b);
  const bool is_equality = op == Opcode::f32_eq || op == Opcode::f64_eq;
  const bool is_inequality = op == Opcode::f32_ne || op == Opcode::f64_ne;
  const bool is_less = op == Opcode::f32_lt || op == Opcode::f64_lt || op == Opcode::f32_le || op == Opcode::f64_le;
  if (is_less)  // so that NaNs make the condition false
    std::swap(a, b);
  const auto left = xmm(a, is_64);
  a_.emit(comparison(is_64), Width::w32, number(left), xmm_place(b, is_64));
  release(a);
  release(b);
  if (!is_equality && !is_inequality) {
    const bool or_equal = op == Opcode::f32_le || op == Opcode::f64_le || op == Opcode::f32_ge || op == Opcode::f64_ge;
    return condition_result(or_equal ? Condition::above_equal : Condition::above, 1);
  }
  const auto to = destination(1, nullptr, {});
  a_.set(is_equality ? Condition::not_parity : Condition::parity, kScratch);
  a_.set(is_equality ? Condition::equal : Condition::not_equal, to);
  a_.emit_byte({0, 0, static_cast<std::uint8_t>(is_equality ? 0x22 : 0x0a)}, number(to), kScratch);  // and, or
  a_.zero_extend_byte(to, to);
  return result(to);
}

}  // namespace wzrun::baseline
