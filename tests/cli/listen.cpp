// --listen gives sockets that accept connections.

#include "cli/connection_support.h"
#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace wzrun::cli {
namespace {

const std::string kServer = WZRUN_TESTDATA_WASM_DIR "/wasi/http_server.wasm";

/// Sends to 127.0.0.1 and returns what comes until the end.
std::string ask(std::uint16_t port, const std::string& request) {
  const auto connection = connect_to(port);
  send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char part[4096];
  for (ssize_t size = 0; (size = recv(connection.get(), part, sizeof part, 0)) > 0;)
    answer.append(part, static_cast<std::size_t>(size));
  return answer;
}

}  // namespace

TEST_CASE("listen: port 0 takes a free port and prints it, several times and by name") {
  Process server(wzrun_command({kServer, "--listen", "127.0.0.1:0", "--listen=localhost:0", "--listen", ":0"}));
  REQUIRE(server.printed("3 listening\n"));
  const auto found = ports(server.errors());
  REQUIRE(found.size() == 3);
  CHECK(server.errors().starts_with(kListening + "127.0.0.1:" + std::to_string(found[0]) + "\n"));
  CHECK(ask(found[0], "GET /sum/4 HTTP/1.1\r\nConnection: close\r\n\r\n").ends_with("\r\n\r\n10\n"));
  CHECK(ask(found[2], "GET /quit HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nbye\n"));
  CHECK(server.wait().status == 0);
}

TEST_CASE("listen: a port that is taken is refused with its address") {
  Process server(wzrun_command({kServer, "--listen", "127.0.0.1:0"}));
  REQUIRE(server.printed("1 listening\n"));
  const auto address = "127.0.0.1:" + std::to_string(ports(server.errors()).at(0));
  const auto second = wzrun({kServer, "--listen", address});
  CHECK(second.status == 125);
  CHECK(second.err == "wzrun: --listen: cannot listen on " + address + ": Address already in use\n");
}

TEST_CASE("listen: what is not HOST:PORT is refused") {
  for (const std::string text : {"", "80", "localhost", "localhost:", "localhost:http", "127.0.0.1:65536", "::1:80",
                                 "[::1]", "[::1:80", "::1]:80", "1.2.3.4:-1", "a:1:2"}) {
    const auto run = wzrun({kServer, "--listen", text});
    CHECK(run.status == 125);
    CHECK(run.err == "wzrun: --listen: '" + text + "' is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:0\n");
  }
}

TEST_CASE("listen: an IPv6 address stands in brackets") {
  const auto run = wzrun({kServer, "--listen", "[::1]:0", "--timeout", "300ms"});
  if (run.status == 125) {
    CHECK(run.err.starts_with("wzrun: --listen: cannot listen on [::1]:0: "));
    MESSAGE("skipped: no IPv6 here");
    return;
  }
  CHECK(run.err.starts_with(kListening + "[::1]:"));
}

TEST_CASE("listen: --timeout ends a program that waits for connections") {
  Outcome run;
  const auto seconds =
      duration_of([&] { run = wzrun({"--timeout", "300ms", kServer, "--listen", "127.0.0.1:0"}); }).count();
  CHECK(run.status == 124);
  CHECK(run.out == "1 listening\n");
  CHECK(seconds < 3);
}

TEST_CASE("listen: where no descriptor is left there is EMFILE, and the connection waits to be accepted") {
  for (const std::string limit : {"--max-descriptors=30", "ulimit -n 64"}) {
    CAPTURE(limit);
    const bool of_host = limit.starts_with("ulimit");
    const auto script =
        (of_host ? limit + "; exec \"$0\"" : "exec \"$0\" " + limit) + " --dir /::/ --listen 127.0.0.1:0 \"$1\"";
    Process server(
        {"/bin/sh", "-c", script, WZRUN_EXECUTABLE, std::string(WZRUN_TESTDATA_WASM_DIR) + "/wasi/exhausted.wasm"});
    REQUIRE(server.reported("\n"));
    const auto connection = connect_to(ports(server.errors()).at(0));
    CHECK(send(connection.get(), "hello", 5, MSG_NOSIGNAL) == 5);
    const auto run = server.wait();
    CHECK(run.out == "ok\n");
    CHECK(run.status == 0);
  }
}

TEST_CASE("listen: without it a program has no network") { CHECK(wzrun({kServer}).out == "0 listening\n"); }

}  // namespace wzrun::cli
