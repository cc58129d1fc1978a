#include "wasi/socket_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace wzrun::test {

using wasi::OwnedFd;

OwnedFd connect_to(const wasi::ListeningSocket& socket) {
  const auto connected = [](int family, const void* address, socklen_t length) {
    OwnedFd fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    constexpr timeval kMinute{.tv_sec = 60, .tv_usec = 0};
    constexpr int kOn = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kMinute, sizeof kMinute);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
    return ::connect(fd.get(), static_cast<const sockaddr*>(address), length) == 0 ? std::move(fd) : OwnedFd{};
  };
  const auto port = htons(socket.port());
  if (socket.address().starts_with('[')) {
    const sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return connected(AF_INET6, &address, sizeof address);
  }
  const sockaddr_in address{.sin_family = AF_INET, .sin_port = port, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return connected(AF_INET, &address, sizeof address);
}

bool send_all(const OwnedFd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string receive_exactly(const OwnedFd& socket, std::size_t size) {
  std::string bytes(size, '\0');
  const auto received = ::recv(socket.get(), bytes.data(), size, MSG_WAITALL);
  bytes.resize(received < 0 ? 0 : static_cast<std::size_t>(received));
  return bytes;
}

void reset(OwnedFd socket) {
  constexpr linger kAtOnce{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &kAtOnce, sizeof kAtOnce);
}

}  // namespace wzrun::test
