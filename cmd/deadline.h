#pragma once

#include "command.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace wzrun {
class Runtime;
}

namespace wzrun::cmd {

/// Ends the process with status 124 once its time is up, whatever it is doing. A running program is interrupted and
/// may leave in order; loading, compiling and host calls that do not return are cut off.
class Deadline {
 public:
  /// `message` is printed at the end, after the subject. The thread lives as long as the process.
  Deadline(StartTime end, std::string message);

  /// From now on a program runs in `runtime`, which must outlive the process.
  void watch(Runtime& runtime);
  /// Call it when all is done: true if the time was not up yet, and then it never will be. Otherwise the program was
  /// interrupted, and the caller has to report that with `message` and end the process soon.
  bool disarm();
  const std::string& message() const { return message_; }

 private:
  void wait();

  const StartTime end_;
  const std::string message_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Runtime* runtime_ = nullptr;
  bool expired_ = false;
  bool done_ = false;
};

}  // namespace wzrun::cmd
