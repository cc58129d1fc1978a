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

/// What a transfer on a socket passes to the host: NONBLOCK of a lent one, whose own flags must stay as they are, is
/// asked for each time.
int transfer_flags(const Descriptor& socket) {
  return MSG_NOSIGNAL | ((socket.flags & fdflags::nonblock) != 0 && !socket.owned ? MSG_DONTWAIT : 0);
}

msghdr message_of(iovec* buffers, int count) {
  msghdr message{};
  message.msg_iov = buffers;
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

void skip(msghdr& message, std::size_t bytes) {
  for (; message.msg_iovlen > 0 && bytes >= message.msg_iov->iov_len; --message.msg_iovlen)
    bytes -= message.msg_iov++->iov_len;
  if (message.msg_iovlen == 0)
    return;
  message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + bytes;
  message.msg_iov->iov_len -= bytes;
}

/// recvmsg(2), except that MSG_WAITALL goes on after a signal that does not end the program.
ssize_t receive(Call& call, int fd, msghdr& message, int flags) {
  ssize_t received = 0;
  for (;;) {
    const auto part = ::recvmsg(fd, &message, flags);
    if (part < 0 && errno == EINTR && received > 0 && !call.caller.interrupted())
      continue;
    if (part <= 0)
      return received > 0 ? received : part;
    received += part;
    skip(message, static_cast<std::size_t>(part));
    if ((flags & (MSG_WAITALL | MSG_PEEK)) != MSG_WAITALL || message.msg_iovlen == 0)
      return received;
  }
}

}  // namespace

Status sock_accept(Call& call, Fd fd, std::uint32_t flags, Address result) {
  const auto* const listening = WZRUN_TRY(socket_of(call, fd, rights::sock_accept));
  WZRUN_CHECK(call.memory.range(result, sizeof(Fd)));
  if ((flags & ~fdflags::nonblock) != 0)
    return fail(Errno::inval);
  WZRUN_CHECK(call.state.descriptors.check_room());  // else the connection would be taken from the queue and lost
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
  const bool peek = (flags & riflags::peek) != 0;
  const bool whole = (flags & riflags::waitall) != 0 && !peek;
  const int host_flags =
      transfer_flags(*descriptor) | (peek ? MSG_PEEK : 0) | ((flags & riflags::waitall) != 0 ? MSG_WAITALL : 0);
  std::uint16_t told = 0;
  const auto bytes = WZRUN_TRY(transfer(call, iovs, iovs_len, whole, [&](iovec* buffers, int count, std::uint64_t) {
    auto message = message_of(buffers, count);
    const auto result = receive(call, descriptor->fd, message, host_flags);
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
  const bool whole = descriptor->filetype == Filetype::socket_stream;
  return call.memory.write(
      sent, WZRUN_TRY(transfer(call, iovs, iovs_len, whole, [&](iovec* buffers, int count, std::uint64_t) {
        const auto message = message_of(buffers, count);
        return ::sendmsg(descriptor->fd, &message, transfer_flags(*descriptor));
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
