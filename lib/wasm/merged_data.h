#pragma once

#include "wasm/module.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace wzrun::wasm {

/// A data section, id and size included, that does what the module's does in fewer segments: those that lie close
/// together become one, with zeros between them. Nothing where the module's own is as good, or where the program or its
/// start could tell the difference.
std::optional<std::vector<std::uint8_t>> merged_data_section(const Module& module);

}  // namespace wzrun::wasm
