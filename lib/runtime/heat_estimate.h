#pragma once

#include "wasm/module.h"
#include "wzrun/error.h"

#include <cstdint>
#include <vector>

namespace wzrun::runtime {

/// Where a module will spend its time, guessed from its code alone.
struct HeatEstimate {
  std::vector<double> heat;     ///< of each function that the module defines; to be compared among themselves only
  bool has_tail_calls = false;  ///< some functions make some
};

/// How often a function runs, if each one begins once by itself, each call in the code is made as often as chance would
/// have it, and those in loops more often; and then functions with loops are hotter. Errors: malformed and invalid, if
/// nobody has validated the module.
Expected<HeatEstimate> estimate_heat(const wasm::Module& module);

/// The functions of at most so many bytes of bodies in all that LLVM should compile first, as they are hot and it does
/// not take too long: indices, ascending.
std::vector<std::uint32_t> worth_optimising(const wasm::Module& module, const HeatEstimate& estimate,
                                            std::uint64_t bytes);

}  // namespace wzrun::runtime
