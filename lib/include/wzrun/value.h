#pragma once

#include "wzrun/value_type.h"

#include <array>
#include <bit>
#include <cstdint>

namespace wzrun {

/// A WebAssembly value with its type. References are opaque: 0 is null.
class Value {
 public:
  constexpr Value() = default;
  constexpr Value(ValueType type, std::uint64_t low, std::uint64_t high = 0) : type_(type), bits_{low, high} {}
  static constexpr Value i32(std::uint32_t v) { return {value_types::i32, v}; }
  static constexpr Value i64(std::uint64_t v) { return {value_types::i64, v}; }
  static constexpr Value f32(float v) { return {value_types::f32, std::bit_cast<std::uint32_t>(v)}; }
  static constexpr Value f64(double v) { return {value_types::f64, std::bit_cast<std::uint64_t>(v)}; }

  constexpr ValueType type() const { return type_; }
  constexpr std::uint32_t i32() const { return static_cast<std::uint32_t>(bits_[0]); }
  constexpr std::uint64_t i64() const { return bits_[0]; }
  constexpr float f32() const { return std::bit_cast<float>(i32()); }
  constexpr double f64() const { return std::bit_cast<double>(bits_[0]); }
  /// The raw bits, low half first; the high half is used by v128 alone.
  constexpr std::uint64_t low() const { return bits_[0]; }
  constexpr std::uint64_t high() const { return bits_[1]; }
  constexpr bool is_null() const { return bits_[0] == 0; }

 private:
  ValueType type_ = ValueKind::i32;
  std::array<std::uint64_t, 2> bits_{};
};

}  // namespace wzrun
