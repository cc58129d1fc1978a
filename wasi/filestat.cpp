#include "filestat.h"

#include "timestamp.h"

#include <algorithm>

namespace wzrun::wasi {

Filestat filestat_of(const struct stat& status, Filetype type) {
  Filestat result{};
  result.dev = status.st_dev;
  result.ino = status.st_ino;
  result.filetype = type;
  result.nlink = status.st_nlink;
  result.size = static_cast<std::uint64_t>(status.st_size);
  result.atim = timestamp_of(status.st_atim);
  result.mtim = timestamp_of(status.st_mtim);
  result.ctim = timestamp_of(status.st_ctim);
  return result;
}

Preview0Filestat preview0_filestat_of(const Filestat& filestat) {
  return {.dev = filestat.dev,
          .ino = filestat.ino,
          .filetype = filestat.filetype,
          .nlink = static_cast<std::uint32_t>(std::min<std::uint64_t>(filestat.nlink, UINT32_MAX)),
          .size = filestat.size,
          .atim = filestat.atim,
          .mtim = filestat.mtim,
          .ctim = filestat.ctim};
}

Status timespecs_of(std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags, timespec (&times)[2]) {
  const auto choose = [&](std::uint64_t ns, std::uint32_t given, std::uint32_t now) {
    if ((flags & given) != 0)
      return timespec_of(ns);
    return timespec{.tv_sec = 0, .tv_nsec = (flags & now) != 0 ? UTIME_NOW : UTIME_OMIT};
  };
  constexpr auto kBothAtim = fstflags::atim | fstflags::atim_now;
  constexpr auto kBothMtim = fstflags::mtim | fstflags::mtim_now;
  if ((flags & ~fstflags::all) != 0 || (flags & kBothAtim) == kBothAtim || (flags & kBothMtim) == kBothMtim)
    return fail(Errno::inval);
  times[0] = choose(atim, fstflags::atim, fstflags::atim_now);
  times[1] = choose(mtim, fstflags::mtim, fstflags::mtim_now);
  return {};
}

}  // namespace wzrun::wasi
