#include "wasi_errno.h"

#include <array>

namespace wzrun::wasi {
namespace {

constexpr std::string_view kNames[] = {
#define WZRUN_WASI_ERRNO(name, text, host) text,
#include "errno.def"
};

constexpr int kHighestHostErrno = 133;

constexpr auto kFromHost = [] {
  std::array<Errno, kHighestHostErrno + 1> table{};
  table.fill(Errno::io);
#define WZRUN_WASI_ERRNO(name, text, host) \
  if (host != 0)                           \
    table[host] = Errno::name;
#include "errno.def"
  table[EOPNOTSUPP] = Errno::notsup;
  table[ENODATA] = Errno::nomsg;
  return table;
}();

}  // namespace

std::string_view to_string(Errno error) {
  const auto number = static_cast<std::size_t>(error);
  return number < std::size(kNames) ? kNames[number] : "halted";
}

Errno from_host(int host_errno) {
  if (host_errno < 0 || host_errno > kHighestHostErrno)
    return Errno::io;
  return kFromHost[static_cast<std::size_t>(host_errno)];
}

}  // namespace wzrun::wasi
