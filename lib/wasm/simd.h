#pragma once

#include "wasm/numeric.h"
#include "wasm/v128.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#if defined(__SSSE3__)
  #include <tmmintrin.h>
#elif defined(__ARM_NEON)
  #include <arm_neon.h>
#endif

/// What the instructions on vectors do, one function a row of opcodes.def, with the row's name. See numeric.h for NaNs.
///
/// Where relaxed SIMD leaves a choice, the result is the same on every processor:
///
///     relaxed_swizzle, relaxed_trunc, relaxed_laneselect, relaxed_q15mulr_s    as swizzle, trunc_sat, bitselect and
///                                       q15mulr_sat_s: at most one or two instructions more than the cheapest
///     relaxed_madd, relaxed_nmadd       rounded twice: x86-64 without FMA has no cheap fused form
///     relaxed_min, relaxed_max          as pmin and pmax: one instruction on x86-64, two on arm64
///     relaxed_dot                       both operands signed, sums modulo 2^16
///
/// Source: Wasm 3.0, 4.3 and 4.6 (vector instructions).
namespace wzrun::wasm::numeric {

namespace detail {

template <typename T, std::size_t kLanes>
using Vector [[clang::ext_vector_type(kLanes)]] = T;

}  // namespace detail

using s8x16 = detail::Vector<std::int8_t, 16>;
using u8x16 = detail::Vector<std::uint8_t, 16>;
using s16x8 = detail::Vector<std::int16_t, 8>;
using u16x8 = detail::Vector<std::uint16_t, 8>;
using s32x4 = detail::Vector<std::int32_t, 4>;
using u32x4 = detail::Vector<std::uint32_t, 4>;
using s64x2 = detail::Vector<std::int64_t, 2>;
using u64x2 = detail::Vector<std::uint64_t, 2>;
using f32x4 = detail::Vector<float, 4>;
using f64x2 = detail::Vector<double, 2>;

namespace detail {

/// A lane's type, and the number of lanes.
template <typename Lanes>
using Lane = std::remove_cvref_t<decltype(std::declval<Lanes>()[0])>;
template <typename Lanes>
inline constexpr std::size_t kLaneCount = sizeof(Lanes) / sizeof(Lane<Lanes>);

template <typename To, typename From>
To convert_lanes(From a) {
  return __builtin_convertvector(a, To);
}

/// The first and the second half of a vector's lanes.
template <typename T>
Vector<T, 8> low_half(Vector<T, 16> a) {
  return __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7);
}
template <typename T>
Vector<T, 8> high_half(Vector<T, 16> a) {
  return __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
}
template <typename T>
Vector<T, 4> low_half(Vector<T, 8> a) {
  return __builtin_shufflevector(a, a, 0, 1, 2, 3);
}
template <typename T>
Vector<T, 4> high_half(Vector<T, 8> a) {
  return __builtin_shufflevector(a, a, 4, 5, 6, 7);
}
template <typename T>
Vector<T, 2> low_half(Vector<T, 4> a) {
  return __builtin_shufflevector(a, a, 0, 1);
}
template <typename T>
Vector<T, 2> high_half(Vector<T, 4> a) {
  return __builtin_shufflevector(a, a, 2, 3);
}

/// The lanes of `a`, then those of `b`.
template <typename T>
Vector<T, 16> concatenate(Vector<T, 8> a, Vector<T, 8> b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
template <typename T>
Vector<T, 8> concatenate(Vector<T, 4> a, Vector<T, 4> b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}
template <typename T>
Vector<T, 4> concatenate(Vector<T, 2> a, Vector<T, 2> b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3);
}

/// Each lane shifted by a count modulo its width; arithmetic if it is signed.
template <typename Lanes>
Lanes shift_left(Lanes a, i32 count) {
  using T = Lane<Lanes>;
  return a << static_cast<Lanes>(static_cast<T>(count % std::numeric_limits<T>::digits));
}
template <typename Lanes>
Lanes shift_right(Lanes a, i32 count) {
  using T = Lane<Lanes>;
  return a >> static_cast<Lanes>(static_cast<T>(count % (8 * sizeof(T))));
}

/// One bit for each lane of a comparison's result, lane 0 lowest.
template <typename Lanes>
i32 bitmask(Lanes condition) {
  constexpr auto kCount = kLaneCount<Lanes>;
  using Bools = Vector<bool, kCount>;
  using Mask = std::conditional_t<kCount == 16, std::uint16_t, std::uint8_t>;
  static_assert(sizeof(Bools) == sizeof(Mask));
  return std::bit_cast<Mask>(__builtin_convertvector(condition, Bools)) & ((1U << kCount) - 1);
}

template <typename Lanes, typename T>
v128 replace_lane(v128 a, T value, std::uint8_t lane) {
  auto lanes = a.as<Lanes>();
  lanes[lane] = static_cast<Lane<Lanes>>(value);
  return V128::of(lanes);
}

/// Each lane converted to the type of the narrower lanes, the nearest value if it does not fit.
template <typename Narrow, typename Wide>
v128 narrow(v128 a, v128 b) {
  using T = Lane<Narrow>;
  using Half = Vector<T, kLaneCount<Wide>>;
  const auto half = [](Wide wide) {
    wide = __builtin_elementwise_max(wide, static_cast<Wide>(std::numeric_limits<T>::min()));
    wide = __builtin_elementwise_min(wide, static_cast<Wide>(std::numeric_limits<T>::max()));
    return convert_lanes<Half>(wide);
  };
  return V128::of(concatenate(half(a.as<Wide>()), half(b.as<Wide>())));
}

template <typename Wide, typename Lanes>
v128 extend_low(v128 a) {
  return V128::of(convert_lanes<Wide>(low_half(a.as<Lanes>())));
}
template <typename Wide, typename Lanes>
v128 extend_high(v128 a) {
  return V128::of(convert_lanes<Wide>(high_half(a.as<Lanes>())));
}

/// The sums of neighbours in lanes of twice the width: the odd ones are the high halves of Wide, the even the low.
template <typename Wide>
Wide extadd_pairwise(v128 a) {
  using T = Lane<Wide>;
  const auto wide = a.as<Wide>();
  constexpr T kHalf = 4 * sizeof(T);
  using Bits = Vector<std::make_unsigned_t<T>, kLaneCount<Wide>>;
  const auto even = std::bit_cast<Wide>(std::bit_cast<Bits>(wide) << kHalf) >> kHalf;
  return even + (wide >> kHalf);
}

// Vectors wider than 128 bits stay inside a function: passing them would depend on the processor's features.

/// The sums of two neighbouring products.
inline u32x4 dot(s16x8 a, s16x8 b) {
  using Wide = Vector<std::int32_t, 8>;
  using Sum = Vector<std::uint32_t, 8>;
  const auto product =
      __builtin_convertvector(__builtin_convertvector(a, Wide) * __builtin_convertvector(b, Wide), Sum);
  return __builtin_shufflevector(product, product, 0, 2, 4, 6) + __builtin_shufflevector(product, product, 1, 3, 5, 7);
}
inline u16x8 dot(s8x16 a, s8x16 b) {
  using Wide = Vector<std::int16_t, 16>;
  using Sum = Vector<std::uint16_t, 16>;
  const auto product =
      __builtin_convertvector(__builtin_convertvector(a, Wide) * __builtin_convertvector(b, Wide), Sum);
  return __builtin_shufflevector(product, product, 0, 2, 4, 6, 8, 10, 12, 14) +
         __builtin_shufflevector(product, product, 1, 3, 5, 7, 9, 11, 13, 15);
}

/// (a * b + 2^14) >> 15, saturated.
inline s16x8 q15mulr_sat(s16x8 a, s16x8 b) {
#if defined(__ARM_NEON)
  return std::bit_cast<s16x8>(vqrdmulhq_s16(std::bit_cast<int16x8_t>(a), std::bit_cast<int16x8_t>(b)));
#else
  #if defined(__SSSE3__)
  const auto rounded = std::bit_cast<s16x8>(_mm_mulhrs_epi16(std::bit_cast<__m128i>(a), std::bit_cast<__m128i>(b)));
  #else
  using Wide = Vector<std::int32_t, 8>;
  const auto product = __builtin_convertvector(a, Wide) * __builtin_convertvector(b, Wide);
  const auto rounded = __builtin_convertvector((product + 0x4000) >> 15, s16x8);
  #endif
  return rounded ^ (rounded == std::numeric_limits<std::int16_t>::min());  // the minimum: -1 * -1 alone gives it
#endif
}

template <typename Bits, typename Lanes>
Lanes min(Lanes a, Lanes b) {
  const auto lesser = std::bit_cast<Bits>(a < b ? a : b) | std::bit_cast<Bits>(b < a ? b : a);  // -0 | 0 is -0
  return ((a != a) | (b != b)) ? a + b : std::bit_cast<Lanes>(lesser);
}
template <typename Bits, typename Lanes>
Lanes max(Lanes a, Lanes b) {
  const auto greater = std::bit_cast<Bits>(a > b ? a : b) & std::bit_cast<Bits>(b > a ? b : a);  // -0 & 0 is 0
  return ((a != a) | (b != b)) ? a + b : std::bit_cast<Lanes>(greater);
}

/// Rounded after the product and after the sum.
template <typename Lanes>
Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#pragma clang fp contract(off)
  const auto product = a * b;
  return product + c;
}

/// Each lane truncated toward zero: 0 for NaN, the nearest limit for what does not fit.
template <typename Result>
Result truncate_lanes(f32x4 a) {
  using Limits = std::numeric_limits<Lane<Result>>;
  constexpr auto kHalf = Limits::max() / 2 + 1;  // a power of two, like all that follows: exact
  constexpr float kEnd = 2 * static_cast<float>(kHalf);
  constexpr float kMin = Limits::min();
  const auto fits = (a >= kMin) & (a < kEnd);  // what truncates to zero from below becomes 0 either way
  const auto result = convert_lanes<Result>(fits ? a : 0.0F);
  const auto above = std::bit_cast<Result>(a >= kEnd) & Limits::max();
  const auto below = std::bit_cast<Result>(a < kMin) & Limits::min();
  return result | above | below;
}
template <typename Result>
Result truncate_lanes(f64x2 a) {
  using T = Lane<Result>;
  using Limits = std::numeric_limits<T>;
  constexpr double kMin = Limits::min();
  constexpr double kMax = Limits::max();
  a = a == a ? a : 0.0;
  a = a > kMin ? a : kMin;
  a = a < kMax ? a : kMax;
  return concatenate(convert_lanes<Vector<T, 2>>(a), Vector<T, 2>{});
}

template <typename Lanes>
Lanes read(const std::uint8_t* source) {
  Lanes lanes;
  std::memcpy(&lanes, source, sizeof lanes);
  return lanes;
}

/// The lanes at `source`, each converted to a lane of twice the width.
template <typename Wide, typename T>
v128 read_extended(const std::uint8_t* source) {
  return V128::of(convert_lanes<Wide>(read<Vector<T, kLaneCount<Wide>>>(source)));
}
/// The lane at `source` in every lane.
template <typename Lanes>
v128 read_splat(const std::uint8_t* source) {
  return V128::of(static_cast<Lanes>(read<Lane<Lanes>>(source)));
}
/// The lane at `source` in the lowest lane, zero elsewhere.
template <typename Lanes>
v128 read_zero(const std::uint8_t* source) {
  Lanes lanes{};
  lanes[0] = read<Lane<Lanes>>(source);
  return V128::of(lanes);
}

}  // namespace detail

// An instruction that looks at its operands a, b and c as Lanes and yields the lanes of an expression.
#define WZRUN_UNARY(name, Lanes, ...)                \
  inline v128 name(v128 v_a) {                       \
    [[maybe_unused]] const auto a = v_a.as<Lanes>(); \
    return V128::of(__VA_ARGS__);                    \
  }
#define WZRUN_BINARY(name, Lanes, ...)   \
  inline v128 name(v128 v_a, v128 v_b) { \
    const auto a = v_a.as<Lanes>();      \
    const auto b = v_b.as<Lanes>();      \
    return V128::of(__VA_ARGS__);        \
  }
#define WZRUN_TERNARY(name, Lanes, ...)            \
  inline v128 name(v128 v_a, v128 v_b, v128 v_c) { \
    const auto a = v_a.as<Lanes>();                \
    const auto b = v_b.as<Lanes>();                \
    const auto c = v_c.as<Lanes>();                \
    return V128::of(__VA_ARGS__);                  \
  }

// Loads.

inline v128 v128_load(const std::uint8_t* source) { return V128::read(source); }
inline v128 v128_load8x8_s(const std::uint8_t* source) { return detail::read_extended<s16x8, std::int8_t>(source); }
inline v128 v128_load8x8_u(const std::uint8_t* source) { return detail::read_extended<u16x8, std::uint8_t>(source); }
inline v128 v128_load16x4_s(const std::uint8_t* source) { return detail::read_extended<s32x4, std::int16_t>(source); }
inline v128 v128_load16x4_u(const std::uint8_t* source) { return detail::read_extended<u32x4, std::uint16_t>(source); }
inline v128 v128_load32x2_s(const std::uint8_t* source) { return detail::read_extended<s64x2, std::int32_t>(source); }
inline v128 v128_load32x2_u(const std::uint8_t* source) { return detail::read_extended<u64x2, std::uint32_t>(source); }
inline v128 v128_load8_splat(const std::uint8_t* source) { return detail::read_splat<u8x16>(source); }
inline v128 v128_load16_splat(const std::uint8_t* source) { return detail::read_splat<u16x8>(source); }
inline v128 v128_load32_splat(const std::uint8_t* source) { return detail::read_splat<u32x4>(source); }
inline v128 v128_load64_splat(const std::uint8_t* source) { return detail::read_splat<u64x2>(source); }
inline v128 v128_load32_zero(const std::uint8_t* source) { return detail::read_zero<u32x4>(source); }
inline v128 v128_load64_zero(const std::uint8_t* source) { return detail::read_zero<u64x2>(source); }

// Bytes by number.

/// The bytes of `a` that the lanes of `b` number; 0 for numbers above 15.
inline v128 i8x16_swizzle(v128 a, v128 b) {
#if defined(__SSSE3__)
  const auto numbers = __builtin_elementwise_add_sat(b.as<u8x16>(), static_cast<u8x16>(0x70));  // above 15: bit 7 set
  return V128::of(_mm_shuffle_epi8(a.as<__m128i>(), std::bit_cast<__m128i>(numbers)));
#elif defined(__ARM_NEON)
  return V128::of(vqtbl1q_u8(a.as<uint8x16_t>(), b.as<uint8x16_t>()));
#else
  const auto bytes = a.as<std::array<std::uint8_t, 16>>();
  auto result = b.as<std::array<std::uint8_t, 16>>();
  for (auto& byte : result)
    byte = byte < 16 ? bytes[byte] : 0;
  return V128::of(result);
#endif
}

/// The bytes of `a` (numbers 0 to 15) and `b` (16 to 31) that `lanes` number; the immediates of i8x16.shuffle.
inline v128 i8x16_shuffle(v128 a, v128 b, v128 lanes) {
#if defined(__ARM_NEON)
  return V128::of(vqtbl2q_u8({{a.as<uint8x16_t>(), b.as<uint8x16_t>()}}, lanes.as<uint8x16_t>()));
#else
  const auto of_b = V128::of(lanes.as<u8x16>() - std::uint8_t{16});  // above 15 for those of `a`
  return V128::of(i8x16_swizzle(a, lanes).bytes | i8x16_swizzle(b, of_b).bytes);
#endif
}

// Splats and lanes.

inline v128 i8x16_splat(i32 a) { return V128::of(static_cast<u8x16>(static_cast<std::uint8_t>(a))); }
inline v128 i16x8_splat(i32 a) { return V128::of(static_cast<u16x8>(static_cast<std::uint16_t>(a))); }
inline v128 i32x4_splat(i32 a) { return V128::of(static_cast<u32x4>(a)); }
inline v128 i64x2_splat(i64 a) { return V128::of(static_cast<u64x2>(a)); }
inline v128 f32x4_splat(f32 a) { return V128::of(static_cast<f32x4>(a)); }
inline v128 f64x2_splat(f64 a) { return V128::of(static_cast<f64x2>(a)); }

inline i32 i8x16_extract_lane_s(v128 a, std::uint8_t lane) { return static_cast<i32>(a.as<s8x16>()[lane]); }
inline i32 i8x16_extract_lane_u(v128 a, std::uint8_t lane) { return a.as<u8x16>()[lane]; }
inline i32 i16x8_extract_lane_s(v128 a, std::uint8_t lane) { return static_cast<i32>(a.as<s16x8>()[lane]); }
inline i32 i16x8_extract_lane_u(v128 a, std::uint8_t lane) { return a.as<u16x8>()[lane]; }
inline i32 i32x4_extract_lane(v128 a, std::uint8_t lane) { return a.as<u32x4>()[lane]; }
inline i64 i64x2_extract_lane(v128 a, std::uint8_t lane) { return a.as<u64x2>()[lane]; }
inline f32 f32x4_extract_lane(v128 a, std::uint8_t lane) { return a.as<f32x4>()[lane]; }
inline f64 f64x2_extract_lane(v128 a, std::uint8_t lane) { return a.as<f64x2>()[lane]; }

inline v128 i8x16_replace_lane(v128 a, i32 b, std::uint8_t lane) { return detail::replace_lane<u8x16>(a, b, lane); }
inline v128 i16x8_replace_lane(v128 a, i32 b, std::uint8_t lane) { return detail::replace_lane<u16x8>(a, b, lane); }
inline v128 i32x4_replace_lane(v128 a, i32 b, std::uint8_t lane) { return detail::replace_lane<u32x4>(a, b, lane); }
inline v128 i64x2_replace_lane(v128 a, i64 b, std::uint8_t lane) { return detail::replace_lane<u64x2>(a, b, lane); }
inline v128 f32x4_replace_lane(v128 a, f32 b, std::uint8_t lane) { return detail::replace_lane<f32x4>(a, b, lane); }
inline v128 f64x2_replace_lane(v128 a, f64 b, std::uint8_t lane) { return detail::replace_lane<f64x2>(a, b, lane); }

// Bits.

WZRUN_UNARY(v128_not, u64x2, ~a)
WZRUN_BINARY(v128_and, u64x2, a& b)
WZRUN_BINARY(v128_andnot, u64x2, a & ~b)
WZRUN_BINARY(v128_or, u64x2, a | b)
WZRUN_BINARY(v128_xor, u64x2, a ^ b)
/// The bits of a where c has ones, those of b elsewhere.
WZRUN_TERNARY(v128_bitselect, u64x2, (a & c) | (b & ~c))
inline i32 v128_any_true(v128 a) { return __builtin_reduce_or(a.as<u64x2>()) != 0; }

// Integers.

// S and U: the shape's signed and unsigned lanes.
#define WZRUN_ALL_INTEGERS(shape, S, U)                                                                    \
  WZRUN_BINARY(shape##_eq, U, a == b)                                                                      \
  WZRUN_BINARY(shape##_ne, U, a != b)                                                                      \
  WZRUN_BINARY(shape##_lt_s, S, a < b)                                                                     \
  WZRUN_BINARY(shape##_gt_s, S, a > b)                                                                     \
  WZRUN_BINARY(shape##_le_s, S, a <= b)                                                                    \
  WZRUN_BINARY(shape##_ge_s, S, a >= b)                                                                    \
  WZRUN_UNARY(shape##_abs, S, __builtin_elementwise_abs(a))                                                \
  WZRUN_UNARY(shape##_neg, U, -a)                                                                          \
  WZRUN_BINARY(shape##_add, U, a + b)                                                                      \
  WZRUN_BINARY(shape##_sub, U, a - b)                                                                      \
  inline v128 shape##_shl(v128 a, i32 count) { return V128::of(detail::shift_left(a.as<U>(), count)); }    \
  inline v128 shape##_shr_s(v128 a, i32 count) { return V128::of(detail::shift_right(a.as<S>(), count)); } \
  inline v128 shape##_shr_u(v128 a, i32 count) { return V128::of(detail::shift_right(a.as<U>(), count)); } \
  inline i32 shape##_all_true(v128 a) { return detail::bitmask(a.as<U>() == 0) == 0; }                     \
  inline i32 shape##_bitmask(v128 a) { return detail::bitmask(a.as<S>() < 0); }
WZRUN_ALL_INTEGERS(i8x16, s8x16, u8x16)
WZRUN_ALL_INTEGERS(i16x8, s16x8, u16x8)
WZRUN_ALL_INTEGERS(i32x4, s32x4, u32x4)
WZRUN_ALL_INTEGERS(i64x2, s64x2, u64x2)
#undef WZRUN_ALL_INTEGERS

#define WZRUN_INTEGERS_TO_32(shape, S, U)                         \
  WZRUN_BINARY(shape##_lt_u, U, a < b)                            \
  WZRUN_BINARY(shape##_gt_u, U, a > b)                            \
  WZRUN_BINARY(shape##_le_u, U, a <= b)                           \
  WZRUN_BINARY(shape##_ge_u, U, a >= b)                           \
  WZRUN_BINARY(shape##_min_s, S, __builtin_elementwise_min(a, b)) \
  WZRUN_BINARY(shape##_min_u, U, __builtin_elementwise_min(a, b)) \
  WZRUN_BINARY(shape##_max_s, S, __builtin_elementwise_max(a, b)) \
  WZRUN_BINARY(shape##_max_u, U, __builtin_elementwise_max(a, b))
WZRUN_INTEGERS_TO_32(i8x16, s8x16, u8x16)
WZRUN_INTEGERS_TO_32(i16x8, s16x8, u16x8)
WZRUN_INTEGERS_TO_32(i32x4, s32x4, u32x4)
#undef WZRUN_INTEGERS_TO_32

#define WZRUN_INTEGERS_TO_16(shape, S, U)                                 \
  WZRUN_BINARY(shape##_add_sat_s, S, __builtin_elementwise_add_sat(a, b)) \
  WZRUN_BINARY(shape##_add_sat_u, U, __builtin_elementwise_add_sat(a, b)) \
  WZRUN_BINARY(shape##_sub_sat_s, S, __builtin_elementwise_sub_sat(a, b)) \
  WZRUN_BINARY(shape##_sub_sat_u, U, __builtin_elementwise_sub_sat(a, b)) \
  /* (a + b + 1) / 2 without a wider lane */                              \
  WZRUN_BINARY(shape##_avgr_u, U, (a | b) - ((a ^ b) >> 1))
WZRUN_INTEGERS_TO_16(i8x16, s8x16, u8x16)
WZRUN_INTEGERS_TO_16(i16x8, s16x8, u16x8)
#undef WZRUN_INTEGERS_TO_16

WZRUN_BINARY(i16x8_mul, u16x8, a* b)
WZRUN_BINARY(i32x4_mul, u32x4, a* b)
WZRUN_BINARY(i64x2_mul, u64x2, a* b)

WZRUN_UNARY(i8x16_popcnt, u8x16, __builtin_elementwise_popcount(a))
WZRUN_BINARY(i16x8_q15mulr_sat_s, s16x8, detail::q15mulr_sat(a, b))
WZRUN_BINARY(i32x4_dot_i16x8_s, s16x8, detail::dot(a, b))

// From narrower lanes to wider and back.

inline v128 i8x16_narrow_i16x8_s(v128 a, v128 b) { return detail::narrow<s8x16, s16x8>(a, b); }
inline v128 i8x16_narrow_i16x8_u(v128 a, v128 b) { return detail::narrow<u8x16, s16x8>(a, b); }
inline v128 i16x8_narrow_i32x4_s(v128 a, v128 b) { return detail::narrow<s16x8, s32x4>(a, b); }
inline v128 i16x8_narrow_i32x4_u(v128 a, v128 b) { return detail::narrow<u16x8, s32x4>(a, b); }

// wide: the result's shape. S and U, WideS and WideU: the signed and unsigned lanes of the operand and of the result.
#define WZRUN_EXTEND(wide, narrow, WideS, S, WideU, U)                                             \
  inline v128 wide##_extend_low_##narrow##_s(v128 a) { return detail::extend_low<WideS, S>(a); }   \
  inline v128 wide##_extend_high_##narrow##_s(v128 a) { return detail::extend_high<WideS, S>(a); } \
  inline v128 wide##_extend_low_##narrow##_u(v128 a) { return detail::extend_low<WideU, U>(a); }   \
  inline v128 wide##_extend_high_##narrow##_u(v128 a) { return detail::extend_high<WideU, U>(a); } \
  inline v128 wide##_extmul_low_##narrow##_s(v128 a, v128 b) {                                     \
    return wide##_mul(wide##_extend_low_##narrow##_s(a), wide##_extend_low_##narrow##_s(b));       \
  }                                                                                                \
  inline v128 wide##_extmul_high_##narrow##_s(v128 a, v128 b) {                                    \
    return wide##_mul(wide##_extend_high_##narrow##_s(a), wide##_extend_high_##narrow##_s(b));     \
  }                                                                                                \
  inline v128 wide##_extmul_low_##narrow##_u(v128 a, v128 b) {                                     \
    return wide##_mul(wide##_extend_low_##narrow##_u(a), wide##_extend_low_##narrow##_u(b));       \
  }                                                                                                \
  inline v128 wide##_extmul_high_##narrow##_u(v128 a, v128 b) {                                    \
    return wide##_mul(wide##_extend_high_##narrow##_u(a), wide##_extend_high_##narrow##_u(b));     \
  }
WZRUN_EXTEND(i16x8, i8x16, s16x8, s8x16, u16x8, u8x16)
WZRUN_EXTEND(i32x4, i16x8, s32x4, s16x8, u32x4, u16x8)
WZRUN_EXTEND(i64x2, i32x4, s64x2, s32x4, u64x2, u32x4)
#undef WZRUN_EXTEND

inline v128 i16x8_extadd_pairwise_i8x16_s(v128 a) { return V128::of(detail::extadd_pairwise<s16x8>(a)); }
inline v128 i16x8_extadd_pairwise_i8x16_u(v128 a) { return V128::of(detail::extadd_pairwise<u16x8>(a)); }
inline v128 i32x4_extadd_pairwise_i16x8_s(v128 a) { return V128::of(detail::extadd_pairwise<s32x4>(a)); }
inline v128 i32x4_extadd_pairwise_i16x8_u(v128 a) { return V128::of(detail::extadd_pairwise<u32x4>(a)); }

// Floats.

// F: the shape's lanes, U: their bits.
#define WZRUN_FLOATS(shape, F, U)                                       \
  WZRUN_BINARY(shape##_eq, F, a == b)                                   \
  WZRUN_BINARY(shape##_ne, F, a != b)                                   \
  WZRUN_BINARY(shape##_lt, F, a < b)                                    \
  WZRUN_BINARY(shape##_gt, F, a > b)                                    \
  WZRUN_BINARY(shape##_le, F, a <= b)                                   \
  WZRUN_BINARY(shape##_ge, F, a >= b)                                   \
  WZRUN_UNARY(shape##_abs, U, a & ~detail::kSignBit<detail::Lane<F>>)   \
  WZRUN_UNARY(shape##_neg, U, a ^ detail::kSignBit<detail::Lane<F>>)    \
  WZRUN_UNARY(shape##_sqrt, F, __builtin_elementwise_sqrt(a))           \
  WZRUN_UNARY(shape##_ceil, F, __builtin_elementwise_ceil(a))           \
  WZRUN_UNARY(shape##_floor, F, __builtin_elementwise_floor(a))         \
  WZRUN_UNARY(shape##_trunc, F, __builtin_elementwise_trunc(a))         \
  WZRUN_UNARY(shape##_nearest, F, __builtin_elementwise_roundeven(a))   \
  WZRUN_BINARY(shape##_add, F, a + b)                                   \
  WZRUN_BINARY(shape##_sub, F, a - b)                                   \
  WZRUN_BINARY(shape##_mul, F, a* b)                                    \
  WZRUN_BINARY(shape##_div, F, a / b)                                   \
  WZRUN_BINARY(shape##_min, F, detail::min<U>(a, b))                    \
  WZRUN_BINARY(shape##_max, F, detail::max<U>(a, b))                    \
  WZRUN_BINARY(shape##_pmin, F, b < a ? b : a)                          \
  WZRUN_BINARY(shape##_pmax, F, a < b ? b : a)                          \
  WZRUN_BINARY(shape##_relaxed_min, F, b < a ? b : a)                   \
  WZRUN_BINARY(shape##_relaxed_max, F, a < b ? b : a)                   \
  WZRUN_TERNARY(shape##_relaxed_madd, F, detail::multiply_add(a, b, c)) \
  WZRUN_TERNARY(shape##_relaxed_nmadd, F, detail::multiply_add(-a, b, c))
WZRUN_FLOATS(f32x4, f32x4, u32x4)
WZRUN_FLOATS(f64x2, f64x2, u64x2)
#undef WZRUN_FLOATS

// Conversions.

WZRUN_UNARY(f32x4_convert_i32x4_s, s32x4, detail::convert_lanes<f32x4>(a))
WZRUN_UNARY(f32x4_convert_i32x4_u, u32x4, detail::convert_lanes<f32x4>(a))
WZRUN_UNARY(f64x2_convert_low_i32x4_s, s32x4, detail::convert_lanes<f64x2>(detail::low_half(a)))
WZRUN_UNARY(f64x2_convert_low_i32x4_u, u32x4, detail::convert_lanes<f64x2>(detail::low_half(a)))
WZRUN_UNARY(f64x2_promote_low_f32x4, f32x4, detail::convert_lanes<f64x2>(detail::low_half(a)))
WZRUN_UNARY(f32x4_demote_f64x2_zero, f64x2,
            detail::concatenate(detail::convert_lanes<detail::Vector<float, 2>>(a), detail::Vector<float, 2>{}))

WZRUN_UNARY(i32x4_trunc_sat_f32x4_s, f32x4, detail::truncate_lanes<s32x4>(a))
WZRUN_UNARY(i32x4_trunc_sat_f32x4_u, f32x4, detail::truncate_lanes<u32x4>(a))
WZRUN_UNARY(i32x4_trunc_sat_f64x2_s_zero, f64x2, detail::truncate_lanes<s32x4>(a))
WZRUN_UNARY(i32x4_trunc_sat_f64x2_u_zero, f64x2, detail::truncate_lanes<u32x4>(a))

// The rest of relaxed SIMD.

inline v128 i8x16_relaxed_swizzle(v128 a, v128 b) { return i8x16_swizzle(a, b); }
inline v128 i32x4_relaxed_trunc_f32x4_s(v128 a) { return i32x4_trunc_sat_f32x4_s(a); }
inline v128 i32x4_relaxed_trunc_f32x4_u(v128 a) { return i32x4_trunc_sat_f32x4_u(a); }
inline v128 i32x4_relaxed_trunc_f64x2_s_zero(v128 a) { return i32x4_trunc_sat_f64x2_s_zero(a); }
inline v128 i32x4_relaxed_trunc_f64x2_u_zero(v128 a) { return i32x4_trunc_sat_f64x2_u_zero(a); }
inline v128 i8x16_relaxed_laneselect(v128 a, v128 b, v128 mask) { return v128_bitselect(a, b, mask); }
inline v128 i16x8_relaxed_laneselect(v128 a, v128 b, v128 mask) { return v128_bitselect(a, b, mask); }
inline v128 i32x4_relaxed_laneselect(v128 a, v128 b, v128 mask) { return v128_bitselect(a, b, mask); }
inline v128 i64x2_relaxed_laneselect(v128 a, v128 b, v128 mask) { return v128_bitselect(a, b, mask); }
inline v128 i16x8_relaxed_q15mulr_s(v128 a, v128 b) { return i16x8_q15mulr_sat_s(a, b); }
WZRUN_BINARY(i16x8_relaxed_dot_i8x16_i7x16_s, s8x16, detail::dot(a, b))
inline v128 i32x4_relaxed_dot_i8x16_i7x16_add_s(v128 a, v128 b, v128 c) {
  return i32x4_add(i32x4_extadd_pairwise_i16x8_s(i16x8_relaxed_dot_i8x16_i7x16_s(a, b)), c);
}

#undef WZRUN_UNARY
#undef WZRUN_BINARY
#undef WZRUN_TERNARY

}  // namespace wzrun::wasm::numeric
