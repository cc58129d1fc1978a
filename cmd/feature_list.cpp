#include "feature_list.h"

#include "report.h"
#include "suggest.h"

#include "wzrun/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::cmd {
namespace {

constexpr struct {
  std::string_view name;
  CoreFeatures features;
} kSets[] = {{"v1", CoreFeatures::V1}, {"v2", CoreFeatures::V2}, {"v3", CoreFeatures::V3}, {"all", CoreFeatures::all}};

UsageError unknown(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& set : kSets)
    known.emplace_back(set.name);
#define WZRUN_FEATURE(name, text, release) known.emplace_back(text);
#include "wzrun/features.def"
#undef WZRUN_FEATURE
  if (const auto near = nearest(name, known))
    return {fmt::format("--features: unknown feature '{}': did you mean '{}'?", printable(name), *near)};
  return {fmt::format("--features: unknown feature '{}': one of {}", printable(name), fmt::join(known, ", "))};
}

Parsed<CoreFeatures> change(CoreFeatures features, std::string_view name) {
  const auto* set = std::ranges::find(kSets, name, [](const auto& row) { return row.name; });
  if (set != std::end(kSets))
    return set->features;
  const bool enabled = !name.starts_with('-');
  if (name.starts_with('-') || name.starts_with('+'))
    name.remove_prefix(1);
  const auto feature = feature_by_name(name);
  if (!feature)
    return std::unexpected(unknown(name));
  return features.with(*feature, enabled);
}

}  // namespace

void add_features_option(OptionList& list, std::vector<std::string>& lists) {
  list.list("--features", lists, "LIST",
            "WebAssembly features: a release (v1, v2, v3) or all, +NAME, -NAME; default v3");
}

Parsed<CoreFeatures> parse_features(std::span<const std::string> lists, CoreFeatures features) {
  for (const std::string_view list : lists) {
    for (std::size_t begin = 0; begin <= list.size();) {
      const auto end = std::min(list.find(',', begin), list.size());
      features = WZRUN_TRY(change(features, list.substr(begin, end - begin)));
      begin = end + 1;
    }
  }
  return features;
}

}  // namespace wzrun::cmd
