#include "listen.h"

#include "report.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wzrun::cmd {
namespace {

struct HostAndPort {
  std::string_view host;
  std::uint16_t port = 0;
};

/// `HOST:PORT`, where an IPv6 address stands in brackets, and an empty HOST means all addresses.
std::optional<HostAndPort> split(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos)
    return std::nullopt;
  HostAndPort result{.host = text.substr(0, colon)};
  if (result.host.starts_with('[') && result.host.ends_with(']'))
    result.host = result.host.substr(1, result.host.size() - 2);
  else if (result.host.find_first_of(":[]") != result.host.npos)
    return std::nullopt;
  const auto port = text.substr(colon + 1);
  const auto* const end = port.data() + port.size();
  const auto [stopped, error] = std::from_chars(port.data(), end, result.port);
  if (port.empty() || error != std::errc{} || stopped != end)
    return std::nullopt;
  return result;
}

}  // namespace

Parsed<std::vector<wasi::ListeningSocket>> listen_on(const std::vector<std::string>& addresses) {
  std::vector<wasi::ListeningSocket> sockets;
  for (const auto& address : addresses) {
    const auto wanted = split(address);
    if (!wanted)
      return std::unexpected(UsageError{
          fmt::format("--listen: '{}' is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:0", printable(address))});
    auto socket = wasi::ListeningSocket::open(wanted->host, wanted->port);
    if (!socket)
      return std::unexpected(UsageError{"--listen: " + printable(socket.error().message)});
    if (wanted->port == 0)
      warn("listening on " + socket->address());
    sockets.push_back(*std::move(socket));
  }
  return sockets;
}

}  // namespace wzrun::cmd
