#include "wasi/write_signal.h"

#include "temp_dir.h"
#include "wasi/owned_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

using wzrun::wasi::OwnedFd;
using wzrun::wasi::without_signal;
using wzrun::wasi::write_signal_of;

namespace {

int arrived;

/// Counts SIGPIPE, as a host may, and puts back what was.
class CountingHost {
 public:
  CountingHost() {
    arrived = 0;
    struct sigaction counting{};
    counting.sa_handler = [](int) { ++arrived; };
    REQUIRE(::sigaction(SIGPIPE, &counting, &before_) == 0);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
  }
  ~CountingHost() {
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGPIPE, &before_, nullptr);
  }
  CountingHost(const CountingHost&) = delete;
  CountingHost& operator=(const CountingHost&) = delete;

  void block() const { change(SIG_BLOCK); }
  void unblock() const { change(SIG_UNBLOCK); }
  bool blocks() const {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, SIGPIPE) == 1;
  }

 private:
  void change(int how) const {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    ::pthread_sigmask(how, &only, nullptr);
  }
  struct sigaction before_{};
  sigset_t mask_{};
};

OwnedFd broken_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::close(ends[0]);
  return OwnedFd{ends[1]};
}

ssize_t write_to(const OwnedFd& pipe) {
  return without_signal(SIGPIPE, 1, [&] { return ::write(pipe.get(), "x", 1); });
}

}  // namespace

TEST_CASE("without_signal: a broken pipe is EPIPE, and the host gets no signal") {
  const CountingHost host;
  const auto pipe = broken_pipe();
  for (int again = 0; again < 3; ++again) {
    CHECK(write_to(pipe) == -1);
    CHECK(errno == EPIPE);
  }
  CHECK(arrived == 0);
  CHECK_FALSE(host.blocks());
  (void)!::write(pipe.get(), "x", 1);
  CHECK(arrived == 1);  // what it does with others is as it was
}

TEST_CASE("without_signal: a host that blocks the signal finds it neither pending nor unblocked") {
  const CountingHost host;
  host.block();
  CHECK(write_to(broken_pipe()) == -1);
  CHECK(host.blocks());
  host.unblock();
  CHECK(arrived == 0);
}

TEST_CASE("without_signal: a signal that was pending before stays so") {
  const CountingHost host;
  host.block();
  ::raise(SIGPIPE);
  CHECK(write_to(broken_pipe()) == -1);
  CHECK(arrived == 0);
  host.unblock();
  CHECK(arrived == 1);
}

TEST_CASE("without_signal: no signal is left of a write that its reader ended in the middle") {
  const CountingHost host;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const OwnedFd write_end{ends[1]};
  OwnedFd read_end{ends[0]};
  const std::string bytes(1 << 20, 'x');  // more than a pipe takes
  const auto ends_reading = ::fork();
  REQUIRE(ends_reading >= 0);
  if (ends_reading == 0) {
    char some[4096];
    (void)!::read(read_end.get(), some, sizeof some);
    _exit(0);
  }
  read_end = OwnedFd{};
  const auto written =
      without_signal(SIGPIPE, bytes.size(), [&] { return ::write(write_end.get(), bytes.data(), bytes.size()); });
  CHECK(::waitpid(ends_reading, nullptr, 0) == ends_reading);
  CHECK(written > 0);
  CHECK(static_cast<std::size_t>(written) < bytes.size());
  CHECK(arrived == 0);
}

TEST_CASE("write_signal_of: pipes, files where there is a limit, and nothing else") {
  const wzrun::test::TempDir temp;
  temp.write("file", "");
  const auto signal_of = [](const std::string& path) {
    struct stat status;
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return write_signal_of(status);
  };
  REQUIRE(::mkfifo((temp / "fifo").c_str(), 0600) == 0);
  CHECK(signal_of(temp / "fifo") == SIGPIPE);
  CHECK(signal_of("/dev/null") == 0);
  CHECK(signal_of(temp.path()) == 0);
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit limited = before;
  limited.rlim_cur = 1 << 30;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
  CHECK(signal_of(temp / "file") == SIGXFSZ);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  if (before.rlim_cur == RLIM_INFINITY)
    CHECK(signal_of(temp / "file") == 0);
}
