#include "runtime/unit_improving.h"

#include "baseline/baseline.h"
#include "runtime/compiler.h"
#include "runtime/hot_functions.h"
#include "wasm/decoder.h"

#include <ctime>

namespace wzrun::runtime {

namespace {

/// Nobody waits for these images, so they are larger than in a run: they have more calls inside, and are fewer.
constexpr std::uint64_t kUnitBytes = 16U << 10;
constexpr std::uint64_t kEnteredUnitBytes = 1U << 20;

std::chrono::nanoseconds processor_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

bool is_guarded(const UnitFile& file) { return file.header(file.units().front()).guarded != 0; }

/// What a file knows of the functions of its module.
HotFunctions functions_of(const UnitFile& file, const wasm::Module& module, unsigned opt_level) {
  HotFunctions hot(module,
                   {.opt_level = opt_level,
                    .quick_is_cheap = baseline::is_available(),
                    .entered_unit_bytes = kEnteredUnitBytes,
                    .good_unit_bytes = kUnitBytes,
                    .callee_bytes = kUnitBytes},
                   {}, [](std::uint32_t) { return 0; });
  for (const auto& unit : file.units())
    for (const auto member : file.members(unit))
      if (member < module.defined_functions())
        hot.has_code(module.imported_functions + member, file.header(unit).opt_level);
  for (const auto& function : file.profile())
    hot.remember(function);
  return hot;
}

}  // namespace

void compile_entered(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                     const KeepImage& keep) {
  const auto decoded = wasm::decode(module, options.features);
  if (!decoded || file.units().empty())
    return;
  auto hot = functions_of(file, *decoded, options.opt_level);
  while (const auto job = hot.next_at_rest()) {
    const auto compiled = baseline::compile(*decoded, {.functions = job->functions,
                                                       .loops = {},
                                                       .guarded = is_guarded(file),
                                                       .patience = HotFunctions::kCodePatience,
                                                       .target = options.target});
    if (!compiled || (!compiled->image.empty() && !keep(compiled->image)))
      return;
  }
}

void improve_units(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                   std::chrono::milliseconds time, const KeepImage& keep) {
  const auto decoded = wasm::decode(module, options.features);
  if (!decoded || file.units().empty())
    return;
  auto hot = functions_of(file, *decoded, options.opt_level);
  const auto end = processor_time() + time;
  CompilerSession session;
  while (processor_time() < end) {
    const auto job = hot.next(HotFunctions::Work::good);
    if (!job || !has_compiler())
      return;
    CompileOptions compile;
    compile.opt_level = job->opt_level;
    compile.threads = 1;
    compile.guarded = is_guarded(file);
    compile.target = options.target;
    compile.functions = job->functions;
    compile.session = &session;
    const auto image = compile_image(module, options.features, compile);
    if (image && !keep(*image))
      return;
  }
}

}  // namespace wzrun::runtime
