#include "wzrun/wasi.h"

#include <fcntl.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <utility>
#include <vector>

namespace wzrun::wasi {
namespace {

using boost::asio::ip::tcp;

std::string text_of(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(endpoint.port());
}

std::unexpected<Error> refused(std::string what, const boost::system::error_code& why) {
  return std::unexpected(
      Error{.kind = ErrorKind::io, .message = "cannot listen on " + std::move(what) + ": " + why.message()});
}

/// Where to listen, what is preferred first.
std::vector<tcp::endpoint> endpoints_of(boost::asio::io_context& context, std::string_view host, std::uint16_t port,
                                        boost::system::error_code& error) {
  if (host.empty())
    return {{tcp::v6(), port}, {tcp::v4(), port}};  // IPv6's takes IPv4's connections too, where there is IPv6
  std::vector<tcp::endpoint> endpoints;
  const auto flags = tcp::resolver::passive | tcp::resolver::numeric_service;
  for (const auto& entry : tcp::resolver{context}.resolve(host, std::to_string(port), flags, error))
    endpoints.push_back(entry.endpoint());
  return endpoints;
}

// Older versions of Asio return the error as well as setting it.
boost::system::error_code listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  static_cast<void>(acceptor.close(error));
  static_cast<void>(acceptor.open(endpoint.protocol(), error));
  if (!error)
    static_cast<void>(acceptor.set_option(tcp::acceptor::reuse_address{true}, error));
  if (!error && endpoint.address().is_v6())
    static_cast<void>(acceptor.set_option(boost::asio::ip::v6_only{!endpoint.address().is_unspecified()}, error));
  if (!error)
    static_cast<void>(acceptor.bind(endpoint, error));
  if (!error)
    static_cast<void>(acceptor.listen(tcp::acceptor::max_listen_connections, error));
  return error;
}

}  // namespace

Expected<ListeningSocket> ListeningSocket::open(std::string_view host, std::uint16_t port) {
  boost::asio::io_context context;
  boost::system::error_code error;
  const auto endpoints = endpoints_of(context, host, port, error);
  if (endpoints.empty())
    return refused(std::string{host}, error);
  tcp::acceptor acceptor{context};
  for (const auto& endpoint : endpoints)
    if (error = listen(acceptor, endpoint); !error)
      break;
  tcp::endpoint local;
  if (!error)
    local = acceptor.local_endpoint(error);
  int fd = -1;
  if (!error)
    fd = acceptor.release(error);
  if (error)
    return refused(text_of(endpoints.back()), error);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return ListeningSocket{fd, text_of(local), local.port()};
}

ListeningSocket::ListeningSocket(int fd, std::string address, std::uint16_t port)
    : fd_(fd), address_(std::move(address)), port_(port) {}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)), port_(other.port_) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(port_, other.port_);
  return *this;
}

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0)
    ::close(fd_);
}

}  // namespace wzrun::wasi
