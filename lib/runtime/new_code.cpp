#include "runtime/new_code.h"

#if defined(__aarch64__)
  #include <linux/membarrier.h>
  #include <sys/syscall.h>
  #include <unistd.h>
#endif

namespace wzrun::runtime {

void announce_new_code(std::span<const std::uint8_t> code) {
  auto* const begin = reinterpret_cast<char*>(const_cast<std::uint8_t*>(code.data()));
  __builtin___clear_cache(begin, begin + code.size());
#if defined(__aarch64__)
  // That reaches the caches of all processors, but what another one has fetched already only with a barrier there.
  // Source: Arm Architecture Reference Manual, B2.4.4; membarrier(2). Kernels before 4.16 refuse.
  static const bool is_registered =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0;
  if (is_registered)
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
#endif
}

}  // namespace wzrun::runtime
