#pragma once

#include "options.h"

#include "wzrun/features.h"

#include <span>
#include <string>
#include <vector>

namespace wzrun::cmd {

/// The option `--features`, each use of which adds to `lists`.
void add_features_option(OptionList& list, std::vector<std::string>& lists);

/// Reads such as `v2`, `v3,-simd`, `+threads`: a release (v1, v2, v3) or `all` replaces the set, a name, with or
/// without `+`, adds a feature, and `-` takes it away; from left to right, starting with `features`.
Parsed<CoreFeatures> parse_features(std::span<const std::string> lists, CoreFeatures features);

}  // namespace wzrun::cmd
