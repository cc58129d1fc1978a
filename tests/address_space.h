#pragma once

#include <sys/resource.h>
#include <unistd.h>
#include <cstdint>
#include <cstdio>

namespace wzrun {

/// While it lives, this process can map little more than it has: memories cannot reserve their guard, and instances
/// made now check their accesses. Not for two threads at once.
class ScarceAddressSpace {
 public:
  explicit ScarceAddressSpace(std::uint64_t spare_bytes = std::uint64_t{1} << 30) {
    getrlimit(RLIMIT_AS, &before_);
    unsigned long pages = 0;
    if (auto* const file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
      if (std::fscanf(file, "%lu", &pages) != 1)
        pages = 0;
      std::fclose(file);
    }
    auto limit = before_;
    limit.rlim_cur = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + spare_bytes;
    setrlimit(RLIMIT_AS, &limit);
  }
  ~ScarceAddressSpace() { setrlimit(RLIMIT_AS, &before_); }
  ScarceAddressSpace(const ScarceAddressSpace&) = delete;
  ScarceAddressSpace& operator=(const ScarceAddressSpace&) = delete;

 private:
  rlimit before_{};
};

}  // namespace wzrun
