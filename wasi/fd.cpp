#include "functions.h"
#include "node.h"
#include "write_signal.h"

#include <fcntl.h>
#include <unistd.h>

namespace wzrun::wasi {
namespace {

/// Closes what a descriptor owned. Errors: what the host's close says, such as ENOSPC for data written late.
Status close_host(Descriptor descriptor) {
  const int fd = descriptor.owned.release();
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR)  // closed all the same
    return fail_host();
  return {};
}

/// Needs one of the rights.
Status seek(Call& call, Fd fd, std::int64_t offset, int host_whence, Address result, Rights one_of) {
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, 0));
  if ((descriptor->base & one_of) == 0)
    return fail(Errno::notcapable);
  WZRUN_CHECK(call.memory.range(result, sizeof(std::uint64_t)));
  if (descriptor->open_node)
    return call.memory.write(result, WZRUN_TRY(node_seek(*descriptor, offset, host_whence)));
  if (descriptor->kind != Descriptor::Kind::host)
    return fail(Errno::spipe);
  const auto place = WZRUN_TRY(call.retry([&] { return ::lseek(descriptor->fd, offset, host_whence); }));
  return call.memory.write(result, static_cast<std::uint64_t>(place));
}

Status sync(Call& call, Fd fd, Rights needed, int (*host_sync)(int)) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if ((descriptor->base & needed) != needed)
    return fail(Errno::notcapable);
  if (descriptor->open_node)
    return node_answer(node_of(*descriptor).sync());
  if (descriptor->kind != Descriptor::Kind::host)
    return fail(Errno::inval);
  WZRUN_CHECK(call.retry([&] { return host_sync(descriptor->fd); }));
  return {};
}

constexpr auto kTelling = rights::fd_tell | rights::fd_seek;  // the second implies the first

Try<const Descriptor*> preopen(Call& call, Fd fd) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if (!descriptor->preopen_name)
    return fail(Errno::badf);
  return descriptor;
}

}  // namespace

Status fd_close(Call& call, Fd fd) { return close_host(WZRUN_TRY(call.state.descriptors.remove(fd))); }

Status fd_renumber(Call& call, Fd from, Fd to) {
  return close_host(WZRUN_TRY(call.state.descriptors.renumber(from, to)));
}

Status fd_prestat_get(Call& call, Fd fd, Address result) {
  const auto* const descriptor = WZRUN_TRY(preopen(call, fd));
  return call.memory.write(result, Prestat{.name_len = static_cast<std::uint32_t>(descriptor->preopen_name->size())});
}

Status fd_prestat_dir_name(Call& call, Fd fd, Address name, std::uint32_t name_len) {
  const auto& text = *WZRUN_TRY(preopen(call, fd))->preopen_name;
  if (name_len < text.size())
    return fail(Errno::nametoolong);
  const auto bytes = WZRUN_TRY(call.memory.range(name, text.size()));
  std::memcpy(bytes.data(), text.data(), text.size());
  return {};
}

Status fd_seek(Call& call, Fd fd, std::int64_t offset, std::uint32_t whence, Address result) {
  constexpr int kHost[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  if (whence >= std::size(kHost))
    return fail(Errno::inval);
  const bool only_tells = offset == 0 && whence == static_cast<std::uint32_t>(Whence::cur);
  return seek(call, fd, offset, kHost[whence], result, only_tells ? kTelling : rights::fd_seek);
}

Status preview0_fd_seek(Call& call, Fd fd, std::int64_t offset, std::uint32_t whence, Address result) {
  constexpr Whence kPreview1[] = {Whence::cur, Whence::end, Whence::set};
  if (whence >= std::size(kPreview1))
    return fail(Errno::inval);
  return fd_seek(call, fd, offset, static_cast<std::uint32_t>(kPreview1[whence]), result);
}

Status fd_tell(Call& call, Fd fd, Address result) { return seek(call, fd, 0, SEEK_CUR, result, kTelling); }

Status fd_sync(Call& call, Fd fd) { return sync(call, fd, rights::fd_sync, ::fsync); }
Status fd_datasync(Call& call, Fd fd) { return sync(call, fd, rights::fd_datasync, ::fdatasync); }

Status fd_advise(Call& call, Fd fd, std::uint64_t offset, std::uint64_t length, std::uint32_t advice) {
  constexpr int kHost[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                           POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, rights::fd_advise));
  if (advice >= std::size(kHost) || offset > INT64_MAX || length > INT64_MAX)
    return fail(Errno::inval);
  if (descriptor->open_node)
    return {};
  if (descriptor->kind != Descriptor::Kind::host)
    return fail(Errno::spipe);
  const int error =
      ::posix_fadvise(descriptor->fd, static_cast<off_t>(offset), static_cast<off_t>(length), kHost[advice]);
  if (error != 0)
    return fail(from_host(error));
  return {};
}

Status fd_allocate(Call& call, Fd fd, std::uint64_t offset, std::uint64_t length) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, rights::fd_allocate));
  if (descriptor->read_only)
    return fail(Errno::rofs);
  if (length == 0 || offset > INT64_MAX || length > INT64_MAX)
    return fail(Errno::inval);
  if (descriptor->open_node)
    return node_allocate(node_of(*descriptor), offset, length);
  if (descriptor->kind != Descriptor::Kind::host)
    return fail(Errno::spipe);
  // Not posix_fallocate: where the file system cannot allocate, glibc would write the whole range.
  WZRUN_CHECK(call.retry([&] {
    return without_signal(descriptor->write_signal, 0, [&] {
      return ::fallocate(descriptor->fd, 0, static_cast<off_t>(offset), static_cast<off_t>(length));
    });
  }));
  return {};
}

}  // namespace wzrun::wasi
