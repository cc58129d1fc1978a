#include "functions.h"

#include <sched.h>

namespace wzrun::wasi {
namespace {

/// Source: wasi_snapshot_preview1.witx, $signal.
enum class Signal : std::uint8_t {
  none,
  hup,
  int_,
  quit,
  ill,
  trap,
  abrt,
  bus,
  fpe,
  kill,
  usr1,
  segv,
  usr2,
  pipe,
  alrm,
  term,
  chld,
  cont,
  stop,
  tstp,
  ttin,
  ttou,
  urg,
  xcpu,
  xfsz,
  vtalrm,
  prof,
  winch,
  poll,
  pwr,
  sys,
};

}  // namespace

Result<void> proc_exit(Call&, std::uint32_t code) { return std::unexpected(Exit{code}); }

/// The program is not a process of the host, which must not get its signals: those that would end it end it with the
/// status that a shell gives, those that a process ignores do nothing, and it cannot be stopped.
Result<std::uint32_t> proc_raise(Call&, std::uint32_t signal) {
  constexpr std::uint32_t kSignalled = 128;
  if (signal > static_cast<std::uint32_t>(Signal::sys))
    return static_cast<std::uint32_t>(Errno::inval);
  switch (static_cast<Signal>(signal)) {
    case Signal::none:
    case Signal::chld:
    case Signal::cont:
    case Signal::urg:
    case Signal::winch:
      return 0;
    case Signal::stop:
    case Signal::tstp:
    case Signal::ttin:
    case Signal::ttou:
      return static_cast<std::uint32_t>(Errno::notsup);
    default:
      return std::unexpected(Exit{kSignalled + signal});
  }
}

Status sched_yield(Call&) {
  ::sched_yield();
  return {};
}

}  // namespace wzrun::wasi
