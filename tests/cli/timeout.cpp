// --timeout ends whatever a program does.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace wzrun::cli {
namespace {

void check_times_out(const std::string& module, const Setting& setting = {}) {
  Outcome run;
  const auto seconds = duration_of([&] { run = wzrun({"--timeout", "300ms", module}, setting); }).count();
  CHECK(run.status == 124);
  CHECK(run.err == "wzrun: " + module + ": timed out after 300ms\n");
  CHECK(seconds >= 0.3);
  CHECK(seconds < 3);
}

/// A pipe that stays open and silent.
class SilentPipe {
 public:
  SilentPipe() { REQUIRE(pipe2(ends_, O_CLOEXEC) == 0); }
  ~SilentPipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  SilentPipe(const SilentPipe&) = delete;
  SilentPipe& operator=(const SilentPipe&) = delete;
  int read_end() const { return ends_[0]; }

 private:
  int ends_[2] = {};
};

}  // namespace

TEST_CASE("timeout: an empty loop") { check_times_out(program("loop")); }
TEST_CASE("timeout: a loop in the start function") { check_times_out(program("start_loop")); }
TEST_CASE("timeout: recursion") { check_times_out(program("recursion")); }
TEST_CASE("timeout: bulk operations") { check_times_out(program("fill")); }
TEST_CASE("timeout: a sleep in poll_oneoff") { check_times_out(program("sleep")); }

TEST_CASE("timeout: a read that blocks") {
  const SilentPipe pipe;
  check_times_out(program("cat"), {.in = Stream::given, .in_fd = pipe.read_end()});
}

TEST_CASE("timeout: a module that does not arrive") {
  const SilentPipe pipe;
  check_times_out("-", {.in = Stream::given, .in_fd = pipe.read_end()});
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  check_times_out(folder / "fifo");
}

TEST_CASE("timeout: what was printed before is printed") {
  CHECK(wzrun({program("sleep"), "--timeout=300ms"}).out == "before\n");
}

TEST_CASE("timeout: a program that ends in time keeps its status") {
  CHECK(wzrun({"--timeout=1h", program("exit"), "7"}).status == 7);
  CHECK(wzrun({"--timeout=1h", program("unreachable")}).status == 134);
  CHECK(wzrun({"--timeout=1m30s", program("args")}).status == 0);
}

TEST_CASE("timeout: --invoke too") {
  CHECK(wzrun({"--timeout=200ms", "--invoke", "_start", program("loop")}).status == 124);
}

TEST_CASE("timeout: what is not a time is refused") {
  for (const auto* text : {"30", "s", "-1s", "1y", "1s2", "1e3s", "", " 1s", "nan", "101000000h"}) {
    const auto run = wzrun({"--timeout", text, program("args")});
    CHECK(run.status == 125);
    CHECK(run.err == "wzrun: --timeout: '" + std::string(text) + "' is not a time such as 500ms, 30s, 5m or 1h\n");
  }
}

}  // namespace wzrun::cli
