#pragma once

#include "wasm/module.h"

#include <cstdint>
#include <vector>

namespace wzrun::wasm {

/// The module's bytes with a code section that says how many bodies there are and has none: what
/// DecodeOptions::bodies_are_absent reads; and with merged data segments (merged_data.h). Offsets behind the code
/// section differ from the module's.
std::vector<std::uint8_t> without_bodies(const Module& module);

}  // namespace wzrun::wasm
