// A server written for WASI answers every request of a load generator on the loopback interface.

#include "wasi/program_support.h"
#include "wasi/socket_support.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace wzrun;
using wasi::ListeningSocket;
using wasi::OwnedFd;

namespace {

struct Response {
  int status = 0;
  std::string body;
  bool closes = false;
};

struct Request {
  std::string bytes;
  std::string expected_body;
};

/// One connection; what it has read past a response is kept for the next.
class Client {
 public:
  explicit Client(const ListeningSocket& server) : socket_(test::connect_to(server)) {}

  bool send(std::string_view bytes) { return test::send_all(socket_, bytes); }
  Response receive() {
    std::size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos)
      if (!more())
        return {};
    const auto head = read_.substr(0, end + 2);
    Response response;
    if (!head.starts_with("HTTP/1.1 ") || !number(head, "HTTP/1.1 ", response.status))
      return {};
    std::size_t length = 0;
    if (!number(head, "\r\nContent-Length: ", length))
      return {};
    response.closes = head.find("\r\nConnection: close\r\n") != std::string::npos;
    read_.erase(0, end + 4);
    while (read_.size() < length)
      if (!more())
        return {};
    response.body = read_.substr(0, length);
    read_.erase(0, length);
    return response;
  }
  bool ended() { return read_.empty() && test::receive_exactly(socket_, 1).empty(); }
  void reset() { test::reset(std::move(socket_)); }

 private:
  bool more() {
    char part[65536];
    const auto size = ::recv(socket_.get(), part, sizeof part, 0);
    if (size > 0)
      read_.append(part, static_cast<std::size_t>(size));
    return size > 0;
  }
  template <typename T>
  static bool number(const std::string& text, std::string_view before, T& value) {
    const auto at = text.find(before);
    if (at == std::string::npos)
      return false;
    const auto* const begin = text.data() + at + before.size();
    return std::from_chars(begin, text.data() + text.size(), value).ec == std::errc{};
  }

  OwnedFd socket_;
  std::string read_;
};

Request request_number(unsigned n) {
  constexpr unsigned kKinds = 10;
  const std::string host = " HTTP/1.1\r\nHost: localhost\r\n";
  if (n % kKinds == 3) {
    const std::string body(n % 7000, static_cast<char>('a' + n % 26));
    return {"POST /echo" + host + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, body};
  }
  if (n % kKinds == 7) {
    const auto size = n % 500 == 7 ? 1'000'000 : n % 20'000;
    return {"GET /bytes/" + std::to_string(size) + host + "\r\n", std::string(size, 'x')};
  }
  const auto sum = static_cast<std::uint64_t>(n) * (n + 1) / 2;
  return {"GET /sum/" + std::to_string(n) + host + "\r\n", std::to_string(sum) + "\n"};
}

/// Sends `count` requests, `depth` of them at a time, on connections that are kept for a while. Returns how many were
/// answered as they should be.
unsigned load(const ListeningSocket& server, unsigned first, unsigned count, unsigned depth) {
  constexpr unsigned kPerConnection = 120;
  unsigned right = 0;
  for (unsigned done = 0; done < count;) {
    Client client{server};
    for (unsigned used = 0; used < kPerConnection && done < count; used += depth) {
      const auto together = std::min(depth, count - done);
      std::string bytes;
      for (unsigned i = 0; i < together; ++i)
        bytes += request_number(first + done + i).bytes;
      client.send(bytes);
      for (unsigned i = 0; i < together; ++i) {
        const auto response = client.receive();
        if (response.status == 200 && response.body == request_number(first + done + i).expected_body)
          ++right;
      }
      done += together;
    }
  }
  return right;
}

/// What is not load: a request in single bytes, clients that go away, errors, a connection that is to be closed.
void check_manners(const ListeningSocket& server) {
  Client slow{server};
  for (const char byte : request_number(1).bytes)
    slow.send({&byte, 1});
  CHECK(slow.receive().body == "1\n");
  slow.send("GET /none HTTP/1.1\r\n\r\n");
  CHECK(slow.receive().status == 404);
  slow.send("DELETE /echo HTTP/1.1\r\n\r\n");
  CHECK(slow.receive().status == 405);
  Client rude{server};
  rude.send("GET /bytes/4000000 HTTP/1.1\r\n\r\n");
  rude.reset();
  Client vague{server};
  vague.send("what?\r\n\r\n");
  CHECK(vague.receive().status == 400);
  CHECK(vague.ended());
  slow.send("GET /sum/2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(slow.receive().closes);
  CHECK(slow.ended());
}

}  // namespace

TEST_CASE("an HTTP server in WebAssembly answers 10,000 requests on many connections, and loses none") {
  constexpr unsigned kClients = 20;
  constexpr unsigned kRequests = 500;
  auto server = ListeningSocket::open("127.0.0.1", 0);
  auto other = ListeningSocket::open("::1", 0);
  REQUIRE(server);
  const auto& second = other ? *other : *server;  // this machine may have no IPv6
  auto config = ModuleConfig{}.with_listener(server->descriptor());
  if (other)
    config = config.with_listener(other->descriptor());

  std::atomic<unsigned> right = 0;
  std::chrono::duration<double> took{};
  std::thread generator{[&] {
    check_manners(*server);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> clients;
    clients.reserve(kClients);
    for (unsigned i = 0; i < kClients; ++i)
      clients.emplace_back(
          [&, i] { right += load(i % 2 == 0 ? *server : second, i * kRequests, kRequests, 1 + i % 4); });
    for (auto& client : clients)
      client.join();
    took = std::chrono::steady_clock::now() - begin;
    Client last{*server};
    last.send("GET /quit HTTP/1.1\r\n\r\n");
    CHECK(last.receive().body == "bye\n");
  }};
  const auto outcome = test::run_program(WZRUN_TESTDATA_WASM_DIR "/wasi/http_server.wasm", config, test::Input::ended,
                                         std::chrono::minutes{5});
  generator.join();
  CHECK(right == kClients * kRequests);
  CHECK(outcome.status == 0);
  CHECK(outcome.errors == "");
  CHECK(outcome.trap == "");
  CHECK(outcome.output == (other ? "2 listening\nbye\n" : "1 listening\nbye\n"));
  const auto rate = kClients * kRequests / took.count();
  MESSAGE(rate, " requests a second");
}
