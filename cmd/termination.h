#pragma once

#include <csignal>
#include <functional>
#include <mutex>

namespace wzrun::cmd {

/// What still happens when a signal ends the process: SIGHUP, SIGINT or SIGTERM, unless it is ignored or handled. The
/// process ends by the signal all the same. Never destroyed.
class Termination {
 public:
  Termination() = default;
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

  /// From now on: until then there is nothing to do. Other threads that are there already must block these signals.
  void begin();
  /// Is called on a thread of its own.
  void before_end(std::function<void()> action);

 private:
  void wait(const sigset_t& signals);

  std::mutex mutex_;
  std::function<void()> action_;
};

}  // namespace wzrun::cmd
