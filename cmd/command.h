#pragma once

#include <chrono>
#include <span>
#include <string_view>

namespace wzrun::cmd {

/// Exit statuses that are wzrun's and not the program's.
inline constexpr int kTimedOut = 124;
inline constexpr int kFailed = 125;
inline constexpr int kTrapped = 134;

/// Words of the command line that are still to be read.
using Words = std::span<const std::string_view>;

/// When the process began, for `--timeout`.
using StartTime = std::chrono::steady_clock::time_point;

/// A subcommand: takes the words after its name, returns the exit status.
struct Command {
  std::string_view name;
  std::string_view summary;
  int (*main)(Words words, StartTime start);
};

int run_main(Words words, StartTime start);
int compile_main(Words words, StartTime start);
int cache_main(Words words, StartTime start);
int validate_main(Words words, StartTime start);
int inspect_main(Words words, StartTime start);
int version_main(Words words, StartTime start);

inline constexpr Command kCommands[] = {
    {"run", "run a program (the default)", run_main},
    {"compile", "compile modules, so that they start at once and run fast", compile_main},
    {"cache", "show, check and clean what is kept of compiled modules", cache_main},
    {"validate", "check modules, print what is wrong with them", validate_main},
    {"inspect", "print imports, exports, features and sizes", inspect_main},
    {"version", "print version, engines, target, features, cache directory", version_main},
};

}  // namespace wzrun::cmd
