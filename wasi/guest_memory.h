#pragma once

#include "types.h"
#include "wasi_errno.h"

#include <cstdint>
#include <cstring>
#include <span>

namespace wzrun::wasi {

/// The program's memory during one call. Every access is checked in 64 bits, so an address plus a length cannot wrap;
/// a range that does not lie in the memory is EFAULT.
class GuestMemory {
 public:
  explicit GuestMemory(std::span<std::uint8_t> bytes) : bytes_(bytes) {}

  Try<std::span<std::uint8_t>> range(std::uint64_t address, std::uint64_t length) const {
    if (length > bytes_.size() || address > bytes_.size() - length)
      return fail(Errno::fault);
    return bytes_.subspan(address, length);
  }

  template <typename T>
  Try<T> read(std::uint64_t address) const {
    if (sizeof(T) > bytes_.size() || address > bytes_.size() - sizeof(T))
      return fail(Errno::fault);
    T value;
    std::memcpy(&value, bytes_.data() + address, sizeof(T));
    return value;
  }

  template <typename T>
  Status write(std::uint64_t address, const T& value) const {
    if (sizeof(T) > bytes_.size() || address > bytes_.size() - sizeof(T))
      return fail(Errno::fault);
    std::memcpy(bytes_.data() + address, &value, sizeof(T));
    return {};
  }

 private:
  std::span<std::uint8_t> bytes_;
};

}  // namespace wzrun::wasi
