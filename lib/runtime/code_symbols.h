#pragma once

#include "runtime/instance.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wzrun::runtime {

/// A piece of compiled code as profilers and debuggers show it.
struct CodeSymbol {
  std::span<const std::uint8_t> code;
  std::string name;  ///< printable, one line, not empty
};

/// All of an image of a module, ascending: functions under the names of the name section, `wasm-function[N]` where that
/// has none, and what enters them from outside as `wzrun-entry`. What was compiled while it ran says how well: `(opt
/// 0)`.
std::vector<CodeSymbol> code_symbols(const CompiledCode& code, const Image& image);

}  // namespace wzrun::runtime
