#include "write_signal.h"

#include <sys/resource.h>

namespace wzrun::wasi {

int write_signal_of(const struct stat& status) {
  if (S_ISFIFO(status.st_mode))
    return SIGPIPE;
  rlimit limit;
  const bool limited = S_ISREG(status.st_mode) && ::getrlimit(RLIMIT_FSIZE, &limit) == 0;
  return limited && limit.rlim_cur != RLIM_INFINITY ? SIGXFSZ : 0;
}

}  // namespace wzrun::wasi
