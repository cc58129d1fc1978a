#pragma once

#include "wasm/module.h"

#include <cstdint>
#include <vector>

namespace wzrun::wasm {

/// Indices of the functions that a defined function of a valid module calls directly, each once, in the order of their
/// first calls.
std::vector<std::uint32_t> direct_callees(const Module& module, std::uint32_t function_index);

}  // namespace wzrun::wasm
