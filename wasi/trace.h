#pragma once

#include "call.h"
#include "parameters.h"
#include "wzrun/wasi.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::wasi {

/// What is known of a function before it is called. The texts are in it: addresses would be relocated at each start.
class TracedFunction {
 public:
  consteval TracedFunction(std::string_view name, std::string_view parameters, bool preview0)
      : preview0(preview0), name_length_(narrow(name.size())), length_(narrow(name.size() + parameters.size())) {
    std::ranges::copy(name, texts_.begin());
    std::ranges::copy(parameters, texts_.begin() + name_length_);
  }
  constexpr std::string_view name() const { return {texts_.data(), name_length_}; }
  constexpr std::string_view parameters() const {
    return std::string_view(texts_.data(), length_).substr(name_length_);
  }

  bool preview0;  ///< the layouts and numbers of wasi_unstable

 private:
  static consteval std::uint8_t narrow(std::size_t length) { return static_cast<std::uint8_t>(length); }

  std::uint8_t name_length_;
  std::uint8_t length_;
  std::array<char, 77> texts_{};  ///< longer ones do not compile
};

/// Writes the line of one call: arguments as they were before it, results as they are after it.
class CallTrace {
 public:
  CallTrace(const TracedFunction& function, const GuestMemory& memory, std::span<const std::uint64_t> arguments);

  /// Function and arguments alone, as far as they are known before the call.
  std::string call() const;
  /// The line, without a newline. Goes with the call's answer: an errno, or nothing if the program ends.
  std::string finish(const Status& answer);
  std::string finish_without_return();

 private:
  std::string line(std::string_view answer) const;

  const TracedFunction& function_;
  const GuestMemory& memory_;
  std::span<const std::uint64_t> arguments_;
  std::vector<std::string> texts_;  // of the parameters; empty for results
  std::chrono::steady_clock::time_point began_;
};

}  // namespace wzrun::wasi
