#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

namespace wzrun::wasi {

/// The signal with which the host answers this process, beside an errno, when a file cannot take what is written:
/// SIGPIPE of a pipe that nobody reads, SIGXFSZ of a file beyond the process's limit; 0 if there is none.
int write_signal_of(const struct stat& status);

/// Makes a system call that writes `bytes` and may raise `signal`; then that signal does not arrive. What the process
/// does with it, and one that was sent by others, stay as they are. With 0 it is the system call alone.
template <typename F>
auto without_signal(int signal, std::size_t bytes, F&& system_call) -> decltype(system_call()) {
  if (signal == 0) [[likely]]
    return system_call();
  sigset_t only;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&only);
  sigaddset(&only, signal);
  sigemptyset(&pending);
  pthread_sigmask(SIG_BLOCK, &only, &before);
  const bool was_blocked = sigismember(&before, signal) == 1;
  if (was_blocked)
    sigpending(&pending);
  const auto result = system_call();
  // A pipe may have taken a part before its reader went.
  if ((result < 0 || static_cast<std::size_t>(result) < bytes) && sigismember(&pending, signal) == 0) {
    const int error = errno;
    const timespec at_once{};
    while (sigtimedwait(&only, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    errno = error;
  }
  if (!was_blocked)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return result;
}

}  // namespace wzrun::wasi
