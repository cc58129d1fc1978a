#pragma once

#include "wzrun/cache.h"

#include <cstdint>
#include <optional>

/// From a module file's fingerprint to the digest of its contents: one file of fixed size, written in place, where each
/// record has its own checksum. A record that two processes wrote at once is lost, nothing more.
namespace wzrun::cache {

inline constexpr const char* kModuleIndexName = "modules";

std::optional<Sha256Digest> find_module(int directory, const FileFingerprint& file);
/// Whether a file of that size is remembered, be it that it may have changed since; true if the index is
/// not there or damaged.
bool knows_size(int directory, std::uint64_t size_bytes);
/// Takes the place of what was remembered for the same inode, else the place of the record made first in its bucket.
void remember_module(int directory, const FileFingerprint& file, const Sha256Digest& digest);

}  // namespace wzrun::cache
