#pragma once

#include "wzrun/cache.h"

#include <chrono>
#include <string_view>

namespace wzrun::cache {

inline constexpr std::string_view kLockSuffix = ".lock";

/// Waits until it holds the lock of a key, at most for `patience`: whoever holds it may be stopped. A process that dies
/// gives it back. Null if it was not to be had.
CompilationCache::Claim claim(int directory, const Sha256Digest& key, std::chrono::minutes patience);

}  // namespace wzrun::cache
