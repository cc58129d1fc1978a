#include "functions.h"
#include "node.h"
#include "transfer.h"
#include "write_signal.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <numeric>

namespace wzrun::wasi {
namespace {

ssize_t read_text(Descriptor& descriptor, const iovec* buffers, int count) {
  std::size_t done = 0;
  for (int i = 0; i < count; ++i) {
    const auto part = std::string_view{*descriptor.input}.substr(descriptor.input_at, buffers[i].iov_len);
    std::copy(part.begin(), part.end(), static_cast<char*>(buffers[i].iov_base));
    descriptor.input_at += part.size();
    done += part.size();
  }
  return static_cast<ssize_t>(done);
}

ssize_t write_text(std::string* output, const iovec* buffers, int count) {
  std::size_t done = 0;
  for (int i = 0; i < count; ++i) {
    if (output != nullptr)
      output->append(static_cast<const char*>(buffers[i].iov_base), buffers[i].iov_len);
    done += buffers[i].iov_len;
  }
  return static_cast<ssize_t>(done);
}

ssize_t read_some(Descriptor& descriptor, const iovec* buffers, int count) {
  switch (descriptor.kind) {
    case Descriptor::Kind::host:
      if (count == 1)
        return ::read(descriptor.fd, buffers->iov_base, buffers->iov_len);
      return ::readv(descriptor.fd, buffers, count);
    case Descriptor::Kind::node: {
      const auto read = node_read(node_of(descriptor), buffers, count, descriptor.open_node->offset);
      descriptor.open_node->offset += static_cast<std::uint64_t>(std::max<ssize_t>(read, 0));
      return read;
    }
    case Descriptor::Kind::text_input:
      return read_text(descriptor, buffers, count);
    default:
      return 0;
  }
}

ssize_t write_node(Descriptor& descriptor, const iovec* buffers, int count) {
  auto& open = *descriptor.open_node;
  if ((descriptor.flags & fdflags::append) != 0) {
    const auto status = open.node->status();
    open.offset = status ? status->size_bytes : open.offset;
  }
  const auto written = node_write(*open.node, buffers, count, open.offset);
  open.offset += static_cast<std::uint64_t>(std::max<ssize_t>(written, 0));
  return written;
}

std::size_t size_of(const iovec* buffers, int count) {
  return std::accumulate(buffers, buffers + count, std::size_t{0},
                         [](std::size_t size, const iovec& buffer) { return size + buffer.iov_len; });
}

ssize_t write_some(Descriptor& descriptor, const iovec* buffers, int count) {
  if (descriptor.kind == Descriptor::Kind::node)
    return write_node(descriptor, buffers, count);
  if (descriptor.kind != Descriptor::Kind::host)
    return write_text(descriptor.output.get(), buffers, count);
  if (descriptor.is_socket()) {  // a peer that has gone is EPIPE, not a signal
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers);
    message.msg_iovlen = static_cast<std::size_t>(count);
    return ::sendmsg(descriptor.fd, &message, MSG_NOSIGNAL);
  }
  return without_signal(descriptor.write_signal, size_of(buffers, count), [&] {
    return count == 1 ? ::write(descriptor.fd, buffers->iov_base, buffers->iov_len)
                      : ::writev(descriptor.fd, buffers, count);
  });
}

Try<Descriptor*> for_writing(Call& call, Fd fd, Rights needed) {
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, needed));
  if (descriptor->read_only)
    return fail(Errno::rofs);
  return descriptor;
}

/// pread and pwrite need a file with places.
Status check_place(const Descriptor& descriptor, std::uint64_t offset) {
  if (descriptor.kind != Descriptor::Kind::host && descriptor.kind != Descriptor::Kind::node)
    return fail(Errno::spipe);
  if (offset > INT64_MAX)
    return fail(Errno::inval);
  return {};
}

}  // namespace

Status check_ready(const Descriptor& descriptor, short events) {
  if ((descriptor.flags & fdflags::nonblock) == 0 || descriptor.owned || descriptor.kind != Descriptor::Kind::host)
    return {};
  pollfd ready{.fd = descriptor.fd, .events = events, .revents = 0};
  if (::poll(&ready, 1, 0) == 0)
    return fail(Errno::again);
  return {};
}

Status fd_read(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, Address nread) {
  auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, rights::fd_read));
  WZRUN_CHECK(call.memory.range(nread, sizeof(std::uint32_t)));
  WZRUN_CHECK(check_ready(*descriptor, POLLIN));
  const bool whole = descriptor->filetype == Filetype::regular_file;  // others would wait for more
  return call.memory.write(
      nread, WZRUN_TRY(transfer(call, iovs, iovs_len, whole, [&](const iovec* buffers, int count, std::uint64_t) {
        return read_some(*descriptor, buffers, count);
      })));
}

Status fd_write(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, Address nwritten) {
  auto* const descriptor = WZRUN_TRY(for_writing(call, fd, rights::fd_write));
  WZRUN_CHECK(call.memory.range(nwritten, sizeof(std::uint32_t)));
  WZRUN_CHECK(check_ready(*descriptor, POLLOUT));
  return call.memory.write(
      nwritten, WZRUN_TRY(transfer(call, iovs, iovs_len, true, [&](const iovec* buffers, int count, std::uint64_t) {
        return write_some(*descriptor, buffers, count);
      })));
}

Status fd_pread(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint64_t offset, Address nread) {
  const auto* const descriptor = WZRUN_TRY(call.state.descriptors.file(fd, rights::fd_read | rights::fd_seek));
  WZRUN_CHECK(call.memory.range(nread, sizeof(std::uint32_t)));
  WZRUN_CHECK(check_place(*descriptor, offset));
  return call.memory.write(
      nread, WZRUN_TRY(transfer(call, iovs, iovs_len, true, [&](const iovec* buffers, int count, std::uint64_t moved) {
        if (descriptor->open_node)
          return node_read(node_of(*descriptor), buffers, count, offset + moved);
        return ::preadv(descriptor->fd, buffers, count, static_cast<off_t>(offset + moved));
      })));
}

Status fd_pwrite(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint64_t offset, Address nwritten) {
  const auto* const descriptor = WZRUN_TRY(for_writing(call, fd, rights::fd_write | rights::fd_seek));
  WZRUN_CHECK(call.memory.range(nwritten, sizeof(std::uint32_t)));
  WZRUN_CHECK(check_place(*descriptor, offset));
  return call.memory.write(
      nwritten,
      WZRUN_TRY(transfer(call, iovs, iovs_len, true, [&](const iovec* buffers, int count, std::uint64_t moved) {
        if (descriptor->open_node)
          return node_write(node_of(*descriptor), buffers, count, offset + moved);
        return without_signal(descriptor->write_signal, size_of(buffers, count), [&] {
          return ::pwritev(descriptor->fd, buffers, count, static_cast<off_t>(offset + moved));
        });
      })));
}

}  // namespace wzrun::wasi
