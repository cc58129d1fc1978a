#pragma once

#include "types.h"
#include "wasi_errno.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace wzrun::wasi {

/// Reads a directory for fd_readdir. A cookie is the kernel's own position of an entry, so that any cookie ever handed
/// out can be gone back to, nothing has to be remembered, and a directory of any size takes one buffer. Entries that
/// follow each other, as almost all reads do, come from that buffer.
class DirectoryReader {
 public:
  /// One entry as the kernel gives it.
  struct Item {
    std::uint64_t next;
    std::uint64_t ino;
    Filetype type;  ///< unknown where the file system does not say
    const char* name;
  };

  /// Goes to `cookie`, 0 being the start. Errors: EINVAL for a number that was no cookie.
  Status seek(int fd, std::uint64_t cookie);
  /// The entry at the current place, which stays valid until the next call, or nullptr at the end.
  Try<const Item*> peek(int fd);
  /// Goes to the entry after the one peeked at.
  void advance();

 private:
  alignas(8) std::array<std::byte, 32768> buffer_;  // linux_dirent64 records
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<std::uint64_t> cookie_;  // of the record at begin_; none before the first seek, or after a failed one
  Item item_{};
};

/// The readers of the directories that were read lately. A reader is large, so that a program with thousands of open
/// directories must not have one for each; one that went costs its directory a seek.
class DirectoryReaders {
 public:
  /// The reader of a directory, which keeps the pointer. It stays until the next call.
  DirectoryReader& of(std::weak_ptr<DirectoryReader>& directory);

 private:
  std::array<std::shared_ptr<DirectoryReader>, 16> kept_;
  std::size_t oldest_ = 0;
};

/// Packs one entry at `at` of the program's buffer, cut off at its end. Returns the bytes used, fewer than the entry's
/// if it did not fit.
std::size_t pack_dirent(std::span<std::uint8_t> buffer, std::size_t at, const Dirent& header, std::string_view name);

}  // namespace wzrun::wasi
