#pragma once

#include "guest_memory.h"
#include "types.h"
#include "wasi_errno.h"

#include <sys/stat.h>

namespace wzrun::wasi {

/// Source: $filestat. A size and times that the program's types cannot hold are cut off at their limits.
Filestat filestat_of(const struct stat& status, Filetype type);
Preview0Filestat preview0_filestat_of(const Filestat& filestat);

/// The times for utimensat(2) that fstflags ask for. Errors: EINVAL for unknown flags and for both ways to say a time.
Status timespecs_of(std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags, timespec (&times)[2]);

}  // namespace wzrun::wasi
