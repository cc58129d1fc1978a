#include "timestamp.h"

namespace wzrun::wasi {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

std::uint64_t timestamp_of(const timespec& time) {
  if (time.tv_sec < 0)
    return 0;
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
  if (seconds >= UINT64_MAX / kNsPerSecond)
    return UINT64_MAX;
  return seconds * kNsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

timespec timespec_of(std::uint64_t ns) {
  return {.tv_sec = static_cast<time_t>(ns / kNsPerSecond), .tv_nsec = static_cast<long>(ns % kNsPerSecond)};
}

}  // namespace wzrun::wasi
