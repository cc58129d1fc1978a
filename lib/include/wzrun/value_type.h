#pragma once

#include <cstdint>
#include <string>

namespace wzrun {

/// The first byte of a value or storage type in the binary format.
/// Source: Wasm 3.0, 5.3.
enum class ValueKind : std::uint8_t {
  bottom = 0,  ///< any type: what an unreachable operand stack yields
  i32 = 0x7f,
  i64 = 0x7e,
  f32 = 0x7d,
  f64 = 0x7c,
  v128 = 0x7b,
  i8 = 0x78,   ///< only inside fields
  i16 = 0x77,  ///< only inside fields
  ref = 0x64,
  ref_null = 0x63,
};

/// Abstract heap types, by their byte in the binary format.
enum class AbstractHeap : std::uint8_t {
  exn = 0x69,
  array = 0x6a,
  struct_ = 0x6b,
  i31 = 0x6c,
  eq = 0x6d,
  any = 0x6e,
  extern_ = 0x6f,
  func = 0x70,
  none = 0x71,
  noextern = 0x72,
  nofunc = 0x73,
  noexn = 0x74,
};

/// What a reference points to: an abstract heap type or the index of a defined type (below 2^23).
class HeapType {
 public:
  constexpr HeapType(AbstractHeap heap) : bits_(kAbstract | static_cast<std::uint32_t>(heap)) {}
  static constexpr HeapType defined(std::uint32_t type_index) { return HeapType(type_index); }
  static constexpr HeapType from_bits(std::uint32_t bits) { return HeapType(bits); }

  constexpr bool is_abstract() const { return (bits_ & kAbstract) != 0; }
  constexpr AbstractHeap abstract() const { return static_cast<AbstractHeap>(bits_ & 0xff); }
  constexpr std::uint32_t type_index() const { return bits_; }
  constexpr std::uint32_t bits() const { return bits_; }
  friend constexpr bool operator==(HeapType, HeapType) = default;

 private:
  static constexpr std::uint32_t kAbstract = 0x800000;
  explicit constexpr HeapType(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_;
};

/// A value type (or, in fields, a storage type) in 32 bits: the kind below, the heap type above.
/// A type index inside it belongs to one module; in a validated module equal types have equal indices.
class ValueType {
 public:
  constexpr ValueType() = default;
  constexpr ValueType(ValueKind kind) : bits_(static_cast<std::uint32_t>(kind)) {}
  static constexpr ValueType reference(bool nullable, HeapType heap) {
    return ValueType(static_cast<std::uint32_t>(nullable ? ValueKind::ref_null : ValueKind::ref) | heap.bits() << 8);
  }

  constexpr ValueKind kind() const { return static_cast<ValueKind>(bits_ & 0xff); }
  constexpr bool is_reference() const { return kind() == ValueKind::ref || kind() == ValueKind::ref_null; }
  constexpr bool is_nullable() const { return kind() == ValueKind::ref_null; }
  constexpr bool is_numeric() const { return kind() >= ValueKind::f64; }
  constexpr bool is_vector() const { return kind() == ValueKind::v128; }
  constexpr bool is_defaultable() const { return kind() != ValueKind::ref; }
  /// Requires is_reference().
  constexpr HeapType heap() const { return HeapType::from_bits(bits_ >> 8); }
  constexpr std::uint32_t bits() const { return bits_; }
  friend constexpr bool operator==(ValueType, ValueType) = default;

 private:
  explicit constexpr ValueType(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_ = 0;
};

namespace value_types {
inline constexpr ValueType i32 = ValueKind::i32;
inline constexpr ValueType i64 = ValueKind::i64;
inline constexpr ValueType f32 = ValueKind::f32;
inline constexpr ValueType f64 = ValueKind::f64;
inline constexpr ValueType v128 = ValueKind::v128;
inline constexpr ValueType funcref = ValueType::reference(true, AbstractHeap::func);
inline constexpr ValueType externref = ValueType::reference(true, AbstractHeap::extern_);
inline constexpr ValueType exnref = ValueType::reference(true, AbstractHeap::exn);
}  // namespace value_types

/// The type in the text format, such as `i32` or `(ref null 3)`; the usual nullable ones by their short names.
std::string to_string(ValueType type);
std::string to_string(HeapType heap);

}  // namespace wzrun
