#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace wzrun {

/// Tells whether bytes have changed by accident, twenty times as fast as a SHA-256; who wants to can make other bytes
/// with the same. XXH3 of 128 bits, in its canonical order.
using Checksum = std::array<std::uint8_t, 16>;

/// The checksum of bytes that arrive in pieces.
class Checksummer {
 public:
  Checksummer();
  ~Checksummer();
  Checksummer(const Checksummer&) = delete;
  Checksummer& operator=(const Checksummer&) = delete;

  void update(std::span<const std::uint8_t> bytes);
  /// Of all that update() was given.
  Checksum finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Checksum checksum(std::span<const std::uint8_t> bytes);

}  // namespace wzrun
