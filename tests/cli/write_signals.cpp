// What becomes of SIGPIPE and SIGXFSZ, by which the kernel tells a process that it cannot write, and of signals to a
// program that waits.

#include "cli/process_support.h"
#include "temp_dir.h"
#include "wasi/owned_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

using test::TempDir;

std::string wasi_program(const std::string& name) { return WZRUN_TESTDATA_WASM_DIR "/wasi/" + name + ".wasm"; }

/// A shell runs `script`, in which $0 is wzrun, $1 the module and $2 the folder.
Outcome shell(const std::string& script, const std::string& module, const std::string& folder = {}) {
  return Process({"/bin/sh", "-c", script, WZRUN_EXECUTABLE, module, folder}).wait();
}

/// The same with each engine.
template <typename F>
void on_each_engine(F check) {
  for (const std::string engine : {"interp", "llvm"}) {
    CAPTURE(engine);
    check("--cache=off --engine=" + engine + " ");
  }
}

}  // namespace

TEST_CASE("write signals: a program in front of head ends as quietly as a native one") {
  const auto run = shell("\"$0\" \"$1\" stdout | head -c 100000 | wc -c", wasi_program("refused_writes"));
  CHECK(run.out == "100000\n");
  CHECK(run.err == "");
  const auto native = shell("yes | head -c 100000 | wc -c", "");
  CHECK(run.status == native.status);
}

TEST_CASE("write signals: who ignores SIGPIPE lets the program see EPIPE on its standard output") {
  on_each_engine([](const std::string& options) {
    const auto run = shell("trap '' PIPE; \"$0\" " + options + "\"$1\" stdout | true", wasi_program("refused_writes"));
    CHECK(run.err == "ok\n");
  });
}

TEST_CASE("write signals: a FIFO that nobody reads any more is EPIPE, and the program goes on") {
  on_each_engine([](const std::string& options) {
    const TempDir temp;
    REQUIRE(mkfifo((temp / "fifo").c_str(), 0600) == 0);
    const auto run = shell("\"$0\" " + options + "--dir \"$2\"::/ \"$1\" fifo", wasi_program("refused_writes"),
                           temp.path().string());
    CHECK(run.err == "ok\n");
    CHECK(run.out == "");
    CHECK(run.status == 0);
  });
}

TEST_CASE("write signals: a file beyond the process's limit is EFBIG") {
  on_each_engine([](const std::string& options) {
    const TempDir temp;
    const auto run = shell("ulimit -f 128; \"$0\" " + options + "--dir \"$2\"::/ \"$1\" large",  // of 512 bytes
                           wasi_program("refused_writes"), temp.path().string());
    CHECK(run.out == "");
    CHECK(run.err == "ok\n");
    CHECK(run.status == 0);
  });
}

TEST_CASE("write signals: where no file can be written wzrun runs without its cache") {
  const TempDir temp;
  const auto run = shell("(ulimit -f 0; WZRUN_CACHE_DIR=\"$2\" \"$0\" --engine llvm \"$1\" 2>&1) | cat",
                         program("args"), (temp / "cache").string());
  CHECK(run.out == "args.wasm\n");
  CHECK(run.status == 0);
}

TEST_CASE("write signals: opening a FIFO that nobody opens ends with a timeout, or by a signal as natively") {
  const TempDir temp;
  REQUIRE(mkfifo((temp / "fifo").c_str(), 0600) == 0);
  const auto module = wasi_program("blocks");
  for (const std::string engine : {"interp", "llvm"}) {
    CAPTURE(engine);
    const std::vector<std::string> options = {"--engine=" + engine, "--cache=off", "--dir",
                                              temp.path().string() + "::/"};
    auto words = options;
    words.insert(words.end(), {"--timeout=2s", module, "open"});
    Outcome run;
    CHECK(duration_of([&] { run = wzrun(words); }).count() < 10);
    CHECK(run.status == 124);
    CHECK(run.out == "");
    for (const int number : {SIGINT, SIGTERM}) {
      words = options;
      words.insert(words.end(), {"--trace=proc", module, "open"});
      Process waiting(wzrun_command(words));
      REQUIRE(waiting.reported("args_get("));
      waiting.signal(number);
      CHECK(waiting.wait().status == -number);
    }
  }
}

TEST_CASE("write signals: a FIFO opens as soon as somebody opens its other end") {
  const TempDir temp;
  REQUIRE(mkfifo((temp / "fifo").c_str(), 0600) == 0);
  Process waiting(wzrun_command({"--dir", temp.path().string() + "::/", wasi_program("blocks"), "open"}));
  const wasi::OwnedFd other{open((temp / "fifo").c_str(), O_WRONLY | O_CLOEXEC)};
  CHECK(other);
  const auto run = waiting.wait();
  CHECK(run.out == "came back\n");
  CHECK(run.status == 1);
}

}  // namespace wzrun::cli
