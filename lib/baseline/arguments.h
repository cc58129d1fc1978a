#pragma once

#include "baseline/assembler.h"
#include "wasm/module.h"

#include <array>
#include <cstdint>
#include <span>

/// Where the C calling convention has the arguments of compiled functions (runtime/native.h).
/// Source: System V Application Binary Interface, AMD64 supplement, 3.2.3.
namespace wzrun::baseline {

constexpr bool is_float(ValueType type) { return type.kind() == ValueKind::f32 || type.kind() == ValueKind::f64; }
/// Whether values of the type have 64 bits, and not 32.
constexpr bool is_64(ValueType type) { return type.kind() != ValueKind::i32 && type.kind() != ValueKind::f32; }
constexpr Width width_of(ValueType type) { return width_of(is_64(type)); }
constexpr bool is_in_xmm(ValueType type) { return is_float(type) || type.is_vector(); }
constexpr XmmWidth xmm_width(ValueType type) { return type.is_vector() ? XmmWidth::w128 : xmm_width(is_64(type)); }
/// Of a value in slots of the runtime.
constexpr std::int32_t slot_bytes(ValueType type) { return type.is_vector() ? 16 : 8; }
constexpr std::int32_t slot_bytes(std::span<const ValueType> types) {
  std::int32_t bytes = 0;
  for (const auto type : types)
    bytes += slot_bytes(type);
  return bytes;
}

struct ArgumentPlace {
  enum class Kind : std::uint8_t { gpr, xmm, stack };
  Kind kind{};
  std::uint8_t reg = 0;
  std::int32_t stack_offset = 0;  ///< bytes from the first argument on the stack

  Gpr gpr() const { return static_cast<Gpr>(reg); }
  Xmm xmm() const { return static_cast<Xmm>(reg); }
};

inline constexpr std::array kArgumentGprs = {Gpr::rdi, Gpr::rsi, Gpr::rdx, Gpr::rcx, Gpr::r8, Gpr::r9};
inline constexpr std::uint8_t kArgumentXmms = 8;

/// Gives the parameters of a function their places, one after the other: first that of the instance, which is rdi, and
/// of the results' buffer if there is one, which is rsi, are taken.
class ArgumentPlaces {
 public:
  explicit ArgumentPlaces(const wasm::FunctionType& type) : gprs_(has_buffer(type) ? 2 : 1) {}

  static bool has_buffer(const wasm::FunctionType& type) { return type.results.size() > 1; }

  ArgumentPlace next(ValueType type) {
    if (is_in_xmm(type) && xmms_ < kArgumentXmms)
      return {ArgumentPlace::Kind::xmm, xmms_++};
    if (!is_in_xmm(type) && gprs_ < kArgumentGprs.size())
      return {ArgumentPlace::Kind::gpr, static_cast<std::uint8_t>(kArgumentGprs[gprs_++])};
    const auto bytes = slot_bytes(type);
    const auto at = (stack_bytes_ + bytes - 1) / bytes * bytes;
    stack_bytes_ = at + bytes;
    return {ArgumentPlace::Kind::stack, 0, at};
  }
  std::int32_t stack_bytes() const { return stack_bytes_; }

  static std::int32_t stack_bytes(const wasm::FunctionType& type) {
    ArgumentPlaces places(type);
    for (const auto param : type.params)
      places.next(param);
    return places.stack_bytes();
  }

 private:
  std::size_t gprs_;
  std::uint8_t xmms_ = 0;
  std::int32_t stack_bytes_ = 0;
};

}  // namespace wzrun::baseline
