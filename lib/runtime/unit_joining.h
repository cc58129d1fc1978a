#pragma once

#include "runtime/unit_file.h"
#include "wzrun/features.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

/// Putting together what the baseline compiler has compiled in many units: in one, functions call each other directly,
/// and the next run has one image to look at in place of hundreds.
namespace wzrun::runtime {

/// Whether a file has so much code in many units that it is worth the while.
bool is_worth_joining(const UnitFile& file);

/// One image with all functions that the file has code of, but none that is better than the baseline compiler's, and
/// with the entries at their loops. Nothing if this compiler is not there or refuses. `module`: a valid module, the one
/// that the file is for; `target`: text that the image carries.
std::optional<std::vector<std::uint8_t>> join_units(const UnitFile& file, std::span<const std::uint8_t> module,
                                                    CoreFeatures features, std::string_view target);

}  // namespace wzrun::runtime
