#pragma once

#include "baseline/translator.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

/// What the files about instructions on vectors share: encodings, and the way to a result.
namespace wzrun::baseline {

/// The encoding of an instruction on vectors of 128 bits.
struct Vex {
  std::uint8_t map = 1;     ///< 1: 0f, 2: 0f 38, 3: 0f 3a
  std::uint8_t prefix = 1;  ///< 1 for 0x66, 2 for 0xf3, 3 for 0xf2
  std::uint8_t code = 0;
  bool is_swapped = false;  ///< the operands are those of the other order
};

inline constexpr Vex kAnd{.code = 0xdb}, kAndNot{.code = 0xdf}, kOr{.code = 0xeb}, kXor{.code = 0xef};
inline constexpr Vex kAnds{.prefix = 0, .code = 0x54}, kOrs{.prefix = 0, .code = 0x56};
inline constexpr Vex kUnpackLow8{.code = 0x60}, kUnpackHigh8{.code = 0x68}, kUnpackLow64{.code = 0x6c};
inline constexpr Vex kUnpackLowFloats{.prefix = 0, .code = 0x14}, kUnpackLowDoubles{.code = 0x14},
    kUnpackHighDoubles{.code = 0x15};
inline constexpr Vex kShuffleBytes{.map = 2, .code = 0x00}, kShuffle32{.code = 0x70},
    kShuffleFloats{.prefix = 0, .code = 0xc6};
inline constexpr Vex kPackSigned8{.code = 0x63}, kPackUnsigned8{.code = 0x67};
inline constexpr Vex kAddSaturatingUnsigned8{.code = 0xdc};
inline constexpr Vex kMultiplyAdd16{.code = 0xf5}, kMultiplyAdd8{.map = 2, .code = 0x04}, kMultiply16{.code = 0xd5},
    kMultiply32{.map = 2, .code = 0x40};
inline constexpr Vex kMultiplyWideSigned32{.map = 2, .code = 0x28}, kMultiplyWideUnsigned32{.code = 0xf4};
inline constexpr Vex kTest{.map = 2, .code = 0x17};
inline constexpr Vex kTruncateFloats{.prefix = 2, .code = 0x5b};
inline constexpr Vex kMaxSigned32{.map = 2, .code = 0x3d};

/// For vectors of integers, by the binary logarithm of a lane's bytes.
using ByLane = std::array<Vex, 4>;
inline constexpr ByLane kEqual = {{{.code = 0x74}, {.code = 0x75}, {.code = 0x76}, {.map = 2, .code = 0x29}}};
inline constexpr ByLane kGreater = {{{.code = 0x64}, {.code = 0x65}, {.code = 0x66}, {.map = 2, .code = 0x37}}};
inline constexpr ByLane kAdd = {{{.code = 0xfc}, {.code = 0xfd}, {.code = 0xfe}, {.code = 0xd4}}};
inline constexpr ByLane kSubtract = {{{.code = 0xf8}, {.code = 0xf9}, {.code = 0xfa}, {.code = 0xfb}}};
inline constexpr ByLane kMinUnsigned = {{{.code = 0xda}, {.map = 2, .code = 0x3a}, {.map = 2, .code = 0x3b}, {}}};
inline constexpr ByLane kMaxUnsigned = {{{.code = 0xde}, {.map = 2, .code = 0x3e}, {.map = 2, .code = 0x3f}, {}}};
/// Shifts by what an Xmm has, of lanes of 16 bits and more.
inline constexpr ByLane kShiftLeft = {{{}, {.code = 0xf1}, {.code = 0xf2}, {.code = 0xf3}}};
inline constexpr ByLane kShiftRight = {{{}, {.code = 0xd1}, {.code = 0xd2}, {.code = 0xd3}}};
inline constexpr ByLane kShiftRightSigned = {{{}, {.code = 0xe1}, {.code = 0xe2}, {}}};
/// From lanes of half the size, in the lower half of a vector.
inline constexpr ByLane kExtendSigned = {
    {{}, {.map = 2, .code = 0x20}, {.map = 2, .code = 0x23}, {.map = 2, .code = 0x25}}};
inline constexpr ByLane kExtendUnsigned = {
    {{}, {.map = 2, .code = 0x30}, {.map = 2, .code = 0x33}, {.map = 2, .code = 0x35}}};

/// Of shifts by a constant: what stands in the place of a register.
enum class Shift : std::uint8_t { right = 2, right_signed = 4, left = 6 };

/// Orders that shuffle lanes of 32 bits.
inline constexpr std::uint8_t kUpperHalf = 0xee, kLowerPairs = 0x50, kUpperPairs = 0xfa;

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

constexpr Vex for_doubles(Vex op, bool is_64) {
  op.prefix = is_64 ? 1 : 0;
  return op;
}

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

}  // namespace wzrun::baseline
