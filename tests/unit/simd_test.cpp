#include "wasm/simd.h"
#include "wasm/v128.h"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

using wzrun::wasm::V128;
namespace numeric = wzrun::wasm::numeric;

namespace {

template <typename T>
using Lanes = std::array<T, 16 / sizeof(T)>;
using S8 = Lanes<std::int8_t>;
using U8 = Lanes<std::uint8_t>;
using S16 = Lanes<std::int16_t>;
using U16 = Lanes<std::uint16_t>;
using S32 = Lanes<std::int32_t>;
using U32 = Lanes<std::uint32_t>;
using S64 = Lanes<std::int64_t>;
using U64 = Lanes<std::uint64_t>;
using F32 = Lanes<float>;
using F64 = Lanes<double>;

// Keeps the compiler from computing the result itself: the processor's instructions are to be tested.
template <typename T>
V128 vector(std::array<T, 16 / sizeof(T)> lanes) {
  auto value = V128::of(lanes);
  asm volatile("" : "+m"(value));
  return value;
}
template <typename T>
V128 splat(T lane) {
  Lanes<T> lanes;
  lanes.fill(lane);
  return vector<T>(lanes);
}

constexpr auto kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint32_t kSignallingNan = 0x7fa12345;
constexpr std::uint64_t kSignallingNan64 = 0xfff4000000012345;

bool is_arithmetic_nan(std::uint32_t bits) { return (bits & 0x7fc00000) == 0x7fc00000; }
bool is_arithmetic_nan(std::uint64_t bits) { return (bits & 0x7ff8000000000000) == 0x7ff8000000000000; }

}  // namespace

TEST_CASE("V128: equal when all bits are, unaligned memory is read and written") {
  std::array<std::uint8_t, 17> memory{};
  memory[1] = 1;
  memory[16] = 16;
  const auto value = V128::read(&memory[1]);
  CHECK(value == vector<std::uint8_t>({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16}));
  CHECK_FALSE(value == V128{});
  value.write(memory.data());
  CHECK(memory[0] == 1);
  CHECK(memory[15] == 16);
}

TEST_CASE("loads: narrow lanes are extended, one lane is repeated or stands above zeros") {
  const std::array<std::uint8_t, 16> memory{0x80, 1, 2, 0xff, 4, 5, 6, 0x87, 8, 9, 10, 11, 12, 13, 14, 15};
  const auto* bytes = memory.data();
  CHECK(numeric::v128_load(bytes).as<U8>() == memory);
  CHECK(numeric::v128_load8x8_s(bytes).as<S16>() == S16{-128, 1, 2, -1, 4, 5, 6, -121});
  CHECK(numeric::v128_load8x8_u(bytes).as<U16>() == U16{128, 1, 2, 255, 4, 5, 6, 135});
  CHECK(numeric::v128_load16x4_s(bytes).as<S32>() == S32{0x180, -254, 0x504, -30970});
  CHECK(numeric::v128_load16x4_u(bytes).as<U32>() == U32{0x180, 0xff02, 0x504, 0x8706});
  CHECK(numeric::v128_load32x2_s(bytes).as<U64>() == U64{0xffffffffff020180, 0xffffffff87060504});
  CHECK(numeric::v128_load32x2_u(bytes).as<U64>() == U64{0xff020180, 0x87060504});
  CHECK(numeric::v128_load8_splat(bytes) == splat<std::uint8_t>(0x80));
  CHECK(numeric::v128_load16_splat(bytes) == splat<std::uint16_t>(0x0180));
  CHECK(numeric::v128_load32_splat(bytes) == splat<std::uint32_t>(0xff020180));
  CHECK(numeric::v128_load64_splat(bytes) == splat<std::uint64_t>(0x87060504ff020180));
  CHECK(numeric::v128_load32_zero(bytes).as<U32>() == U32{0xff020180, 0, 0, 0});
  CHECK(numeric::v128_load64_zero(bytes).as<U64>() == U64{0x87060504ff020180, 0});
}

TEST_CASE("swizzle: a number above 15 selects zero, also one that is 0 modulo 16 or has the top bit") {
  const auto bytes = vector<std::uint8_t>({10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25});
  const auto numbers = vector<std::uint8_t>({15, 0, 16, 17, 31, 32, 64, 112, 127, 128, 129, 143, 144, 240, 255, 1});
  const U8 expected{25, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11};
  CHECK(numeric::i8x16_swizzle(bytes, numbers).as<U8>() == expected);
  CHECK(numeric::i8x16_relaxed_swizzle(bytes, numbers).as<U8>() == expected);
}

TEST_CASE("shuffle: numbers below 16 select from the first operand, the others from the second") {
  const auto a = vector<std::uint8_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  const auto b = vector<std::uint8_t>({16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31});
  const auto lanes = vector<std::uint8_t>({0, 16, 15, 31, 1, 17, 14, 30, 2, 18, 13, 29, 7, 24, 8, 23});
  CHECK(numeric::i8x16_shuffle(a, b, lanes) == lanes);
}

TEST_CASE("lanes: extraction extends, replacement wraps and leaves the other lanes") {
  const auto a = vector<std::uint8_t>({0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0xfe, 0xff});
  CHECK(numeric::i8x16_extract_lane_s(a, 0) == 0xffffff80);
  CHECK(numeric::i8x16_extract_lane_u(a, 0) == 0x80);
  CHECK(numeric::i16x8_extract_lane_s(a, 7) == 0xfffffffe);
  CHECK(numeric::i16x8_extract_lane_u(a, 7) == 0xfffe);
  CHECK(numeric::i32x4_extract_lane(a, 1) == 0x07060504);
  CHECK(numeric::i64x2_extract_lane(a, 1) == 0xfffe0d0c0b0a0908);
  CHECK(numeric::i8x16_replace_lane(a, 0x1234, 0).as<U8>()[0] == 0x34);
  CHECK(numeric::i8x16_replace_lane(a, 0x1234, 0).as<U8>()[1] == 1);
  CHECK(numeric::i16x8_replace_lane(V128{}, 0xabcd1234, 7).as<U16>() == U16{0, 0, 0, 0, 0, 0, 0, 0x1234});
  CHECK(numeric::i64x2_replace_lane(V128{}, 5, 1).as<U64>() == U64{0, 5});
  CHECK(numeric::i8x16_splat(0x1ff) == splat<std::uint8_t>(0xff));
}

TEST_CASE("float lanes: splat, extraction and replacement keep a signalling NaN") {
  const auto nan = std::bit_cast<float>(kSignallingNan);
  const auto nan64 = std::bit_cast<double>(kSignallingNan64);
  CHECK(numeric::f32x4_splat(nan) == splat(kSignallingNan));
  CHECK(std::bit_cast<std::uint32_t>(numeric::f32x4_extract_lane(splat(kSignallingNan), 3)) == kSignallingNan);
  CHECK(std::bit_cast<std::uint64_t>(numeric::f64x2_extract_lane(splat(kSignallingNan64), 1)) == kSignallingNan64);
  CHECK(numeric::f64x2_replace_lane(V128{}, nan64, 0).as<U64>() == U64{kSignallingNan64, 0});
}

TEST_CASE("bits: not, and, andnot, or, xor, bitselect") {
  const auto a = splat<std::uint8_t>(0b1100);
  const auto b = splat<std::uint8_t>(0b1010);
  CHECK(numeric::v128_not(a) == splat<std::uint8_t>(0xf3));
  CHECK(numeric::v128_and(a, b) == splat<std::uint8_t>(0b1000));
  CHECK(numeric::v128_andnot(a, b) == splat<std::uint8_t>(0b0100));
  CHECK(numeric::v128_or(a, b) == splat<std::uint8_t>(0b1110));
  CHECK(numeric::v128_xor(a, b) == splat<std::uint8_t>(0b0110));
  CHECK(numeric::v128_bitselect(a, b, splat<std::uint8_t>(0b0110)) == splat<std::uint8_t>(0b1100));
  CHECK(numeric::i64x2_relaxed_laneselect(a, b, splat<std::uint8_t>(0b0110)) == splat<std::uint8_t>(0b1100));
}

TEST_CASE("any_true, all_true, bitmask: one bit in a lane makes it true, its sign makes the mask") {
  CHECK(numeric::v128_any_true(V128{}) == 0);
  CHECK(numeric::v128_any_true(vector<std::uint64_t>({0, 1})) == 1);
  CHECK(numeric::i8x16_all_true(splat<std::uint16_t>(0x0100)) == 0);
  CHECK(numeric::i16x8_all_true(splat<std::uint16_t>(0x0100)) == 1);
  CHECK(numeric::i32x4_all_true(vector<std::uint32_t>({1, 1, 0, 1})) == 0);
  CHECK(numeric::i64x2_all_true(splat<std::uint64_t>(0x100000000)) == 1);
  CHECK(numeric::i8x16_bitmask(vector<std::int8_t>({-1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, -128})) == 0x8001);
  CHECK(numeric::i16x8_bitmask(vector<std::int16_t>({-1, 0, 0, 0, 0, 0, 1, -1})) == 0x81);
  CHECK(numeric::i32x4_bitmask(splat<std::int32_t>(-1)) == 0xf);
  CHECK(numeric::i64x2_bitmask(vector<std::int64_t>({1, -1})) == 2);
}

TEST_CASE("comparisons: a true lane is all ones; signed and unsigned differ") {
  const auto a = splat<std::uint8_t>(0xff);
  const auto b = splat<std::uint8_t>(1);
  const auto all = splat<std::uint8_t>(0xff);
  CHECK(numeric::i8x16_lt_s(a, b) == all);
  CHECK(numeric::i8x16_lt_u(a, b) == V128{});
  CHECK(numeric::i16x8_gt_u(a, b) == all);
  CHECK(numeric::i32x4_ge_s(a, b) == V128{});
  CHECK(numeric::i64x2_le_s(a, b) == all);
  CHECK(numeric::i64x2_ne(a, b) == all);
  const auto nan = splat(kSignallingNan);
  CHECK(numeric::f32x4_eq(nan, nan) == V128{});
  CHECK(numeric::f32x4_ne(nan, nan) == all);
  CHECK(numeric::f64x2_le(splat(-0.0), splat(0.0)) == all);
}

TEST_CASE("shifts: the count is modulo the lane's width") {
  CHECK(numeric::i8x16_shl(splat<std::uint8_t>(0x81), 9) == splat<std::uint8_t>(2));
  CHECK(numeric::i8x16_shr_s(splat<std::uint8_t>(0x81), 15) == splat<std::uint8_t>(0xff));
  CHECK(numeric::i8x16_shr_u(splat<std::uint8_t>(0x81), 8) == splat<std::uint8_t>(0x81));
  CHECK(numeric::i16x8_shr_s(splat<std::int16_t>(-32768), 31) == splat<std::int16_t>(-1));
  CHECK(numeric::i32x4_shr_u(splat<std::uint32_t>(0x80000000), 0xffffffff) == splat<std::uint32_t>(1));
  CHECK(numeric::i64x2_shl(splat<std::uint64_t>(3), 127) == splat<std::uint64_t>(0x8000000000000000));
  CHECK(numeric::i64x2_shr_s(splat<std::int64_t>(-8), 65) == splat<std::int64_t>(-4));
}

TEST_CASE("integers: abs, neg and popcnt of the minimum") {
  CHECK(numeric::i8x16_abs(splat<std::int8_t>(-128)) == splat<std::int8_t>(-128));
  CHECK(numeric::i64x2_abs(splat<std::int64_t>(-5)) == splat<std::int64_t>(5));
  CHECK(numeric::i32x4_neg(splat<std::uint32_t>(0x80000000)) == splat<std::uint32_t>(0x80000000));
  CHECK(numeric::i8x16_popcnt(vector<std::uint8_t>({0, 255, 128, 1, 0x55})).as<U8>() == U8{0, 8, 1, 1, 4});
}

TEST_CASE("saturating sums and differences stop at the limits") {
  CHECK(numeric::i8x16_add_sat_s(splat<std::int8_t>(100), splat<std::int8_t>(100)) == splat<std::int8_t>(127));
  CHECK(numeric::i8x16_add_sat_u(splat<std::uint8_t>(200), splat<std::uint8_t>(100)) == splat<std::uint8_t>(255));
  CHECK(numeric::i8x16_sub_sat_u(splat<std::uint8_t>(1), splat<std::uint8_t>(2)) == V128{});
  CHECK(numeric::i16x8_sub_sat_s(splat<std::int16_t>(-32768), splat<std::int16_t>(1)) == splat<std::int16_t>(-32768));
  CHECK(numeric::i16x8_sub_sat_s(V128{}, splat<std::int16_t>(-32768)) == splat<std::int16_t>(32767));
}

TEST_CASE("avgr_u: halves are rounded up, and the sum does not overflow") {
  CHECK(numeric::i8x16_avgr_u(splat<std::uint8_t>(255), splat<std::uint8_t>(254)) == splat<std::uint8_t>(255));
  CHECK(numeric::i8x16_avgr_u(splat<std::uint8_t>(1), splat<std::uint8_t>(2)) == splat<std::uint8_t>(2));
  CHECK(numeric::i16x8_avgr_u(splat<std::uint16_t>(65535), V128{}) == splat<std::uint16_t>(32768));
}

TEST_CASE("q15mulr_sat_s: -1 times -1 saturates, halves are rounded up") {
  const auto minimum = splat<std::int16_t>(-32768);
  CHECK(numeric::i16x8_q15mulr_sat_s(minimum, minimum) == splat<std::int16_t>(32767));
  CHECK(numeric::i16x8_relaxed_q15mulr_s(minimum, minimum) == splat<std::int16_t>(32767));
  CHECK(numeric::i16x8_q15mulr_sat_s(minimum, splat<std::int16_t>(32767)) == splat<std::int16_t>(-32767));
  CHECK(numeric::i16x8_q15mulr_sat_s(splat<std::int16_t>(1), splat<std::int16_t>(0x4000)) == splat<std::int16_t>(1));
  CHECK(numeric::i16x8_q15mulr_sat_s(splat<std::int16_t>(-1), splat<std::int16_t>(0x4000)) == V128{});
}

TEST_CASE("dot: the sum of two products of minima wraps") {
  const auto minimum = splat<std::int16_t>(-32768);
  CHECK(numeric::i32x4_dot_i16x8_s(minimum, minimum) == splat<std::uint32_t>(0x80000000));
  const auto a = vector<std::int16_t>({1, 2, 3, 4, -5, 6, 0, 0});
  const auto b = vector<std::int16_t>({10, 100, -1, 1, 2, 3, 9, 9});
  CHECK(numeric::i32x4_dot_i16x8_s(a, b).as<S32>() == S32{210, 1, 8, 0});
}

TEST_CASE("relaxed dot: both operands are signed and the sum wraps") {
  const auto minimum = splat<std::int8_t>(-128);
  CHECK(numeric::i16x8_relaxed_dot_i8x16_i7x16_s(minimum, minimum) == splat<std::int16_t>(-32768));
  const auto a = splat<std::int8_t>(-128);
  const auto b = splat<std::int8_t>(127);
  CHECK(numeric::i16x8_relaxed_dot_i8x16_i7x16_s(a, b) == splat<std::int16_t>(-32512));
  CHECK(numeric::i32x4_relaxed_dot_i8x16_i7x16_add_s(a, b, splat<std::int32_t>(24)) == splat<std::int32_t>(-65000));
}

TEST_CASE("extadd_pairwise: neighbours are extended before they are added") {
  const auto minimum = splat<std::uint8_t>(0x80);
  CHECK(numeric::i16x8_extadd_pairwise_i8x16_s(minimum) == splat<std::int16_t>(-256));
  CHECK(numeric::i16x8_extadd_pairwise_i8x16_u(minimum) == splat<std::int16_t>(256));
  const auto pairs = vector<std::uint16_t>({0xffff, 0xffff, 1, 0xffff, 0, 0, 7, 8});
  CHECK(numeric::i32x4_extadd_pairwise_i16x8_s(pairs).as<S32>() == S32{-2, 0, 0, 15});
  CHECK(numeric::i32x4_extadd_pairwise_i16x8_u(pairs).as<S32>() == S32{131070, 65536, 0, 15});
}

TEST_CASE("narrow: operands are signed and saturate, the first gives the low lanes") {
  const auto a = vector<std::int16_t>({-32768, -129, -128, -1, 0, 127, 128, 32767});
  const auto b = splat<std::int16_t>(255);
  const S8 as_signed{-128, -128, -128, -1, 0, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127};
  const U8 as_unsigned{0, 0, 0, 0, 0, 127, 128, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  CHECK(numeric::i8x16_narrow_i16x8_s(a, b).as<S8>() == as_signed);
  CHECK(numeric::i8x16_narrow_i16x8_u(a, b).as<U8>() == as_unsigned);
  const auto c = vector<std::int32_t>({-2147483647 - 1, -32769, 65535, 65536});
  CHECK(numeric::i16x8_narrow_i32x4_s(c, V128{}).as<S16>() == S16{-32768, -32768, 32767, 32767, 0, 0, 0, 0});
  CHECK(numeric::i16x8_narrow_i32x4_u(c, V128{}).as<U16>() == U16{0, 0, 65535, 65535, 0, 0, 0, 0});
}

TEST_CASE("extend, extmul: low and high halves, signed and unsigned") {
  const auto a = vector<std::uint8_t>({0xff, 2, 3, 4, 5, 6, 7, 8, 0x80, 10, 11, 12, 13, 14, 15, 16});
  CHECK(numeric::i16x8_extend_low_i8x16_s(a).as<S16>() == S16{-1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(numeric::i16x8_extend_high_i8x16_u(a).as<S16>() == S16{128, 10, 11, 12, 13, 14, 15, 16});
  const auto maximum = splat<std::uint32_t>(0xffffffff);
  CHECK(numeric::i64x2_extmul_low_i32x4_s(maximum, maximum) == splat<std::uint64_t>(1));
  CHECK(numeric::i64x2_extmul_high_i32x4_u(maximum, maximum) == splat<std::uint64_t>(0xfffffffe00000001));
  CHECK(numeric::i32x4_extmul_high_i16x8_s(maximum, splat<std::int16_t>(-32768)) == splat<std::int32_t>(32768));
  CHECK(numeric::i16x8_extmul_low_i8x16_u(maximum, maximum) == splat<std::uint16_t>(0xfe01));
}

TEST_CASE("i64x2 mul: the low 64 bits of the product") {
  constexpr std::uint64_t kFactor = 0x123456789abcdef1;
  CHECK(numeric::i64x2_mul(splat(kFactor), splat(kFactor)) == splat(kFactor * kFactor));
}

TEST_CASE("float abs and neg: a signalling NaN stays so") {
  CHECK(numeric::f32x4_neg(splat(kSignallingNan)) == splat(kSignallingNan | 0x80000000));
  CHECK(numeric::f64x2_abs(splat(kSignallingNan64)) == splat(kSignallingNan64 & 0x7fffffffffffffff));
}

TEST_CASE("float arithmetic: a signalling NaN becomes a quiet one") {
  const auto nan = splat(kSignallingNan);
  const auto nan64 = splat(kSignallingNan64);
  const auto one = splat(1.0F);
  const auto one64 = splat(1.0);
  for (const auto result :
       {numeric::f32x4_add(nan, one), numeric::f32x4_mul(one, nan), numeric::f32x4_sqrt(nan), numeric::f32x4_ceil(nan),
        numeric::f32x4_nearest(nan), numeric::f32x4_min(nan, one), numeric::f32x4_min(one, nan),
        numeric::f32x4_max(nan, one), numeric::f32x4_max(one, nan), numeric::f32x4_demote_f64x2_zero(nan64)}) {
    CHECK(is_arithmetic_nan(result.as<U32>()[0]));
    CHECK(is_arithmetic_nan(result.as<U32>()[1]));
  }
  for (const auto result : {numeric::f64x2_sub(nan64, one64), numeric::f64x2_div(one64, nan64),
                            numeric::f64x2_floor(nan64), numeric::f64x2_trunc(nan64), numeric::f64x2_min(nan64, one64),
                            numeric::f64x2_max(one64, nan64), numeric::f64x2_promote_low_f32x4(nan)}) {
    CHECK(is_arithmetic_nan(result.as<U64>()[0]));
    CHECK(is_arithmetic_nan(result.as<U64>()[1]));
  }
}

TEST_CASE("float min, max: -0 is less than +0, in either order") {
  const auto positive = splat(0.0F);
  const auto negative = splat(-0.0F);
  CHECK(numeric::f32x4_min(positive, negative) == negative);
  CHECK(numeric::f32x4_min(negative, positive) == negative);
  CHECK(numeric::f32x4_max(positive, negative) == positive);
  CHECK(numeric::f32x4_max(negative, positive) == positive);
  CHECK(numeric::f64x2_max(splat(1.0), splat(-1.0)) == splat(1.0));
  CHECK(numeric::f64x2_min(splat(1.0), splat(-1.0)) == splat(-1.0));
}

TEST_CASE("pmin, pmax and their relaxed kin: the first operand unless the second is less or greater") {
  const auto nan = splat(kSignallingNan);
  const auto one = splat(1.0F);
  const auto positive = splat(0.0F);
  const auto negative = splat(-0.0F);
  CHECK(numeric::f32x4_pmin(nan, one) == nan);
  CHECK(numeric::f32x4_pmin(one, nan) == one);
  CHECK(numeric::f32x4_pmin(positive, negative) == positive);
  CHECK(numeric::f32x4_pmax(negative, positive) == negative);
  CHECK(numeric::f32x4_relaxed_min(nan, one) == nan);
  CHECK(numeric::f32x4_relaxed_max(one, nan) == one);
  CHECK(numeric::f64x2_pmax(splat(1.0), splat(2.0)) == splat(2.0));
}

TEST_CASE("nearest: halves go to the even neighbour, and the sign of zero stays") {
  CHECK(numeric::f32x4_nearest(vector<float>({0.5F, 1.5F, -2.5F, -0.5F})) == vector<float>({0.0F, 2.0F, -2.0F, -0.0F}));
  CHECK(numeric::f64x2_nearest(vector<double>({4503599627370497.5, -0.2})) ==
        vector<double>({4503599627370498.0, -0.0}));
}

TEST_CASE("relaxed_madd, relaxed_nmadd: the product is rounded before the sum") {
  const auto a = splat(1.0F + 0x1p-12F);  // its square needs one bit more than a float has
  const auto square = splat((1.0F + 0x1p-11F));
  CHECK(numeric::f32x4_relaxed_madd(a, a, numeric::f32x4_neg(square)) == splat(0.0F));
  CHECK(numeric::f32x4_relaxed_nmadd(a, a, square) == splat(0.0F));
  CHECK(numeric::f64x2_relaxed_nmadd(splat(3.0), splat(2.0), splat(10.0)) == splat(4.0));
}

TEST_CASE("convert: rounded once; the f64 forms take the low lanes") {
  CHECK(numeric::f32x4_convert_i32x4_u(vector<std::uint32_t>({0xffffffff, 16777217, 16777219, 0})) ==
        vector<float>({4294967296.0F, 16777216.0F, 16777220.0F, 0.0F}));
  CHECK(numeric::f32x4_convert_i32x4_s(splat<std::uint32_t>(0x80000000)) == splat(-2147483648.0F));
  const auto lanes = vector<std::uint32_t>({0xffffffff, 1, 2, 3});
  CHECK(numeric::f64x2_convert_low_i32x4_u(lanes) == vector<double>({4294967295.0, 1.0}));
  CHECK(numeric::f64x2_convert_low_i32x4_s(lanes) == vector<double>({-1.0, 1.0}));
  CHECK(numeric::f32x4_demote_f64x2_zero(vector<double>({1.5, 1e300})) == vector<float>({1.5F, kInfinity, 0, 0}));
  CHECK(numeric::f64x2_promote_low_f32x4(vector<float>({1.5F, -kInfinity, 2, 3})) ==
        vector<double>({1.5, -double{kInfinity}}));
}

TEST_CASE("trunc_sat of f32 lanes: NaN gives 0, what does not fit the nearest limit") {
  const auto a = vector<float>({-2147483648.0F, 2147483648.0F, -kInfinity, 2147483520.0F});
  CHECK(numeric::i32x4_trunc_sat_f32x4_s(a).as<U32>() == U32{0x80000000, 0x7fffffff, 0x80000000, 0x7fffff80});
  const auto b = vector<float>({-0.9F, 4294967296.0F, -kInfinity, 4294967040.0F});
  CHECK(numeric::i32x4_trunc_sat_f32x4_u(b).as<U32>() == U32{0, 0xffffffff, 0, 0xffffff00});
  CHECK(numeric::i32x4_trunc_sat_f32x4_s(splat(-1.9F)) == splat<std::int32_t>(-1));
  CHECK(numeric::i32x4_trunc_sat_f32x4_s(splat(kSignallingNan)) == V128{});
  CHECK(numeric::i32x4_relaxed_trunc_f32x4_u(splat(kSignallingNan)) == V128{});
}

TEST_CASE("trunc_sat of f64 lanes: the result's upper lanes are zero") {
  const auto a = vector<double>({2147483647.9, -2147483649.5});
  CHECK(numeric::i32x4_trunc_sat_f64x2_s_zero(a).as<U32>() == U32{0x7fffffff, 0x80000000, 0, 0});
  const auto b = vector<double>({4294967295.9, -1.0});
  CHECK(numeric::i32x4_trunc_sat_f64x2_u_zero(b).as<U32>() == U32{0xffffffff, 0, 0, 0});
  CHECK(numeric::i32x4_trunc_sat_f64x2_u_zero(splat(3000000000.5)).as<U32>() == U32{3000000000, 3000000000, 0, 0});
  CHECK(numeric::i32x4_trunc_sat_f64x2_s_zero(splat(kSignallingNan64)) == V128{});
}
