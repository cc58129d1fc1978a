#include "runtime/unit_improving.h"

#include "baseline/baseline.h"
#include "runtime/compiler.h"
#include "runtime/hot_functions.h"
#include "wasm/decoder.h"

#include <ctime>

namespace wzrun::runtime {

namespace {

std::chrono::nanoseconds processor_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

void improve_units(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                   const std::function<bool(std::span<const std::uint8_t> image)>& keep) {
  const auto decoded = wasm::decode(module, options.features);
  if (!decoded || file.units().empty())
    return;
  // Nobody waits for the first of these images: larger ones have more calls inside.
  constexpr std::uint64_t kUnitBytes = 16U << 10;
  HotFunctions hot(*decoded,
                   {.opt_level = options.opt_level,
                    .quick_is_cheap = baseline::is_available(),
                    .good_unit_bytes = kUnitBytes,
                    .callee_bytes = kUnitBytes},
                   {}, [](std::uint32_t) { return 0; });
  for (const auto& unit : file.units())
    for (const auto member : file.members(unit))
      if (member < decoded->defined_functions())
        hot.has_code(decoded->imported_functions + member, file.header(unit).opt_level);
  for (const auto& function : file.profile())
    hot.remember(function);
  const bool guarded = file.header(file.units().front()).guarded != 0;
  const auto end = processor_time() + options.time;
  CompilerSession session;
  while (processor_time() < end) {
    const auto job = hot.next(HotFunctions::Work::good);
    if (!job || !has_compiler())
      return;
    CompileOptions compile;
    compile.opt_level = job->opt_level;
    compile.threads = 1;
    compile.guarded = guarded;
    compile.target = options.target;
    compile.functions = job->functions;
    compile.session = &session;
    const auto image = compile_image(module, options.features, compile);
    if (image && !keep(*image))
      return;
  }
}

}  // namespace wzrun::runtime
