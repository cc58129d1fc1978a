#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace wzrun::cache {

/// An open file or directory of the cache; closed with its owner.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  /// Opens a name in a directory, never through a symbolic link and without waiting for a FIFO's other end. On
  /// failure errno is set.
  static File open(int directory, const std::string& name, int flags);
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

  /// False if there are not that many bytes, or they cannot be read.
  bool read_at(std::uint64_t offset, std::span<std::uint8_t> bytes) const;
  bool write_at(std::uint64_t offset, std::span<const std::uint8_t> bytes) const;

  template <typename T>
  bool read_at(std::uint64_t offset, T& object) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return read_at(offset, {reinterpret_cast<std::uint8_t*>(&object), sizeof object});
  }
  template <typename T>
  bool write_at(std::uint64_t offset, const T& object) const {
    static_assert(std::has_unique_object_representations_v<T>);
    return write_at(offset, {reinterpret_cast<const std::uint8_t*>(&object), sizeof object});
  }

 private:
  int fd_ = -1;
};

/// The first 8 bytes of the checksum of an object, for records that are written in place.
std::uint64_t short_checksum(std::span<const std::uint8_t> bytes);

/// Nanoseconds since 1970.
std::int64_t now_ns();

}  // namespace wzrun::cache
