#include "baseline/translator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

// Instructions on vectors.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

/// The encoding of an instruction on vectors of 128 bits.
struct Vex {
  std::uint8_t map = 1;     ///< 1: 0f, 2: 0f 38, 3: 0f 3a
  std::uint8_t prefix = 1;  ///< 1 for 0x66, 2 for 0xf3, 3 for 0xf2
  std::uint8_t code = 0;
  bool is_swapped = false;  ///< the operands are those of the other order
};

constexpr Vex kAnd{.code = 0xdb}, kAndNot{.code = 0xdf}, kOr{.code = 0xeb}, kXor{.code = 0xef};
constexpr Vex kAnds{.prefix = 0, .code = 0x54}, kOrs{.prefix = 0, .code = 0x56};
constexpr Vex kUnpackLow8{.code = 0x60}, kUnpackHigh8{.code = 0x68}, kUnpackLow64{.code = 0x6c};
constexpr Vex kUnpackLowFloats{.prefix = 0, .code = 0x14}, kUnpackLowDoubles{.code = 0x14},
    kUnpackHighDoubles{.code = 0x15};
constexpr Vex kShuffleBytes{.map = 2, .code = 0x00}, kShuffle32{.code = 0x70},
    kShuffleFloats{.prefix = 0, .code = 0xc6};
constexpr Vex kPackSigned8{.code = 0x63}, kPackUnsigned8{.code = 0x67};
constexpr Vex kAddSaturatingUnsigned8{.code = 0xdc};
constexpr Vex kMultiplyAdd16{.code = 0xf5}, kMultiplyAdd8{.map = 2, .code = 0x04}, kMultiply16{.code = 0xd5},
    kMultiply32{.map = 2, .code = 0x40};
constexpr Vex kMultiplyWideSigned32{.map = 2, .code = 0x28}, kMultiplyWideUnsigned32{.code = 0xf4};
constexpr Vex kTest{.map = 2, .code = 0x17};
constexpr Vex kTruncateFloats{.prefix = 2, .code = 0x5b};
constexpr Vex kMaxSigned32{.map = 2, .code = 0x3d};

/// For vectors of integers, by the binary logarithm of a lane's bytes.
using ByLane = std::array<Vex, 4>;
constexpr ByLane kEqual = {{{.code = 0x74}, {.code = 0x75}, {.code = 0x76}, {.map = 2, .code = 0x29}}};
constexpr ByLane kGreater = {{{.code = 0x64}, {.code = 0x65}, {.code = 0x66}, {.map = 2, .code = 0x37}}};
constexpr ByLane kAdd = {{{.code = 0xfc}, {.code = 0xfd}, {.code = 0xfe}, {.code = 0xd4}}};
constexpr ByLane kSubtract = {{{.code = 0xf8}, {.code = 0xf9}, {.code = 0xfa}, {.code = 0xfb}}};
constexpr ByLane kMinUnsigned = {{{.code = 0xda}, {.map = 2, .code = 0x3a}, {.map = 2, .code = 0x3b}, {}}};
constexpr ByLane kMaxUnsigned = {{{.code = 0xde}, {.map = 2, .code = 0x3e}, {.map = 2, .code = 0x3f}, {}}};
/// Shifts by what an Xmm has, of lanes of 16 bits and more.
constexpr ByLane kShiftLeft = {{{}, {.code = 0xf1}, {.code = 0xf2}, {.code = 0xf3}}};
constexpr ByLane kShiftRight = {{{}, {.code = 0xd1}, {.code = 0xd2}, {.code = 0xd3}}};
constexpr ByLane kShiftRightSigned = {{{}, {.code = 0xe1}, {.code = 0xe2}, {}}};
/// From lanes of half the size, in the lower half of a vector.
constexpr ByLane kExtendSigned = {{{}, {.map = 2, .code = 0x20}, {.map = 2, .code = 0x23}, {.map = 2, .code = 0x25}}};
constexpr ByLane kExtendUnsigned = {{{}, {.map = 2, .code = 0x30}, {.map = 2, .code = 0x33}, {.map = 2, .code = 0x35}}};

/// Of shifts by a constant: what stands in the place of a register.
enum class Shift : std::uint8_t { right = 2, right_signed = 4, left = 6 };

/// Orders that shuffle lanes of 32 bits.
constexpr std::uint8_t kUpperHalf = 0xee, kLowerPairs = 0x50, kUpperPairs = 0xfa;

/// Of comparisons of floating-point lanes, by their immediate byte.
enum class FloatCondition : std::uint8_t {
  equal = 0x00,
  less = 0x11,
  less_equal = 0x12,
  unordered = 0x03,
  not_equal = 0x04,
  greater_equal = 0x1d,
  greater = 0x1e,
};

using Bytes = std::array<std::uint8_t, 16>;

template <typename T>
Bytes repeated(T value) {
  Bytes bytes;
  for (std::size_t i = 0; i < bytes.size(); i += sizeof value)
    std::memcpy(bytes.data() + i, &value, sizeof value);
  return bytes;
}

Vex for_doubles(Vex op, bool is_64) {
  op.prefix = is_64 ? 1 : 0;
  return op;
}

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

constexpr std::optional<Vex> unary_instruction(Opcode op) {
  switch (op) {
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

/// Emits instructions on vectors, and has further registers until it goes.
class Translator::Vectors {
 public:
  explicit Vectors(Translator& translator) : t_(translator) {}
  ~Vectors() {
    for (const auto reg : further_)
      t_.used_xmms_.remove(number(reg));
  }
  Vectors(const Vectors&) = delete;
  Vectors& operator=(const Vectors&) = delete;

  Xmm further() { return further_.emplace_back(t_.allocate_xmm()); }
  void binary(const Vex& op, Xmm to, Xmm a, const Place& b) const {
    t_.a_.emit_vex(op.map, op.prefix, op.code, Width::w32, number(to), number(a), b);
  }
  void binary(const Vex& op, Xmm to, Xmm a, const Place& b, std::uint8_t immediate) const {
    binary(op, to, a, b);
    t_.a_.immediate8(immediate);
  }
  void unary(const Vex& op, Xmm to, const Place& a) const { binary(op, to, Xmm{0}, a); }
  void unary(const Vex& op, Xmm to, const Place& a, std::uint8_t immediate) const {
    binary(op, to, Xmm{0}, a, immediate);
  }
  void zero(Xmm to) const { binary(kXor, to, to, to); }
  void ones(Xmm to) const { binary(kEqual[2], to, to, to); }
  void shift(Shift shift, unsigned lane, Xmm to, Xmm from, std::uint8_t count) const {
    const auto code = static_cast<std::uint8_t>(0x70 + lane);
    t_.a_.emit_vex(1, 1, code, Width::w32, static_cast<unsigned>(shift), number(to), from);
    t_.a_.immediate8(count);
  }
  void compare(FloatCondition condition, bool is_64, Xmm to, Xmm a, const Place& b) const {
    binary(for_doubles({.code = 0xc2}, is_64), to, a, b, static_cast<std::uint8_t>(condition));
  }
  /// Where a constant is, as long as kScratch is not used otherwise.
  Address constant(const Bytes& bytes) const {
    t_.a_.load_label(kScratch, t_.vector_constants_[bytes]);
    return {kScratch, {}, 0};
  }
  void load_constant(Xmm to, const Bytes& bytes) const { t_.a_.load(XmmWidth::w128, to, constant(bytes)); }

 private:
  Translator& t_;
  std::vector<Xmm> further_;
};

/// With a destination that no operand is in, so that they can be read when it is written.
template <typename Emit>
Operand Translator::vector_result(std::size_t length, std::initializer_list<Operand*> operands, const Emit& emit) {
  for (auto* const operand : operands) {
    take(*operand);
    xmm(*operand, XmmWidth::w128);
  }
  auto to = allocate_xmm();
  if (const auto wanted = wanted_xmm(length);
      wanted && std::ranges::none_of(operands, [&](const auto* operand) { return is_in(*operand, *wanted); })) {
    used_xmms_.remove(number(to));
    to = *wanted;
  }
  emit(Vectors(*this), to);
  for (auto* const operand : operands)
    release(*operand);
  return result(to);
}

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

// Lanes, and orders of them.

namespace {

/// What moves between a lane and a general register or memory: with a lane's number as an immediate byte.
struct LaneMove {
  Vex extract;
  Vex insert;
  Width width = Width::w32;
};

/// By the binary logarithm of a lane's bytes.
constexpr std::array<LaneMove, 4> kLaneMoves = {{
    {{.map = 3, .code = 0x14}, {.map = 3, .code = 0x20}},
    {{.map = 3, .code = 0x15}, {.code = 0xc4}},
    {{.map = 3, .code = 0x16}, {.map = 3, .code = 0x22}},
    {{.map = 3, .code = 0x16}, {.map = 3, .code = 0x22}, Width::w64},
}};

}  // namespace

void Translator::extract_lane(unsigned size_log2, const Place& to, Xmm from, std::uint8_t lane) {
  const auto& [move, insert, width] = kLaneMoves[size_log2];
  a_.emit_vex(move.map, move.prefix, move.code, width, number(from), 0, to);
  a_.immediate8(lane);
}

void Translator::insert_lane(unsigned size_log2, Xmm to, Xmm vector, const Place& from, std::uint8_t lane) {
  const auto& [extract, move, width] = kLaneMoves[size_log2];
  a_.emit_vex(move.map, move.prefix, move.code, width, number(to), number(vector), from);
  a_.immediate8(lane);
}

Operand Translator::lane_of(Opcode op, std::uint8_t lane, Operand vector) {
  take(vector);
  const auto from = xmm(vector, XmmWidth::w128);
  const auto length = length_of(op) + 1;
  const auto extract = [&](unsigned size_log2, bool is_signed) {
    const auto to = destination(length, nullptr, {});
    extract_lane(size_log2, to, from, lane);
    if (is_signed && size_log2 == 0)
      a_.emit_byte({0, 1, 0xbe}, number(to), to);  // movsx
    else if (is_signed)
      a_.emit({0, 1, 0xbf}, Width::w32, number(to), to);
    release(vector);
    return result(to);
  };
  switch (op) {
    case Opcode::i8x16_extract_lane_s:
      return extract(0, true);
    case Opcode::i8x16_extract_lane_u:
      return extract(0, false);
    case Opcode::i16x8_extract_lane_s:
      return extract(1, true);
    case Opcode::i16x8_extract_lane_u:
      return extract(1, false);
    case Opcode::i32x4_extract_lane:
      return extract(2, false);
    case Opcode::i64x2_extract_lane:
      return extract(3, false);
    default:
      break;
  }
  const auto to = destination_xmm(length, &vector, {});
  const Vectors v(*this);
  if (lane == 0)
    a_.move(to, from);
  else if (op == Opcode::f64x2_extract_lane)
    v.binary(kUnpackHighDoubles, to, from, from);
  else
    v.binary(kShuffleFloats, to, from, from, lane);
  release(vector);
  return result(to);
}

Operand Translator::with_lane(Opcode op, std::uint8_t lane, Operand vector, Operand value) {
  take(vector);
  take(value);
  const auto before = xmm(vector, XmmWidth::w128);
  const auto length = length_of(op) + 1;
  const bool is_float = op == Opcode::f32x4_replace_lane || op == Opcode::f64x2_replace_lane;
  if (is_float) {
    const bool is_64 = op == Opcode::f64x2_replace_lane;
    const auto from = xmm(value, is_64);
    const auto to = destination_xmm(length, &vector, {});
    const Vectors v(*this);
    if (!is_64)
      v.binary({.map = 3, .code = 0x21}, to, before, from, static_cast<std::uint8_t>(lane << 4));
    else if (lane == 0)
      v.binary({.prefix = 3, .code = 0x10}, to, before, from);
    else
      v.binary(kUnpackLowDoubles, to, before, from);
    release(value);
    release(vector);
    return result(to);
  }
  const unsigned size_log2 = op == Opcode::i8x16_replace_lane   ? 0
                             : op == Opcode::i16x8_replace_lane ? 1
                             : op == Opcode::i32x4_replace_lane ? 2
                                                                : 3;
  const auto from = gpr(value, width_of(size_log2 == 3));
  const auto to = destination_xmm(length, &vector, {});
  insert_lane(size_log2, to, before, from, lane);
  release(value);
  release(vector);
  return result(to);
}

Operand Translator::shuffle(const std::array<std::uint8_t, 16>& lanes, Operand a, Operand b) {
  constexpr std::uint8_t kFromFirst = 16, kNone = 0x80;
  Bytes from_a, from_b;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    from_a[i] = lanes[i] < kFromFirst ? lanes[i] : kNone;
    from_b[i] = lanes[i] < kFromFirst ? kNone : static_cast<std::uint8_t>(lanes[i] - kFromFirst);
  }
  return vector_result(length_of(Opcode::i8x16_shuffle) + lanes.size(), {&a, &b}, [&](Vectors v, Xmm to) {
    v.binary(kShuffleBytes, kScratchXmm, xmm(a, XmmWidth::w128), v.constant(from_a));
    v.binary(kShuffleBytes, to, xmm(b, XmmWidth::w128), v.constant(from_b));
    v.binary(kOr, to, to, kScratchXmm);
  });
}

Operand Translator::v128_const(const std::array<std::uint8_t, 16>& bytes) {
  const auto to = allocate_xmm();
  if (bytes == Bytes{})
    Vectors(*this).zero(to);
  else
    Vectors(*this).load_constant(to, bytes);
  return result(to);
}

// Memory.

Operand Translator::vector_load(Opcode op, const wasm::MemoryArgument& memory, std::uint64_t bytes, Operand index) {
  take(index);
  Operand extra;
  const auto address = address_of(memory, index, bytes, extra);
  const auto to = destination_xmm(length_of_access(op), nullptr, {});
  const Vectors v(*this);
  note_line();
  switch (op) {
    case Opcode::v128_load8x8_s:
      v.unary(kExtendSigned[1], to, address);
      break;
    case Opcode::v128_load8x8_u:
      v.unary(kExtendUnsigned[1], to, address);
      break;
    case Opcode::v128_load16x4_s:
      v.unary(kExtendSigned[2], to, address);
      break;
    case Opcode::v128_load16x4_u:
      v.unary(kExtendUnsigned[2], to, address);
      break;
    case Opcode::v128_load32x2_s:
      v.unary(kExtendSigned[3], to, address);
      break;
    case Opcode::v128_load32x2_u:
      v.unary(kExtendUnsigned[3], to, address);
      break;
    case Opcode::v128_load8_splat:
      insert_lane(0, to, to, address, 0);
      spread(Opcode::i8x16_splat, to);
      break;
    case Opcode::v128_load16_splat:
      insert_lane(1, to, to, address, 0);
      spread(Opcode::i16x8_splat, to);
      break;
    case Opcode::v128_load32_splat:
      v.unary({.map = 2, .code = 0x18}, to, address);
      break;
    case Opcode::v128_load64_splat:
      v.unary({.prefix = 3, .code = 0x12}, to, address);
      break;
    case Opcode::v128_load32_zero:
      a_.load(XmmWidth::w32, to, address);
      break;
    case Opcode::v128_load64_zero:
      a_.load(XmmWidth::w64, to, address);
      break;
    default:
      a_.load(XmmWidth::w128, to, address);
      break;
  }
  release(extra);
  release(index);
  return result(to);
}

void Translator::vector_store(const wasm::MemoryArgument& memory, Operand index, Operand value) {
  take(index);
  take(value);
  Operand extra;
  const auto from = xmm(value, XmmWidth::w128);
  const auto address = address_of(memory, index, sizeof(Bytes), extra);
  note_line();
  a_.store(XmmWidth::w128, address, from);
  release(extra);
  release(value);
  release(index);
}

Operand Translator::load_lane_from(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane,
                                   Operand index, Operand vector) {
  take(index);
  take(vector);
  Operand extra;
  const auto before = xmm(vector, XmmWidth::w128);
  const auto address = address_of(memory, index, std::uint64_t{1} << size_log2, extra);
  const auto to = allocate_xmm();
  note_line();
  insert_lane(size_log2, to, before, address, lane);
  release(extra);
  release(vector);
  release(index);
  return result(to);
}

void Translator::store_lane_to(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane, Operand index,
                               Operand vector) {
  take(index);
  take(vector);
  Operand extra;
  const auto from = xmm(vector, XmmWidth::w128);
  const auto address = address_of(memory, index, std::uint64_t{1} << size_log2, extra);
  note_line();
  extract_lane(size_log2, address, from, lane);
  release(extra);
  release(vector);
  release(index);
}

}  // namespace wzrun::baseline
