#pragma once

#include "guest_memory.h"
#include "trace.h"
#include "wzrun/host_module.h"
#include "wzrun/wasi.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wzrun::wasi {

/// Where two runs of a program meet: each call of the first waits for the second to make the same one, is carried out
/// once, and answers both.
class Meeting {
 public:
  /// One run's call.
  struct Arrival {
    const TracedFunction* function = nullptr;
    std::vector<std::uint64_t> arguments;
    std::span<std::uint8_t> memory;
  };

  /// The first run is about to make a call. Returns once the second is, and all that the call reads is the same; the
  /// halt with which the first run must end otherwise.
  std::optional<Halt> lead(const Caller& caller, const TracedFunction& function, const GuestMemory& memory,
                           std::span<const std::uint64_t> arguments);
  /// The call was carried out and has written there.
  void share(std::span<const std::span<std::uint8_t>> written, Result<std::uint32_t> answer);
  /// The second run makes a call. Returns its answer, or the halt with which it must end.
  Result<std::uint32_t> follow(const Caller& caller, const TracedFunction& function, const GuestMemory& memory,
                               std::span<const std::uint64_t> arguments);

  void ended(Twins::Run run, std::string how, std::optional<Memory> memory);
  std::optional<std::string> difference() const;
  std::uint64_t calls() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct End {
    std::string how;
    std::span<std::uint8_t> memory;
  };

  /// Waits until something is so; false if the caller's run must end first.
  template <typename Condition>
  bool wait(std::unique_lock<std::mutex>& lock, const Caller& caller, Condition condition);
  std::optional<std::string> compare_calls(const Arrival& first, const Arrival& second);
  std::optional<std::string> compare_memories(std::span<const std::uint8_t> first,
                                              std::span<const std::uint8_t> second);
  bool is_time_to_compare() const;
  Halt differ(std::string what);

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::uint64_t calls_ = 0;  ///< that were carried out
  std::optional<Arrival> first_;
  std::optional<Arrival> second_;
  std::optional<Result<std::uint32_t>> answer_;
  std::optional<End> ends_[2];
  std::optional<std::string> difference_;
  Clock::time_point compared_;   ///< memories, last
  Clock::duration comparing_{};  ///< what that took
};

}  // namespace wzrun::wasi
