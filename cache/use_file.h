#pragma once

#include "file.h"

#include "wzrun/cache.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// Beside each entry stands a small file that is written in place: what the entry's fingerprint was when all of it was
/// last read and found intact, and how often it was used. Its time of modification is that of the last use. Losing it
/// costs a reading of the entry and the count.
namespace wzrun::cache {

inline constexpr std::string_view kUseSuffix = ".use";

std::string use_name(const Sha256Digest& key);

/// How long an entry must be unchanged for a change to be sure to show in its fingerprint.
std::chrono::nanoseconds settling_time(const FileFingerprint& entry);

class UseFile {
 public:
  /// Reads it; `writable` makes it if it is missing, and keeps other processes from counting at the same time.
  UseFile(int directory, const Sha256Digest& key, bool writable);

  /// Whether the entry with this fingerprint was found intact and cannot have changed since.
  bool vouches_for(const FileFingerprint& entry) const;
  /// To be called once all of the entry was read. `at_ns`: when that began, since 1970.
  void found_intact(const FileFingerprint& entry, std::int64_t at_ns);
  void count_use() { record_.hits++; }
  /// Writes what is new.
  void write();

  std::uint64_t hits() const { return record_.hits; }
  /// When it was last written; nothing if it is not there.
  std::int64_t modified_ns() const;

 private:
  struct Record {
    FileFingerprint entry;
    std::int64_t intact_at_ns = 0;
    std::uint64_t hits = 0;
    std::uint64_t checksum = 0;  ///< of what stands before it
  };
  static std::uint64_t checksum(const Record& record);

  File file_;
  bool locked_ = false;
  Record record_;
};

}  // namespace wzrun::cache
