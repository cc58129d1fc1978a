#pragma once

#include "wzrun/sha256.h"

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// Compiled code kept from one process to the next. The library says what is kept, a CompilationCache keeps it.
namespace wzrun {

/// What changes when a file's contents change. A file without change in two seconds and with the same fingerprint as
/// before has the same contents.
struct FileFingerprint {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< since 1970
  std::int64_t changed_ns = 0;   ///< since 1970; also of owner, mode and name

  /// Of an open regular file; nothing for anything else.
  static std::optional<FileFingerprint> of(int fd);
  /// Whether a change at `now_ns` or later is sure to give another fingerprint: clocks of file systems tick slowly.
  bool is_settled(std::int64_t now_ns) const;
  bool operator==(const FileFingerprint&) const = default;
};

/// A value out of a cache: the first bytes of an open file that nobody changes. It stays readable whatever happens to
/// the cache.
class CacheEntry {
 public:
  /// Takes the descriptor over.
  CacheEntry(int fd, std::uint64_t size_bytes) : fd_(fd), size_bytes_(size_bytes) {}
  CacheEntry(CacheEntry&& other) noexcept : fd_(std::exchange(other.fd_, -1)), size_bytes_(other.size_bytes_) {}
  CacheEntry& operator=(CacheEntry&& other) noexcept;
  ~CacheEntry();

  int fd() const { return fd_; }
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  int fd_;
  std::uint64_t size_bytes_;
};

/// Keeps values under keys, and the digests of modules under the fingerprints of their files. All members may be called
/// from several threads, and nothing that fails here makes a run fail. Reasons are one line, for people.
class CompilationCache {
 public:
  using Parts = std::span<const std::span<const std::uint8_t>>;
  using Claim = std::shared_ptr<const void>;

  virtual ~CompilationCache() = default;

  /// True if find() is sure to find nothing, so that no key needs to be made.
  virtual bool is_empty() = 0;

  /// The digest that was remembered for a file, if the file cannot have changed since.
  virtual std::optional<Sha256Digest> module_digest(const FileFingerprint& file) = 0;
  virtual void remember_module(const FileFingerprint& file, const Sha256Digest& digest) = 0;
  /// False if no file of that size is remembered, so that find() has most likely nothing of a module that is so long.
  virtual bool knows_size(std::uint64_t size_bytes) { return static_cast<void>(size_bytes), true; }

  /// The value that was stored, every byte as it was; or the reason why there is none.
  virtual std::expected<CacheEntry, std::string> find(const Sha256Digest& key) = 0;
  /// Looks whether the value that was stored last is as it was, so that find() need not. Takes its time, for who has
  /// it.
  virtual void make_sure(const Sha256Digest& key) { static_cast<void>(key); }
  /// To be held while the value of a key is made: if somebody else is making it, this waits until they are done, and
  /// the caller should look again. May give up waiting.
  virtual Claim claim(const Sha256Digest& key) = 0;
  /// The same without waiting: null if somebody else has it.
  virtual Claim try_claim(const Sha256Digest& key) = 0;
  /// Stores the parts, one behind the other, in place of what the key has had. `description` is for people.
  virtual std::expected<void, std::string> store(const Sha256Digest& key, Parts parts,
                                                 std::string_view description) = 0;
};

}  // namespace wzrun
