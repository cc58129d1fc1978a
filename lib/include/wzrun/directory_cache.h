#pragma once

#include "wzrun/cache.h"

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun {

/// A cache in a directory that any number of processes use at once; link `wzrun::cache`.
///
/// The directory is mode 0700 and made when something is first kept in it. A directory that others may write to is
/// refused, since what is kept is code that will run.
class DirectoryCache final : public CompilationCache {
 public:
  struct Options {
    std::string path;
    std::uint64_t max_size_bytes = kDefaultMaxSizeBytes;  ///< storing removes what was not used for longest
    bool read_only = false;                               ///< nothing is stored, removed or counted
  };
  static constexpr std::uint64_t kDefaultMaxSizeBytes = std::uint64_t{2} << 30;

  /// `$WZRUN_CACHE_DIR`, else `$XDG_CACHE_HOME/wzrun`, else `$HOME/.cache/wzrun`; nothing if none of them is set.
  static std::optional<std::string> default_path();

  struct Refusal {
    std::string reason;             ///< one line, without the path
    bool warrants_warning = false;  ///< others could have put code there
  };
  /// Errors: the directory is refused or cannot be opened. One that does not exist yet is fine.
  static std::expected<std::shared_ptr<DirectoryCache>, Refusal> open(Options options);
  ~DirectoryCache() override;

  bool is_empty() override;
  std::optional<Sha256Digest> module_digest(const FileFingerprint& file) override;
  bool knows_size(std::uint64_t size_bytes) override;
  void remember_module(const FileFingerprint& file, const Sha256Digest& digest) override;
  std::expected<CacheEntry, std::string> find(const Sha256Digest& key) override;
  void make_sure(const Sha256Digest& key) override;
  Claim claim(const Sha256Digest& key) override;
  Claim try_claim(const Sha256Digest& key) override;
  std::expected<void, std::string> store(const Sha256Digest& key, Parts parts, std::string_view description) override;

  using Time = std::chrono::system_clock::time_point;
  /// An entry as it is kept.
  struct Item {
    Sha256Digest key{};
    std::string description;
    std::uint64_t size_bytes = 0;  ///< of its files
    Time stored;
    Time used;  ///< last; when stored if never
    std::uint64_t hits = 0;
    bool is_damaged = false;  ///< as far as can be seen without reading it all
  };
  /// All entries, last used first.
  std::vector<Item> list() const;
  /// Reads an entry in full and removes it if it is damaged. Returns what is wrong with it, or nothing.
  std::optional<std::string> verify(const Sha256Digest& key);

  struct Removed {
    std::uint64_t entries = 0;
    std::uint64_t size_bytes = 0;
  };
  /// Removes what was not used for longest until the rest is no larger than `max_size_bytes`, and what was not used
  /// since `used_before`; never what was used within the last minute. Also what processes that died left behind.
  Removed prune(std::uint64_t max_size_bytes, Time used_before = Time::min());
  /// Removes everything that wzrun has put there, and the directory if nothing else is in it.
  Removed clear();

  const std::string& path() const { return options_.path; }

 private:
  class Directory;

  explicit DirectoryCache(Options options);
  Claim claim_within(std::chrono::minutes patience, const Sha256Digest& key);

  Options options_;
  std::unique_ptr<Directory> directory_;
};

}  // namespace wzrun
