#pragma once

#include "file.h"

#include "wzrun/cache.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

/// The file of an entry: payload | description | footer. The payload stands first, so that it can be mapped as it is;
/// the footer is written last and ends with the checksum of all before it. A file that has its name is complete and
/// never written again.
namespace wzrun::cache {

inline constexpr std::string_view kEntrySuffix = ".wzrun";
inline constexpr std::string_view kTemporaryPrefix = "tmp-";

std::string entry_name(const Sha256Digest& key);

struct EntryFile {
  File file;
  std::int64_t opened_ns = 0;  ///< since 1970, or a little before
  FileFingerprint fingerprint;
  std::uint64_t payload_size = 0;
  std::uint64_t description_size = 0;
};

/// Opens an entry if its owner, mode and footer are right; its checksum is not looked at.
struct EntryProblem {
  std::string reason;
  bool is_absent = false;  ///< there is no such file
};
std::expected<EntryFile, EntryProblem> open_entry(int directory, const Sha256Digest& key);

/// Reads it all: whether every byte is as it was stored.
bool is_intact(const EntryFile& entry);

/// Empty if it cannot be read.
std::string read_description(const EntryFile& entry);

/// Writes a new file under a random name and makes it the key's. Errors: what the system said.
std::expected<void, std::string> publish_entry(int directory, const Sha256Digest& key, CompilationCache::Parts parts,
                                               std::string_view description);

}  // namespace wzrun::cache
