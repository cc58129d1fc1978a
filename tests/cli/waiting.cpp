// One call of poll_oneoff waits for everything at once, in a process that sleeps meanwhile.

#include "cli/connection_support.h"
#include "cli/process_support.h"
#include "cli/terminal_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>

namespace wzrun::cli {
namespace {

/// Processor time of the children that were waited for.
double spent_seconds() {
  rusage usage{};
  REQUIRE(getrusage(RUSAGE_CHILDREN, &usage) == 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void check_mixture(const std::string& engine) {
  CAPTURE(engine);
  const test::TempDir temp;
  temp.write("file", "four");
  for (const auto* fifo : {"full", "empty"})
    REQUIRE(mkfifo((temp / fifo).c_str(), 0600) == 0);
  const Terminal terminal;
  const auto spent_before = spent_seconds();
  Outcome run;
  const auto wall = duration_of([&] {
    Process process(
        wzrun_command({"--engine", engine, "--cache=off", "--dir", temp.path().string() + "::/", "--listen=127.0.0.1:0",
                       std::string(WZRUN_TESTDATA_WASM_DIR) + "/wasi/mixture.wasm"}),
        {.in = Stream::given, .in_fd = terminal.fd()});
    REQUIRE(process.reported("\n"));
    const auto port = ports(process.errors()).at(0);
    const auto connected = connect_to(port);
    REQUIRE(process.printed("now: fifo\n"));
    const wasi::OwnedFd fifo{open((temp / "empty").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    CHECK(write(fifo.get(), "x", 1) == 1);
    REQUIRE(process.printed("now: terminal\n"));
    terminal.type("a line\n");
    REQUIRE(process.printed("now: connection\n"));
    const auto second = connect_to(port);
    REQUIRE(process.printed("now: bytes\n"));
    CHECK(send(connected.get(), "y", 1, MSG_NOSIGNAL) == 1);
    run = process.wait();
  });
  CHECK(run.out == "now: fifo\nnow: terminal\nnow: connection\nnow: bytes\nok\n");
  CHECK(run.status == 0);
  terminal.check_unchanged();
  const auto spent = spent_seconds() - spent_before;
  MESSAGE(engine, ": ", wall.count(), " s, of them ", spent, " s of processor time");
  if (engine == "interp")
    CHECK(spent < wall.count() / 2);  // a process that spins through 0.3 s of waiting spends more
}

}  // namespace

TEST_CASE("waiting: for clocks, a file, pipes, a terminal and sockets in one call") {
  check_mixture("interp");
  check_mixture("llvm");
}

}  // namespace wzrun::cli
