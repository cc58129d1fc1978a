#include "filestat.h"
#include "functions.h"
#include "node.h"
#include "write_signal.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace wzrun::wasi {
namespace {

Try<Filestat> filestat(Call& call, Fd fd) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if ((descriptor->base & rights::fd_filestat_get) == 0)
    return fail(Errno::notcapable);
  if (descriptor->open_node)
    return node_filestat(node_of(*descriptor));
  if (descriptor->kind != Descriptor::Kind::host) {
    Filestat result{};
    result.filetype = descriptor->filetype;
    return result;
  }
  struct stat status;
  if (::fstat(descriptor->fd, &status) != 0)
    return fail_host();
  return filestat_of(status, descriptor->filetype);
}

}  // namespace

Status fd_fdstat_get(Call& call, Fd fd, Address result) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  Fdstat fdstat{};
  fdstat.filetype = descriptor->filetype;
  fdstat.flags = static_cast<std::uint16_t>(descriptor->flags);
  fdstat.rights_base = descriptor->base;
  fdstat.rights_inheriting = descriptor->inheriting;
  return call.memory.write(result, fdstat);
}

/// APPEND and NONBLOCK can change, the others are ENOTSUP, as the host cannot change them either. A lent descriptor is
/// shared with other processes, so its change is kept here and NONBLOCK is carried out by asking before each transfer.
Status fd_fdstat_set_flags(Call& call, Fd fd, std::uint32_t flags) {
  constexpr auto kChangeable = fdflags::append | fdflags::nonblock;
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if ((flags & ~fdflags::all) != 0)
    return fail(Errno::inval);
  if ((descriptor->base & rights::fd_fdstat_set_flags) == 0)
    return fail(Errno::notcapable);
  if (((flags ^ descriptor->flags) & ~kChangeable) != 0)
    return fail(Errno::notsup);
  if (descriptor->owned && !descriptor->is_directory()) {
    const auto old = WZRUN_TRY(call.retry([&] { return ::fcntl(descriptor->fd, F_GETFL); }));
    const auto added =
        ((flags & fdflags::append) != 0 ? O_APPEND : 0) | ((flags & fdflags::nonblock) != 0 ? O_NONBLOCK : 0);
    WZRUN_CHECK(call.retry([&] { return ::fcntl(descriptor->fd, F_SETFL, (old & ~(O_APPEND | O_NONBLOCK)) | added); }));
  }
  descriptor->flags = flags;
  return {};
}

Status fd_fdstat_set_rights(Call& call, Fd fd, Rights base, Rights inheriting) {
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if ((base & ~descriptor->base) != 0 || (inheriting & ~descriptor->inheriting) != 0)
    return fail(Errno::notcapable);
  descriptor->base = base;
  descriptor->inheriting = inheriting;
  return {};
}

Status fd_filestat_get(Call& call, Fd fd, Address result) {
  return call.memory.write(result, WZRUN_TRY(filestat(call, fd)));
}

Status preview0_fd_filestat_get(Call& call, Fd fd, Address result) {
  return call.memory.write(result, preview0_filestat_of(WZRUN_TRY(filestat(call, fd))));
}

Status fd_filestat_set_size(Call& call, Fd fd, std::uint64_t size) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, rights::fd_filestat_set_size));
  if (descriptor->read_only)
    return fail(Errno::rofs);
  if (descriptor->open_node && size <= INT64_MAX)
    return node_answer(node_of(*descriptor).resize(size));
  if (descriptor->kind != Descriptor::Kind::host || size > INT64_MAX)
    return fail(Errno::inval);
  WZRUN_CHECK(call.retry([&] {
    return without_signal(descriptor->write_signal, 0,
                          [&] { return ::ftruncate(descriptor->fd, static_cast<off_t>(size)); });
  }));
  return {};
}

Status fd_filestat_set_times(Call& call, Fd fd, std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  timespec times[2];
  WZRUN_CHECK(timespecs_of(atim, mtim, flags, times));
  if ((descriptor->base & rights::fd_filestat_set_times) == 0)
    return fail(Errno::notcapable);
  if (descriptor->read_only)
    return fail(Errno::rofs);
  if (descriptor->open_node)
    return node_set_times(node_of(*descriptor), times);
  if (descriptor->kind != Descriptor::Kind::host)
    return fail(Errno::inval);
  WZRUN_CHECK(call.retry([&] { return ::futimens(descriptor->fd, times); }));
  return {};
}

}  // namespace wzrun::wasi
