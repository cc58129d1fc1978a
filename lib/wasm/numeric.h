#pragma once

#include "wasm/trapping.h"
#include "wasm/v128.h"

#include <bit>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <type_traits>

/// What the instructions on numbers do, named as the rows of opcodes.def name them and overloaded on the operands'
/// types.
///
/// NaNs: neg, abs, copysign and reinterpret keep the bits of a NaN, signalling or not. Every other float result that is
/// a NaN is quiet, as the specification demands of arithmetic NaNs; sign and payload are what the processor gives.
/// Float arithmetic relies on the default rounding mode, on IEEE evaluation without extra precision and on being
/// compiled without -ffast-math.
///
/// Source: Wasm 3.0, 4.3.
namespace wzrun::wasm::numeric {

using i32 = std::uint32_t;
using i64 = std::uint64_t;
using f32 = float;
using f64 = double;
using v128 = V128;

static_assert(std::numeric_limits<f32>::is_iec559 && std::numeric_limits<f64>::is_iec559);

template <typename T>
concept Integer = std::same_as<T, i32> || std::same_as<T, i64>;
template <typename T>
concept Float = std::same_as<T, f32> || std::same_as<T, f64>;
template <typename T>
concept Number = Integer<T> || Float<T>;

namespace detail {

template <Integer T>
inline constexpr unsigned kBits = std::numeric_limits<T>::digits;

/// A shift count modulo the width.
template <Integer T>
constexpr unsigned shift_count(T count) {
  return static_cast<unsigned>(count) % kBits<T>;
}

template <Float T>
using Bits = std::conditional_t<std::same_as<T, f32>, i32, i64>;
template <Float T>
constexpr Bits<T> bits(T a) {
  return std::bit_cast<Bits<T>>(a);
}
template <Float T>
inline constexpr Bits<T> kSignBit = Bits<T>{1} << (kBits<Bits<T>> - 1);

/// Whether `a`, truncated toward zero, is a value of Int; false for NaN.
template <std::integral Int, Float T>
constexpr bool truncates_to(T a) {
  using Limits = std::numeric_limits<Int>;
  constexpr auto kHalf = Limits::max() / 2 + 1;  // a power of two, like all that follows: exact
  constexpr T kEnd = 2 * static_cast<T>(kHalf);
  constexpr T kMin = Limits::min();
  if constexpr (kMin - 1 == kMin)  // no float lies between the minimum and the integer below
    return a >= kMin && a < kEnd;
  else
    return a > kMin - 1 && a < kEnd;
}

/// Errors: invalid_conversion_to_integer for NaN; integer_overflow for what does not fit.
/// Source: Wasm 3.0, 4.3.4, trunc.
template <std::integral Int, Float T>
constexpr Trapping<std::make_unsigned_t<Int>> truncate(T a) {
  if (truncates_to<Int>(a)) [[likely]]
    return static_cast<std::make_unsigned_t<Int>>(static_cast<Int>(a));
  return std::unexpected(a != a ? TrapKind::invalid_conversion_to_integer : TrapKind::integer_overflow);
}

/// 0 for NaN, the nearest limit for what does not fit.
/// Source: Wasm 3.0, 4.3.4, trunc_sat.
template <std::integral Int, Float T>
constexpr std::make_unsigned_t<Int> truncate_saturating(T a) {
  using Limits = std::numeric_limits<Int>;
  using Result = std::make_unsigned_t<Int>;
  if (truncates_to<Int>(a)) [[likely]]
    return static_cast<Result>(static_cast<Int>(a));
  if (a != a)
    return 0;
  return static_cast<Result>(a < 0 ? Limits::min() : Limits::max());
}

template <std::signed_integral Narrow, Integer T>
constexpr T sign_extend(T a) {
  return static_cast<T>(static_cast<std::make_signed_t<T>>(static_cast<Narrow>(a)));
}

template <Integer T>
constexpr std::make_signed_t<T> as_signed(T a) {
  return static_cast<std::make_signed_t<T>>(a);
}

}  // namespace detail

// Comparisons. With a NaN, all but `ne` are false.

constexpr i32 eqz(Integer auto a) { return a == 0; }
template <Number T>
constexpr i32 eq(T a, T b) {
  return a == b;
}
template <Number T>
constexpr i32 ne(T a, T b) {
  return a != b;
}
template <Integer T>
constexpr i32 lt_s(T a, T b) {
  return detail::as_signed(a) < detail::as_signed(b);
}
template <Integer T>
constexpr i32 lt_u(T a, T b) {
  return a < b;
}
template <Integer T>
constexpr i32 gt_s(T a, T b) {
  return detail::as_signed(a) > detail::as_signed(b);
}
template <Integer T>
constexpr i32 gt_u(T a, T b) {
  return a > b;
}
template <Integer T>
constexpr i32 le_s(T a, T b) {
  return detail::as_signed(a) <= detail::as_signed(b);
}
template <Integer T>
constexpr i32 le_u(T a, T b) {
  return a <= b;
}
template <Integer T>
constexpr i32 ge_s(T a, T b) {
  return detail::as_signed(a) >= detail::as_signed(b);
}
template <Integer T>
constexpr i32 ge_u(T a, T b) {
  return a >= b;
}
template <Float T>
constexpr i32 lt(T a, T b) {
  return a < b;
}
template <Float T>
constexpr i32 gt(T a, T b) {
  return a > b;
}
template <Float T>
constexpr i32 le(T a, T b) {
  return a <= b;
}
template <Float T>
constexpr i32 ge(T a, T b) {
  return a >= b;
}

// Arithmetic on integers (modulo 2^N) and floats (rounded to nearest, ties to even).

template <Number T>
constexpr T add(T a, T b) {
  return a + b;
}
template <Number T>
constexpr T sub(T a, T b) {
  return a - b;
}
template <Number T>
constexpr T mul(T a, T b) {
  return a * b;
}

// Integers.

template <Integer T>
constexpr T clz(T a) {
  return static_cast<T>(std::countl_zero(a));
}
template <Integer T>
constexpr T ctz(T a) {
  return static_cast<T>(std::countr_zero(a));
}
template <Integer T>
constexpr T popcnt(T a) {
  return static_cast<T>(std::popcount(a));
}

/// Signed quotient, rounded toward zero.
/// Errors: integer_divide_by_zero; integer_overflow for the minimum over -1.
template <Integer T>
constexpr Trapping<T> div_s(T a, T b) {
  using S = std::make_signed_t<T>;
  if (b == 0)
    return std::unexpected(TrapKind::integer_divide_by_zero);
  if (S(a) == std::numeric_limits<S>::min() && S(b) == -1)
    return std::unexpected(TrapKind::integer_overflow);
  return T(S(a) / S(b));
}

/// Errors: integer_divide_by_zero.
template <Integer T>
constexpr Trapping<T> div_u(T a, T b) {
  if (b == 0)
    return std::unexpected(TrapKind::integer_divide_by_zero);
  return a / b;
}

/// Signed remainder, with the sign of the dividend; 0 for the minimum over -1.
/// Errors: integer_divide_by_zero.
template <Integer T>
constexpr Trapping<T> rem_s(T a, T b) {
  using S = std::make_signed_t<T>;
  if (b == 0)
    return std::unexpected(TrapKind::integer_divide_by_zero);
  if (S(b) == -1)  // the processor's division of the minimum faults
    return T{0};
  return T(S(a) % S(b));
}

/// Errors: integer_divide_by_zero.
template <Integer T>
constexpr Trapping<T> rem_u(T a, T b) {
  if (b == 0)
    return std::unexpected(TrapKind::integer_divide_by_zero);
  return a % b;
}

template <Integer T>
constexpr T and_(T a, T b) {
  return a & b;
}
template <Integer T>
constexpr T or_(T a, T b) {
  return a | b;
}
template <Integer T>
constexpr T xor_(T a, T b) {
  return a ^ b;
}
template <Integer T>
constexpr T shl(T a, T count) {
  return a << detail::shift_count(count);
}
template <Integer T>
constexpr T shr_s(T a, T count) {
  return static_cast<T>(detail::as_signed(a) >> detail::shift_count(count));
}
template <Integer T>
constexpr T shr_u(T a, T count) {
  return a >> detail::shift_count(count);
}
template <Integer T>
constexpr T rotl(T a, T count) {
  return std::rotl(a, static_cast<int>(detail::shift_count(count)));
}
template <Integer T>
constexpr T rotr(T a, T count) {
  return std::rotr(a, static_cast<int>(detail::shift_count(count)));
}

template <Integer T>
constexpr T extend8_s(T a) {
  return detail::sign_extend<std::int8_t>(a);
}
template <Integer T>
constexpr T extend16_s(T a) {
  return detail::sign_extend<std::int16_t>(a);
}
constexpr i64 extend32_s(i64 a) { return detail::sign_extend<std::int32_t>(a); }

// Floats.

template <Float T>
constexpr T abs(T a) {
  return std::bit_cast<T>(detail::bits(a) & ~detail::kSignBit<T>);
}
template <Float T>
constexpr T neg(T a) {
  return std::bit_cast<T>(detail::bits(a) ^ detail::kSignBit<T>);
}
/// The magnitude of a with the sign of b.
template <Float T>
constexpr T copysign(T a, T b) {
  return std::bit_cast<T>((detail::bits(a) & ~detail::kSignBit<T>) | (detail::bits(b) & detail::kSignBit<T>));
}

template <Float T>
constexpr T div(T a, T b) {
  return a / b;
}
template <Float T>
T sqrt(T a) {
  return __builtin_elementwise_sqrt(a);
}
template <Float T>
T ceil(T a) {
  return __builtin_elementwise_ceil(a);
}
template <Float T>
T floor(T a) {
  return __builtin_elementwise_floor(a);
}
template <Float T>
T trunc(T a) {
  return __builtin_elementwise_trunc(a);
}
/// Rounded to an integer, ties to even.
template <Float T>
T nearest(T a) {
  return __builtin_elementwise_roundeven(a);
}

/// The lesser, -0 being less than +0; NaN if either is NaN.
template <Float T>
constexpr T min(T a, T b) {
  if (a != a || b != b) [[unlikely]]
    return a + b;                                                                      // a quiet NaN
  return std::bit_cast<T>(detail::bits(a < b ? a : b) | detail::bits(b < a ? b : a));  // -0 | 0 is -0
}

/// The greater, +0 being greater than -0; NaN if either is NaN.
template <Float T>
constexpr T max(T a, T b) {
  if (a != a || b != b) [[unlikely]]
    return a + b;
  return std::bit_cast<T>(detail::bits(a > b ? a : b) & detail::bits(b > a ? b : a));  // -0 & 0 is 0
}

// Conversions.

constexpr i32 wrap(i64 a) { return static_cast<i32>(a); }
constexpr i64 extend_s(i32 a) { return detail::sign_extend<std::int32_t>(i64{a}); }
constexpr i64 extend_u(i32 a) { return a; }

constexpr Trapping<i32> i32_trunc_s(Float auto a) { return detail::truncate<std::int32_t>(a); }
constexpr Trapping<i32> i32_trunc_u(Float auto a) { return detail::truncate<std::uint32_t>(a); }
constexpr Trapping<i64> i64_trunc_s(Float auto a) { return detail::truncate<std::int64_t>(a); }
constexpr Trapping<i64> i64_trunc_u(Float auto a) { return detail::truncate<std::uint64_t>(a); }

constexpr i32 i32_trunc_sat_s(Float auto a) { return detail::truncate_saturating<std::int32_t>(a); }
constexpr i32 i32_trunc_sat_u(Float auto a) { return detail::truncate_saturating<std::uint32_t>(a); }
constexpr i64 i64_trunc_sat_s(Float auto a) { return detail::truncate_saturating<std::int64_t>(a); }
constexpr i64 i64_trunc_sat_u(Float auto a) { return detail::truncate_saturating<std::uint64_t>(a); }

constexpr f32 f32_convert_s(Integer auto a) { return static_cast<f32>(detail::as_signed(a)); }
constexpr f32 f32_convert_u(Integer auto a) { return static_cast<f32>(a); }
constexpr f64 f64_convert_s(Integer auto a) { return static_cast<f64>(detail::as_signed(a)); }
constexpr f64 f64_convert_u(Integer auto a) { return static_cast<f64>(a); }

constexpr f32 demote(f64 a) { return static_cast<f32>(a); }
constexpr f64 promote(f32 a) { return a; }

constexpr i32 reinterpret(f32 a) { return std::bit_cast<i32>(a); }
constexpr i64 reinterpret(f64 a) { return std::bit_cast<i64>(a); }
constexpr f32 reinterpret(i32 a) { return std::bit_cast<f32>(a); }
constexpr f64 reinterpret(i64 a) { return std::bit_cast<f64>(a); }

}  // namespace wzrun::wasm::numeric
