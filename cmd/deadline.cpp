#include "deadline.h"

#include "report.h"

#include "wzrun/runtime.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace wzrun::cmd {

namespace {
/// What a program that was interrupted may take to leave.
constexpr std::chrono::milliseconds kPatience(500);
}  // namespace

Deadline::Deadline(StartTime end, std::string message) : end_(end), message_(std::move(message)) {
  std::thread([this] { wait(); }).detach();
}

void Deadline::watch(Runtime& runtime) {
  const std::lock_guard lock(mutex_);
  runtime_ = &runtime;
}

bool Deadline::disarm() {
  const std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_one();
  return !expired_;
}

void Deadline::wait() {
  // Signals are for the threads that run programs and for the one that Termination makes.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, end_, [this] { return done_; }))
    return;
  expired_ = true;
  if (runtime_ != nullptr) {
    lock.unlock();
    runtime_->interrupt(kPatience.count());
    lock.lock();
    if (changed_.wait_for(lock, kPatience, [this] { return done_; }))
      return;  // the main thread reports it
  }
  warn(message_);
  _exit(kTimedOut);
}

}  // namespace wzrun::cmd
