#pragma once

#include "wzrun/features.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wzrun::spec {

struct Counts {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t text = 0;     ///< need a parser of the text format
  std::uint64_t threads = 0;  ///< commands of `thread`, and the two around them: not run
  std::uint64_t total() const { return passed + failed + text + threads; }
  Counts& operator+=(const Counts& other);
};

struct ScriptReport {
  Counts counts;
  std::vector<std::string> failures;  ///< one line each, with file, line and command
};

/// Runs a script of the shared folder's spectest in a runtime of its own.
ScriptReport run_script(const std::filesystem::path& json, CoreFeatures features);

}  // namespace wzrun::spec
