#include "wzrun/features.h"

#include <cstddef>
#include <iterator>

namespace wzrun {

namespace {

constexpr std::string_view kNames[] = {
#define WZRUN_FEATURE(name, text, release) text,
#include "wzrun/features.def"
#undef WZRUN_FEATURE
};

}  // namespace

std::string_view to_string(Feature feature) { return kNames[static_cast<std::size_t>(feature)]; }

std::optional<Feature> feature_by_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name)
      return static_cast<Feature>(i);
  return std::nullopt;
}

std::string CoreFeatures::to_string() const {
  std::string out;
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (!contains(static_cast<Feature>(i)))
      continue;
    if (!out.empty())
      out += ',';
    out += kNames[i];
  }
  return out;
}

}  // namespace wzrun
