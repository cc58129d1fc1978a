#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace wzrun::wasm {

static_assert(std::endian::native == std::endian::little, "lane 0 is at the lowest address, as in linear memory");

/// A 128-bit value, passed in one vector register. Lanes are looked at through as<Lanes>(); see simd.h.
struct V128 {
  using Bytes [[gnu::vector_size(16)]] = std::uint8_t;

  Bytes bytes{};

  /// Source: 16 bytes, aligned or not.
  static V128 read(const void* source) {
    V128 value;
    std::memcpy(&value, source, sizeof value);
    return value;
  }
  void write(void* destination) const { std::memcpy(destination, this, sizeof *this); }

  template <typename Lanes>
  static constexpr V128 of(Lanes lanes) {
    return {std::bit_cast<Bytes>(lanes)};
  }
  /// The same bits as another type of 16 bytes: a vector or an array.
  template <typename Lanes>
  constexpr Lanes as() const {
    return std::bit_cast<Lanes>(bytes);
  }

  friend constexpr bool operator==(V128 a, V128 b) {
    using Halves [[gnu::vector_size(16)]] = std::uint64_t;
    const auto x = a.as<Halves>();
    const auto y = b.as<Halves>();
    return x[0] == y[0] && x[1] == y[1];
  }
};

static_assert(sizeof(V128) == 16 && alignof(V128) == 16);

}  // namespace wzrun::wasm
