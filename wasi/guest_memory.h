#pragma once

#include "types.h"
#include "wasi_errno.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace wzrun::wasi {

/// The program's memory during one call. Every access is checked in 64 bits, so an address plus a length cannot wrap;
/// a range that does not lie in the memory is EFAULT.
class GuestMemory {
 public:
  using Log = std::vector<std::span<std::uint8_t>>;

  explicit GuestMemory(std::span<std::uint8_t> bytes) : bytes_(bytes) {}

  std::span<std::uint8_t> bytes() const { return bytes_; }
  /// From now on everything that is written, and perhaps more, is noted there.
  void log_to(Log& log) { log_ = &log; }

  Try<std::span<std::uint8_t>> range(std::uint64_t address, std::uint64_t length) const {
    if (length > bytes_.size() || address > bytes_.size() - length)
      return fail(Errno::fault);
    const auto range = bytes_.subspan(address, length);
    if (log_ != nullptr) [[unlikely]]
      log_->push_back(range);
    return range;
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
    if (log_ != nullptr) [[unlikely]]
      log_->push_back(bytes_.subspan(address, sizeof(T)));
    return {};
  }

 private:
  std::span<std::uint8_t> bytes_;
  Log* log_ = nullptr;
};

}  // namespace wzrun::wasi
