#include "clock.h"

#include "functions.h"
#include "timestamp.h"

namespace wzrun::wasi {
namespace {

Try<clockid_t> host_clock(std::uint32_t id) {
  switch (static_cast<ClockId>(id)) {
    case ClockId::realtime:
      return CLOCK_REALTIME;
    case ClockId::monotonic:
      return CLOCK_MONOTONIC;
    case ClockId::process_cputime:
      return CLOCK_PROCESS_CPUTIME_ID;
    case ClockId::thread_cputime:
      return CLOCK_THREAD_CPUTIME_ID;
  }
  return fail(Errno::inval);
}

}  // namespace

Try<std::uint64_t> clock_now_ns(const ModuleConfig& config, std::uint32_t id) {
  const auto host = WZRUN_TRY(host_clock(id));
  if (host == CLOCK_REALTIME && config.wall_clock())
    return static_cast<std::uint64_t>(config.wall_clock()());
  if (host == CLOCK_MONOTONIC && config.monotonic_clock())
    return static_cast<std::uint64_t>(config.monotonic_clock()());
  timespec now;
  if (::clock_gettime(host, &now) != 0)
    return fail_host();
  return timestamp_of(now);
}

Status clock_res_get(Call& call, std::uint32_t id, Address resolution) {
  timespec result;
  if (::clock_getres(WZRUN_TRY(host_clock(id)), &result) != 0)
    return fail_host();
  return call.memory.write(resolution, timestamp_of(result));
}

Status clock_time_get(Call& call, std::uint32_t id, std::uint64_t /*precision*/, Address time) {
  return call.memory.write(time, WZRUN_TRY(clock_now_ns(call.caller.config(), id)));
}

}  // namespace wzrun::wasi
