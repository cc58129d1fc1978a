#include "wzrun/cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace wzrun {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

}  // namespace

std::optional<FileFingerprint> FileFingerprint::of(int fd) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  return FileFingerprint{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                         nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

bool FileFingerprint::is_settled(std::int64_t now_ns) const {
  return now_ns - std::max(modified_ns, changed_ns) >= 2 * kSecond;
}

CacheEntry& CacheEntry::operator=(CacheEntry&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

CacheEntry::~CacheEntry() {
  if (fd_ >= 0)
    close(fd_);
}

}  // namespace wzrun
