#include "runtime/processors.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace wzrun::runtime {

unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails where there are more processors than a set has room for.
  const unsigned count = sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set))
                                                                     : std::thread::hardware_concurrency();
  return std::max(1U, count);
}

}  // namespace wzrun::runtime
