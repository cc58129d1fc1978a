#pragma once

#include "wzrun/cache.h"

#include <string_view>

namespace wzrun::cache {

inline constexpr std::string_view kLockSuffix = ".lock";

/// Waits until it holds the lock of a key, at most a few minutes: whoever holds it may be stopped. A process that dies
/// gives it back. Null if it was not to be had.
CompilationCache::Claim wait_for_claim(int directory, const Sha256Digest& key);
/// The same without waiting.
CompilationCache::Claim try_claim(int directory, const Sha256Digest& key);

}  // namespace wzrun::cache
