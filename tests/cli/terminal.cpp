// A terminal as standard input is left as it was found.

#include "cli/process_support.h"
#include "cli/terminal_support.h"

#include <doctest/doctest.h>

#include <csignal>
#include <string>

namespace wzrun::cli {
TEST_CASE("terminal: a program makes it non-blocking for itself alone, and waits for it beside a clock") {
  const Terminal terminal;
  Process process(wzrun_command({program("terminal")}), {.in = Stream::given, .in_fd = terminal.fd()});
  REQUIRE(process.printed("waiting\n"));
  terminal.check_unchanged();
  terminal.type("hello\n");
  const auto run = process.wait();
  CHECK(run.status == 0);
  CHECK(run.out == "waiting\nread hello\n");
  terminal.check_unchanged();
}

TEST_CASE("terminal: it is as it was after a signal has ended the program") {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
    const Terminal terminal;
    Process process(wzrun_command({program("terminal"), "stay"}), {.in = Stream::given, .in_fd = terminal.fd()});
    REQUIRE(process.printed("waiting\n"));
    terminal.type("hello\n");
    REQUIRE(process.printed("read hello\n"));
    process.signal(number);
    CHECK(process.wait().status == -number);
    terminal.check_unchanged();
  }
}

TEST_CASE("terminal: it is as it was after a timeout") {
  const Terminal terminal;
  const auto run = wzrun({"--timeout=300ms", program("terminal")}, {.in = Stream::given, .in_fd = terminal.fd()});
  CHECK(run.status == 124);
  CHECK(run.out == "waiting\n");
  terminal.check_unchanged();
}

}  // namespace wzrun::cli
