#pragma once

#include "command.h"

#include "wzrun/runtime.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::cmd {

/// How a program came to run: times, engine, cache, memory.
class Stats {
 public:
  explicit Stats(StartTime start) : start_(start), last_(start) {}

  /// Ends a phase of wzrun's own: the time since the last one ended is its.
  void phase(std::string_view name);
  /// What compiling took; `why_no_cache` says why there was no cache to ask.
  void compiled(const CompilationReport& report, std::string why_no_cache);
  /// What the engine did while the program ran.
  void tiered(const std::optional<TieringReport>& report) { tiering_ = report; }
  /// The program's first instruction comes next.
  void starting();

  /// To be called when the program has ended.
  std::string human(std::string_view module) const;
  std::string json(std::string_view module, int status) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string cache() const;

  StartTime start_;
  StartTime last_;
  StartTime first_instruction_{};
  std::vector<CompilationReport::Phase> phases_;
  CompilationReport report_;
  std::optional<TieringReport> tiering_;
  std::string why_no_cache_;
};

/// `hit`, or why there was none.
std::string describe_cache(const CompilationReport& report, std::string_view why_no_cache);

}  // namespace wzrun::cmd
