#include "functions.h"
#include "transfer.h"

#include <poll.h>
#include <sys/socket.h>

namespace wzrun::wasi {
namespace {

/// Errors: EBADF; ENOTSOCK; ENOTCAPABLE if it lacks the right.
Try<Descriptor*> socket_of(Call& call, Fd fd, Rights needed) {
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.get(fd));
  if (!descriptor->is_socket())
    return fail(Errno::notsock);
  if ((descriptor->base & needed) != needed)
    return fail(Errno::notcapable);
  return descriptor;
}

}  // namespace

Status sock_accept(Call& call, Fd fd, std::uint32_t flags, Address result) {
  const auto* const listening = WZRUN_TRY(socket_of(call, fd, rights::sock_accept));
  WZRUN_CHECK(call.memory.range(result, sizeof(Fd)));
  if ((flags & ~fdflags::nonblock) != 0)
    return fail(Errno::inval);
  WZRUN_CHECK(check_ready(*listening, POLLIN));
  const int host_flags = SOCK_CLOEXEC | (flags != 0 ? SOCK_NONBLOCK : 0);
  Descriptor accepted;
  accepted.owned =
      OwnedFd{WZRUN_TRY(call.retry([&] { return ::accept4(listening->fd, nullptr, nullptr, host_flags); }))};
  accepted.fd = accepted.owned.get();
  accepted.kind = Descriptor::Kind::host;
  accepted.filetype = Filetype::socket_stream;
  accepted.flags = flags;
  accepted.base = rights::socket & ~rights::sock_accept;
  return call.memory.write(result, WZRUN_TRY(call.state.descriptors.insert(std::move(accepted))));
}

Status sock_recv(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint32_t flags, Address received,
                 Address result_flags) {
  const auto* const descriptor = WZRUN_TRY(socket_of(call, fd, rights::fd_read));
  WZRUN_CHECK(call.memory.range(received, sizeof(std::uint32_t)));
  WZRUN_CHECK(call.memory.range(result_flags, sizeof(std::uint16_t)));
  if ((flags & ~riflags::all) != 0)
    return fail(Errno::inval);
  WZRUN_CHECK(check_ready(*descriptor, POLLIN));
  const int host_flags =
      ((flags & riflags::peek) != 0 ? MSG_PEEK : 0) | ((flags & riflags::waitall) != 0 ? MSG_WAITALL : 0);
  std::uint16_t told = 0;
  const auto bytes = WZRUN_TRY(transfer(call, iovs, iovs_len, false, [&](iovec* buffers, int count, std::uint64_t) {
    msghdr message{};
    message.msg_iov = buffers;
    message.msg_iovlen = static_cast<std::size_t>(count);
    const auto result = ::recvmsg(descriptor->fd, &message, host_flags);
    told = (message.msg_flags & MSG_TRUNC) != 0 ? roflags::data_truncated : std::uint16_t{0};
    return result;
  }));
  WZRUN_CHECK(call.memory.write(result_flags, told));
  return call.memory.write(received, bytes);
}

Status sock_send(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint32_t flags, Address sent) {
  const auto* const descriptor = WZRUN_TRY(socket_of(call, fd, rights::fd_write));
  WZRUN_CHECK(call.memory.range(sent, sizeof(std::uint32_t)));
  if (flags != 0)
    return fail(Errno::inval);
  WZRUN_CHECK(check_ready(*descriptor, POLLOUT));
  const bool whole = descriptor->filetype == Filetype::socket_stream;
  return call.memory.write(
      sent, WZRUN_TRY(transfer(call, iovs, iovs_len, whole, [&](iovec* buffers, int count, std::uint64_t) {
        msghdr message{};
        message.msg_iov = buffers;
        message.msg_iovlen = static_cast<std::size_t>(count);
        return ::sendmsg(descriptor->fd, &message, MSG_NOSIGNAL);
      })));
}

Status sock_shutdown(Call& call, Fd fd, std::uint32_t how) {
  const auto* const descriptor = WZRUN_TRY(socket_of(call, fd, rights::sock_shutdown));
  if (how == 0 || (how & ~(sdflags::rd | sdflags::wr)) != 0)
    return fail(Errno::inval);
  const int host_how = how == sdflags::rd ? SHUT_RD : how == sdflags::wr ? SHUT_WR : SHUT_RDWR;
  if (::shutdown(descriptor->fd, host_how) != 0)
    return fail_host();
  return {};
}

}  // namespace wzrun::wasi
