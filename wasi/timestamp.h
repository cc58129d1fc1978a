#pragma once

#include <cstdint>
#include <ctime>

namespace wzrun::wasi {

/// Nanoseconds since 1970, 0 for a time before.
std::uint64_t timestamp_of(const timespec& time);
timespec timespec_of(std::uint64_t ns);

}  // namespace wzrun::wasi
