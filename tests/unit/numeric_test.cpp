#include "wasm/numeric.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <expected>
#include <limits>

using wzrun::TrapKind;
namespace numeric = wzrun::wasm::numeric;
using numeric::f32;
using numeric::f64;
using numeric::i32;
using numeric::i64;

namespace {

constexpr i32 kMin32 = 0x80000000;
constexpr i64 kMin64 = 0x8000000000000000;

constexpr i32 kQuietNan32 = 0x7fc00000;
constexpr i32 kSignallingNan32 = 0x7fa12345;
constexpr i64 kQuietNan64 = 0x7ff8000000000000;
constexpr i64 kSignallingNan64 = 0xfff4000000012345;

// Keeps the compiler from computing the result itself: the processor's instructions are to be tested.
template <typename T>
T opaque(T value) {
  asm volatile("" : "+m"(value));
  return value;
}

f32 float_of(i32 bits) { return opaque(std::bit_cast<f32>(bits)); }
f64 float_of(i64 bits) { return opaque(std::bit_cast<f64>(bits)); }
i32 bits(f32 value) { return std::bit_cast<i32>(value); }
i64 bits(f64 value) { return std::bit_cast<i64>(value); }

bool is_arithmetic_nan(f32 value) { return (bits(value) & 0x7fc00000) == 0x7fc00000; }
bool is_arithmetic_nan(f64 value) { return (bits(value) & 0x7ff8000000000000) == 0x7ff8000000000000; }

}  // namespace

TEST_CASE("div_s: zero divisors and the minimum over -1 trap; other quotients are rounded toward zero") {
  CHECK(numeric::div_s(opaque(i32{1}), opaque(i32{0})) == std::unexpected(TrapKind::integer_divide_by_zero));
  CHECK(numeric::div_s(opaque(kMin32), opaque(i32(-1))) == std::unexpected(TrapKind::integer_overflow));
  CHECK(numeric::div_s(opaque(kMin64), opaque(i64(-1))) == std::unexpected(TrapKind::integer_overflow));
  CHECK(numeric::div_s(opaque(i32(-7)), opaque(i32{2})) == i32(-3));
  CHECK(numeric::div_s(opaque(kMin32 + 1), opaque(i32(-1))) == 0x7fffffffU);
  CHECK(numeric::div_s(opaque(kMin64), opaque(i64{2})) == 0xc000000000000000U);
}

TEST_CASE("div_u, rem_u: operands are unsigned and only a zero divisor traps") {
  CHECK(numeric::div_u(opaque(kMin32), opaque(i32(-1))) == 0U);
  CHECK(numeric::rem_u(opaque(kMin32), opaque(i32(-1))) == kMin32);
  CHECK(numeric::div_u(opaque(i64(-1)), opaque(i64{10})) == 1844674407370955161U);
  CHECK(numeric::div_u(opaque(i64{1}), opaque(i64{0})) == std::unexpected(TrapKind::integer_divide_by_zero));
  CHECK(numeric::rem_u(opaque(i32{1}), opaque(i32{0})) == std::unexpected(TrapKind::integer_divide_by_zero));
}

TEST_CASE("rem_s: the sign is the dividend's, and the minimum over -1 leaves 0") {
  CHECK(numeric::rem_s(opaque(i32(-7)), opaque(i32{2})) == i32(-1));
  CHECK(numeric::rem_s(opaque(i32{7}), opaque(i32(-2))) == 1U);
  CHECK(numeric::rem_s(opaque(kMin32), opaque(i32(-1))) == 0U);
  CHECK(numeric::rem_s(opaque(kMin64), opaque(i64(-1))) == 0U);
  CHECK(numeric::rem_s(opaque(i64{1}), opaque(i64{0})) == std::unexpected(TrapKind::integer_divide_by_zero));
}

TEST_CASE("shifts and rotations: the count is modulo the width") {
  CHECK(numeric::shl(opaque(i32{1}), opaque(i32{33})) == 2);
  CHECK(numeric::shl(opaque(i64{1}), opaque(i64{65})) == 2);
  CHECK(numeric::shl(opaque(i64{1}), opaque(i64{0x100000000})) == 1);
  CHECK(numeric::shr_s(opaque(kMin32), opaque(i32{31})) == 0xffffffff);
  CHECK(numeric::shr_s(opaque(kMin32), opaque(i32{32})) == kMin32);
  CHECK(numeric::shr_u(opaque(kMin64), opaque(i64{63})) == 1);
  CHECK(numeric::shr_u(opaque(kMin64), opaque(i64(-1))) == 1);
  CHECK(numeric::rotl(opaque(i32{0x80000001}), opaque(i32{33})) == 3);
  CHECK(numeric::rotr(opaque(i32{0x80000001}), opaque(i32{0})) == 0x80000001);
  CHECK(numeric::rotr(opaque(i64{3}), opaque(i64(-63))) == 0x8000000000000001);
  CHECK(numeric::rotl(opaque(i64{1}), opaque(i64(-1))) == kMin64);
}

TEST_CASE("clz, ctz, popcnt: zero has as many zeros as it has bits") {
  CHECK(numeric::clz(opaque(i32{0})) == 32);
  CHECK(numeric::ctz(opaque(i32{0})) == 32);
  CHECK(numeric::popcnt(opaque(i32{0})) == 0);
  CHECK(numeric::clz(opaque(i64{0})) == 64);
  CHECK(numeric::ctz(opaque(i64{0})) == 64);
  CHECK(numeric::clz(opaque(i64{1})) == 63);
  CHECK(numeric::ctz(opaque(kMin64)) == 63);
  CHECK(numeric::popcnt(opaque(i64(-1))) == 64);
}

TEST_CASE("comparisons: _s takes the operands as signed, _u as unsigned") {
  const auto minus_one = opaque(i32(-1));
  CHECK(numeric::lt_s(minus_one, i32{0}) == 1);
  CHECK(numeric::lt_u(minus_one, i32{0}) == 0);
  CHECK(numeric::gt_u(minus_one, i32{0}) == 1);
  CHECK(numeric::ge_s(opaque(kMin64), i64{0}) == 0);
  CHECK(numeric::le_u(opaque(kMin64), i64{0}) == 0);
  CHECK(numeric::eqz(opaque(i64{0x100000000})) == 0);
  CHECK(numeric::eqz(opaque(i64{0})) == 1);
}

TEST_CASE("comparisons: with a NaN all but ne are false; the zeros are equal") {
  const auto nan = float_of(kQuietNan64);
  CHECK(numeric::eq(nan, nan) == 0);
  CHECK(numeric::ne(nan, nan) == 1);
  CHECK(numeric::lt(nan, 1.0) == 0);
  CHECK(numeric::ge(nan, 1.0) == 0);
  CHECK(numeric::le(1.0, nan) == 0);
  CHECK(numeric::gt(1.0, nan) == 0);
  CHECK(numeric::eq(opaque(-0.0F), 0.0F) == 1);
}

TEST_CASE("extensions: the upper bits are the sign, whatever they were") {
  CHECK(numeric::extend8_s(opaque(i32{0x12345680})) == 0xffffff80);
  CHECK(numeric::extend16_s(opaque(i32{0xffff7fff})) == 0x7fff);
  CHECK(numeric::extend8_s(opaque(i64{0xff7f})) == 0x7f);
  CHECK(numeric::extend32_s(opaque(i64{0x0000000180000000})) == 0xffffffff80000000);
  CHECK(numeric::extend_s(opaque(kMin32)) == 0xffffffff80000000);
  CHECK(numeric::extend_u(opaque(kMin32)) == 0x80000000);
  CHECK(numeric::wrap(opaque(i64{0xabcdef0180000000})) == kMin32);
}

TEST_CASE("abs, neg, copysign: only the sign of a NaN changes, a signalling one stays so") {
  CHECK(bits(numeric::neg(float_of(kSignallingNan32))) == (kSignallingNan32 ^ kMin32));
  CHECK(bits(numeric::abs(float_of(kSignallingNan64))) == (kSignallingNan64 & ~kMin64));
  CHECK(bits(numeric::copysign(float_of(kSignallingNan32), opaque(-1.0F))) == (kSignallingNan32 | kMin32));
  CHECK(bits(numeric::copysign(opaque(1.0), float_of(kSignallingNan64))) == bits(-1.0));
  CHECK(numeric::reinterpret(float_of(kSignallingNan32)) == kSignallingNan32);
  CHECK(bits(numeric::reinterpret(opaque(kSignallingNan64))) == kSignallingNan64);
}

TEST_CASE("min, max: -0 is less than +0, in either order") {
  CHECK(bits(numeric::min(opaque(0.0F), opaque(-0.0F))) == kMin32);
  CHECK(bits(numeric::min(opaque(-0.0), opaque(0.0))) == kMin64);
  CHECK(bits(numeric::max(opaque(-0.0F), opaque(0.0F))) == 0);
  CHECK(bits(numeric::max(opaque(0.0), opaque(-0.0))) == 0);
  CHECK(numeric::min(opaque(1.0F), opaque(2.0F)) == 1.0F);
  CHECK(numeric::max(opaque(-1.0), opaque(-2.0)) == -1.0);
  CHECK(numeric::min(opaque(-std::numeric_limits<f64>::infinity()), opaque(3.0)) ==
        -std::numeric_limits<f64>::infinity());
}

TEST_CASE("min, max: a NaN on either side gives a quiet NaN") {
  CHECK(is_arithmetic_nan(numeric::min(float_of(kSignallingNan32), opaque(1.0F))));
  CHECK(is_arithmetic_nan(numeric::min(opaque(1.0F), float_of(kSignallingNan32))));
  CHECK(is_arithmetic_nan(numeric::max(float_of(kSignallingNan64), opaque(1.0))));
  CHECK(is_arithmetic_nan(numeric::max(opaque(1.0), float_of(kSignallingNan64))));
  CHECK((bits(numeric::min(float_of(kQuietNan32), opaque(1.0F))) & ~kMin32) == kQuietNan32);
}

TEST_CASE("float arithmetic: a signalling NaN becomes a quiet one") {
  const auto nan32 = float_of(kSignallingNan32);
  const auto nan64 = float_of(kSignallingNan64);
  CHECK(is_arithmetic_nan(numeric::add(nan32, opaque(0.0F))));
  CHECK(is_arithmetic_nan(numeric::sub(nan64, opaque(0.0))));
  CHECK(is_arithmetic_nan(numeric::mul(nan64, opaque(1.0))));
  CHECK(is_arithmetic_nan(numeric::div(nan32, opaque(1.0F))));
  CHECK(is_arithmetic_nan(numeric::sqrt(nan64)));
  CHECK(is_arithmetic_nan(numeric::ceil(nan32)));
  CHECK(is_arithmetic_nan(numeric::floor(nan64)));
  CHECK(is_arithmetic_nan(numeric::trunc(nan32)));
  CHECK(is_arithmetic_nan(numeric::nearest(nan64)));
  CHECK(is_arithmetic_nan(numeric::demote(nan64)));
  CHECK(is_arithmetic_nan(numeric::promote(nan32)));
}

TEST_CASE("nearest: halves go to the even neighbour, and the sign of zero stays") {
  CHECK(numeric::nearest(opaque(0.5F)) == 0.0F);
  CHECK(numeric::nearest(opaque(1.5F)) == 2.0F);
  CHECK(numeric::nearest(opaque(2.5)) == 2.0);
  CHECK(numeric::nearest(opaque(-3.5)) == -4.0);
  CHECK(numeric::nearest(opaque(0.49999997F)) == 0.0F);
  CHECK(numeric::nearest(opaque(4503599627370497.5)) == 4503599627370498.0);
  CHECK(numeric::nearest(opaque(8388609.0F)) == 8388609.0F);
  CHECK(bits(numeric::nearest(opaque(-0.5F))) == kMin32);
  CHECK(bits(numeric::nearest(opaque(-0.0))) == kMin64);
}

TEST_CASE("ceil, floor, trunc: a zero keeps the operand's sign") {
  CHECK(bits(numeric::ceil(opaque(-0.7F))) == kMin32);
  CHECK(bits(numeric::trunc(opaque(-0.7))) == kMin64);
  CHECK(numeric::floor(opaque(-0.7)) == -1.0);
  CHECK(bits(numeric::floor(opaque(-0.0F))) == kMin32);
  CHECK(numeric::ceil(opaque(0.1)) == 1.0);
}

TEST_CASE("sqrt: -0 stays, other negative operands give a NaN") {
  CHECK(bits(numeric::sqrt(opaque(-0.0F))) == kMin32);
  CHECK(is_arithmetic_nan(numeric::sqrt(opaque(-1.0))));
  CHECK(numeric::sqrt(opaque(2.0F)) == 1.41421356F);
}

TEST_CASE("trunc to i32: the limits are those of the truncated value") {
  constexpr auto kOverflow = std::unexpected(TrapKind::integer_overflow);
  CHECK(numeric::i32_trunc_s(opaque(2147483647.9)) == 0x7fffffffU);
  CHECK(numeric::i32_trunc_s(opaque(2147483648.0)) == kOverflow);
  CHECK(numeric::i32_trunc_s(opaque(-2147483648.9)) == kMin32);
  CHECK(numeric::i32_trunc_s(opaque(-2147483649.0)) == kOverflow);
  CHECK(numeric::i32_trunc_s(opaque(-2147483648.0F)) == kMin32);
  CHECK(numeric::i32_trunc_s(opaque(-2147483904.0F)) == kOverflow);
  CHECK(numeric::i32_trunc_s(opaque(2147483648.0F)) == kOverflow);
  CHECK(numeric::i32_trunc_u(opaque(4294967295.9)) == 0xffffffffU);
  CHECK(numeric::i32_trunc_u(opaque(4294967296.0)) == kOverflow);
  CHECK(numeric::i32_trunc_u(opaque(-0.99999994F)) == 0U);
  CHECK(numeric::i32_trunc_u(opaque(-1.0F)) == kOverflow);
}

TEST_CASE("trunc to i64: the limits are those of the truncated value") {
  constexpr auto kOverflow = std::unexpected(TrapKind::integer_overflow);
  CHECK(numeric::i64_trunc_s(opaque(9223372036854774784.0)) == 0x7ffffffffffffc00U);
  CHECK(numeric::i64_trunc_s(opaque(9223372036854775808.0)) == kOverflow);
  CHECK(numeric::i64_trunc_s(opaque(-9223372036854775808.0)) == kMin64);
  CHECK(numeric::i64_trunc_s(opaque(-9223372036854777856.0)) == kOverflow);
  CHECK(numeric::i64_trunc_u(opaque(18446742974197923840.0F)) == 0xffffff0000000000U);
  CHECK(numeric::i64_trunc_u(opaque(18446744073709551616.0F)) == kOverflow);
  CHECK(numeric::i64_trunc_u(opaque(-0.9999999999999999)) == 0U);
  CHECK(numeric::i64_trunc_u(opaque(-1.0)) == kOverflow);
}

TEST_CASE("trunc: a NaN is an invalid conversion, an infinity an overflow") {
  CHECK(numeric::i32_trunc_s(float_of(kQuietNan32)) == std::unexpected(TrapKind::invalid_conversion_to_integer));
  CHECK(numeric::i64_trunc_u(float_of(kSignallingNan64)) == std::unexpected(TrapKind::invalid_conversion_to_integer));
  CHECK(numeric::i32_trunc_u(opaque(std::numeric_limits<f32>::infinity())) ==
        std::unexpected(TrapKind::integer_overflow));
}

TEST_CASE("trunc_sat: what does not fit gives the nearest limit, a NaN 0") {
  constexpr auto kInfinity = std::numeric_limits<f64>::infinity();
  CHECK(numeric::i32_trunc_sat_s(opaque(kInfinity)) == 0x7fffffff);
  CHECK(numeric::i32_trunc_sat_s(opaque(-2147483649.0)) == kMin32);
  CHECK(numeric::i32_trunc_sat_s(float_of(kQuietNan32)) == 0);
  CHECK(numeric::i32_trunc_sat_u(opaque(-1.0F)) == 0);
  CHECK(numeric::i32_trunc_sat_u(opaque(4294967296.0F)) == 0xffffffff);
  CHECK(numeric::i64_trunc_sat_s(opaque(9223372036854775808.0F)) == 0x7fffffffffffffff);
  CHECK(numeric::i64_trunc_sat_s(opaque(-kInfinity)) == kMin64);
  CHECK(numeric::i64_trunc_sat_u(opaque(kInfinity)) == 0xffffffffffffffff);
  CHECK(numeric::i64_trunc_sat_u(opaque(-kInfinity)) == 0);
  CHECK(numeric::i64_trunc_sat_u(float_of(kQuietNan64)) == 0);
  CHECK(numeric::i64_trunc_sat_u(opaque(9223372036854775808.0)) == kMin64);
}

TEST_CASE("convert: rounded once, to the nearest float, ties to even") {
  CHECK(numeric::f32_convert_u(opaque(i64{0xffffffffffffffff})) == 18446744073709551616.0F);
  CHECK(numeric::f32_convert_u(opaque(i64{0x8000008000000001})) == 9223373136366403584.0F);
  CHECK(numeric::f32_convert_s(opaque(i64{0x7fffff4000000001})) == 9223371487098961920.0F);
  CHECK(numeric::f32_convert_s(opaque(i32{16777219})) == 16777220.0F);
  CHECK(numeric::f32_convert_u(opaque(i32{16777217})) == 16777216.0F);
  CHECK(numeric::f32_convert_s(opaque(kMin32)) == -2147483648.0F);
  CHECK(numeric::f64_convert_u(opaque(i64{0x8000000000000400})) == 9223372036854775808.0);
  CHECK(numeric::f64_convert_u(opaque(i64{0x8000000000000401})) == 9223372036854777856.0);
  CHECK(numeric::f64_convert_u(opaque(i32(-1))) == 4294967295.0);
  CHECK(numeric::f64_convert_s(opaque(i64(-1))) == -1.0);
}

TEST_CASE("demote: rounded to nearest, overflowing to infinity") {
  CHECK(numeric::demote(opaque(1.0000000596046448)) == 1.0F);
  CHECK(numeric::demote(opaque(1.000000059604645)) == 1.00000012F);
  CHECK(numeric::demote(opaque(3.5e38)) == std::numeric_limits<f32>::infinity());
  CHECK(bits(numeric::demote(opaque(-1e-50))) == kMin32);
}

TEST_CASE("operations on numbers can run at compile time") {
  static_assert(numeric::div_s(i32{7}, i32{2}) == 3U);
  static_assert(numeric::rotl(i64{1}, i64{65}) == 2);
  static_assert(numeric::min(1.0F, -1.0F) == -1.0F);
  static_assert(numeric::i32_trunc_sat_u(-5.0) == 0);
  static_assert(!numeric::i32_trunc_s(1e10));
}
