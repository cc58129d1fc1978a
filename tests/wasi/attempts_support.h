#pragma once

#include "wzrun/config.h"

#include <span>
#include <string>
#include <utility>

namespace wzrun::test {

/// Calls that a program makes one after the other, separated by `; `, in the words of testdata/wasi/attempt.c, and the
/// errno of each.
struct Attempt {
  const char* calls;
  const char* writable;             ///< on a mount that may be written
  const char* read_only = nullptr;  ///< on one that may not; the same if null
};

/// What the test of hostile paths tries.
std::span<const Attempt> hostile_paths();
/// With proc mounted.
std::span<const std::pair<const char*, const char*>> magic_links();

struct Made {
  std::string answers;  ///< names of errnos, separated by spaces; "OK" for success
  std::string output;   ///< what was read and listed
};

/// Makes the calls in a program of their own.
Made make_attempt(const char* calls, const ModuleConfig& config);

}  // namespace wzrun::test
