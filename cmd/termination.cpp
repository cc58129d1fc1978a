#include "termination.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

namespace wzrun::cmd {

void Termination::begin() {
  sigset_t signals;
  sigemptyset(&signals);
  bool any = false;
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    struct sigaction action{};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL)
      continue;
    sigaddset(&signals, signal);
    any = true;
  }
  if (!any)
    return;
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // of this thread and those that it will make
  try {
    std::thread([this, signals] { wait(signals); }).detach();
  } catch (const std::system_error&) {  // there can be no more threads
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
}

void Termination::before_end(std::function<void()> action) {
  const std::scoped_lock lock(mutex_);
  action_ = std::move(action);
}

void Termination::wait(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  {
    const std::scoped_lock lock(mutex_);
    if (action_)
      action_();
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  kill(getpid(), signal);
}

}  // namespace wzrun::cmd
