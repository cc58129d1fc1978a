#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace wzrun {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of bytes that arrive in pieces. Uses the processor's instructions for it where there are.
/// Source: FIPS 180-4.
class Sha256 {
 public:
  /// Hashes whole blocks of 64 bytes into the state.
  using Compress = void (*)(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count);

  Sha256();
  explicit Sha256(Compress compress) : compress_(compress) {}

  void update(std::span<const std::uint8_t> bytes);
  void update(std::string_view text);
  /// Of all that update() was given. The object is used up.
  Sha256Digest finish();

 private:
  static constexpr std::size_t kBlock = 64;

  Compress compress_;
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, kBlock> pending_{};  ///< the first length_ % 64 bytes of a block
  std::uint64_t length_ = 0;
};

Sha256Digest sha256(std::span<const std::uint8_t> bytes);

/// 64 lower-case hexadecimal digits.
std::string to_string(const Sha256Digest& digest);

}  // namespace wzrun
