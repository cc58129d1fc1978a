// The program's exit status, traps and signals.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace wzrun::cli {

TEST_CASE("exit status: the program's own from 0 to 255 is unchanged") {
  for (int status = 0; status < 256; status++) {
    const auto run = wzrun({program("exit"), std::to_string(status)});
    REQUIRE(run.status == status);
    REQUIRE(run.out == "before\n");
    REQUIRE(run.err.empty());
  }
}

TEST_CASE("exit status: the low eight bits count, as for a native program") {
  CHECK(wzrun({program("exit"), "256"}).status == 0);
  CHECK(wzrun({program("exit"), "511"}).status == 255);
  CHECK(wzrun({program("exit"), "-1"}).status == 255);
  CHECK(wzrun({program("exit"), "65538"}).status == 2);
}

TEST_CASE("exit status: 134 after a trap, with message and backtrace, after what was printed before") {
  const auto run = wzrun({program("unreachable")});
  CHECK(run.status == 134);
  CHECK(run.out == "before\n");
  CHECK(run.err.starts_with("wzrun: " + program("unreachable") + ": trap: unreachable\n"));
  CHECK(run.err.find("fails") != std::string::npos);
  CHECK(run.err.find("_start") != std::string::npos);
}

TEST_CASE("exit status: 134 after a trap in the start function") {
  const auto run = wzrun({program("trap_in_start")});
  CHECK(run.status == 134);
  CHECK(run.err.find("trap: out of bounds memory access") != std::string::npos);
}

TEST_CASE("exit status: 134 after endless recursion, with the first and the last frames only") {
  const auto run = wzrun({program("overflow")});
  CHECK(run.status == 134);
  CHECK(run.err.find("trap: call stack exhausted") != std::string::npos);
  CHECK(run.err.find("deeper") != std::string::npos);
  CHECK(run.err.find("_start") != std::string::npos);
  CHECK(run.err.size() < 10'000);
}

TEST_CASE("exit status: writing to a pipe that nobody reads ends the process by SIGPIPE") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const auto run = wzrun({program("cat")}, {.input = "x", .out = Stream::given, .out_fd = ends[1]});
  close(ends[1]);
  CHECK(run.status == -SIGPIPE);
  CHECK(run.err.empty());
}

TEST_CASE("exit status: SIGINT and SIGTERM end the process as they end a native one") {
  for (const int number : {SIGINT, SIGTERM}) {
    Process sleeping(wzrun_command({program("sleep")}));
    REQUIRE(sleeping.printed("before"));
    sleeping.signal(number);
    CHECK(sleeping.wait().status == -number);

    Process looping(wzrun_command({program("loop")}));
    usleep(100'000);
    looping.signal(number);
    CHECK(looping.wait().status == -number);
  }
}

}  // namespace wzrun::cli
