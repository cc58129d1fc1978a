#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <string>

namespace wzrun::cli {

/// A terminal and the other side of it.
class Terminal {
 public:
  Terminal() {
    REQUIRE(openpty(&other_, &fd_, nullptr, nullptr, nullptr) == 0);
    fcntl(other_, F_SETFD, FD_CLOEXEC);
    fcntl(fd_, F_SETFD, FD_CLOEXEC);
    tcgetattr(fd_, &settings_);
    flags_ = fcntl(fd_, F_GETFL);
  }
  ~Terminal() {
    close(other_);
    close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int fd() const { return fd_; }
  void type(const std::string& text) const {
    REQUIRE(write(other_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// What was written to it so far.
  std::string shown() const {
    std::string text;
    char part[4096];
    for (pollfd ready = {other_, POLLIN, 0}; poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0;) {
      const auto size = read(other_, part, sizeof part);
      if (size <= 0)
        break;
      text.append(part, static_cast<std::size_t>(size));
    }
    return text;
  }
  void check_unchanged() const {
    termios now{};
    tcgetattr(fd_, &now);
    CHECK(now.c_iflag == settings_.c_iflag);
    CHECK(now.c_oflag == settings_.c_oflag);
    CHECK(now.c_cflag == settings_.c_cflag);
    CHECK(now.c_lflag == settings_.c_lflag);
    CHECK(fcntl(fd_, F_GETFL) == flags_);
  }

 private:
  int other_ = -1;
  int fd_ = -1;
  int flags_ = 0;
  termios settings_{};
};

}  // namespace wzrun::cli
