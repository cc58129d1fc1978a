#include "cli/connection_support.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace wzrun::cli {

std::vector<std::uint16_t> ports(const std::string& errors) {
  std::vector<std::uint16_t> found;
  for (auto at = errors.find(kListening); at != std::string::npos; at = errors.find(kListening, at + 1)) {
    const auto line = errors.substr(at, errors.find('\n', at) - at);
    found.push_back(static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1))));
  }
  return found;
}

wasi::OwnedFd connect_to(std::uint16_t port) {
  wasi::OwnedFd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

}  // namespace wzrun::cli
