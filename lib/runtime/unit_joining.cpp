#include "runtime/unit_joining.h"

#include "baseline/baseline.h"
#include "runtime/hot_functions.h"
#include "wasm/decoder.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace wzrun::runtime {

namespace {

/// So many functions outside of the largest unit make it worth the while.
constexpr std::size_t kLeastLoose = 128;

/// What a file has of the baseline compiler, by numbers among the defined functions.
struct QuickCode {
  std::set<std::uint32_t> functions;
  std::set<std::pair<std::uint32_t, std::uint32_t>> loops;  ///< function and loop
  std::size_t loose = 0;                                    ///< functions outside of the unit that has most of them
  bool guarded = false;
};

QuickCode quick_code(const UnitFile& file) {
  std::map<std::uint32_t, std::uint32_t> levels;
  for (const auto& unit : file.units())
    for (const auto member : file.members(unit)) {
      auto& level = levels.try_emplace(member, 0).first->second;
      level = std::max(level, file.header(unit).opt_level);
    }
  QuickCode quick;
  std::size_t most = 0;
  for (const auto& unit : file.units()) {
    const auto header = file.header(unit);
    if (header.opt_level != HotFunctions::kQuickLevel)
      continue;
    quick.guarded = header.guarded != 0;
    const auto before = quick.functions.size();
    std::ranges::copy_if(file.members(unit), std::inserter(quick.functions, quick.functions.end()),
                         [&](auto member) { return levels[member] == HotFunctions::kQuickLevel; });
    most = std::max(most, quick.functions.size() - before);
    for (const auto& loop : file.loops(unit))
      if (quick.functions.contains(loop.function))
        quick.loops.emplace(loop.function, loop.loop);
  }
  quick.loose = quick.functions.size() - most;
  return quick;
}

}  // namespace

bool is_worth_joining(const UnitFile& file) {
  return baseline::is_available() && quick_code(file).loose >= kLeastLoose;
}

std::optional<std::vector<std::uint8_t>> join_units(const UnitFile& file, std::span<const std::uint8_t> module,
                                                    CoreFeatures features, std::string_view target) {
  const auto decoded = wasm::decode(module, features);
  const auto quick = quick_code(file);
  if (!baseline::is_available() || !decoded || quick.functions.empty() ||
      *quick.functions.rbegin() >= decoded->code.size())
    return std::nullopt;
  std::vector<std::uint32_t> functions;
  functions.reserve(quick.functions.size());
  for (const auto function : quick.functions)
    functions.push_back(decoded->imported_functions + function);
  std::vector<CodegenLoop> loops;
  loops.reserve(quick.loops.size());
  for (const auto& [function, loop] : quick.loops)
    loops.push_back({decoded->imported_functions + function, loop});
  auto compiled = baseline::compile(*decoded, {.functions = functions,
                                               .loops = loops,
                                               .guarded = quick.guarded,
                                               .patience = HotFunctions::kCodePatience,
                                               .target = target});
  if (!compiled || compiled->image.empty())
    return std::nullopt;
  return std::move(compiled->image);
}

}  // namespace wzrun::runtime
