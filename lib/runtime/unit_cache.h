#pragma once

#include "runtime/unit_file.h"
#include "wzrun/cache.h"
#include "wzrun/error.h"
#include "wzrun/features.h"

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a cache has of the runs of a module: the file of its units, and the module as it was prepared.
namespace wzrun::runtime {

using ImageBytes = std::span<const std::uint8_t>;

/// The key of a module's units in a cache: of the module's digest, and the text of target.h.
Sha256Digest units_key(const Sha256Digest& module, std::string_view target);

/// Who compiles functions of a module well.
enum class Improver : std::uint8_t { run, process_after_runs };
/// Of what such a one claims, where only one of them should work at a time.
Sha256Digest improving_key(const Sha256Digest& units, Improver who);

struct FoundUnits {
  UnitFile file;
  std::uint64_t inode = 0;  ///< of the file; 0: not known
};

/// The units that a cache has; or why there are none.
std::expected<FoundUnits, std::string> find_units(CompilationCache& cache, const Sha256Digest& key);
/// Adds to them. `added`: in the order in which they were made. Errors: io.
Expected<void> add_units(CompilationCache& cache, const Sha256Digest& key, std::string_view description,
                         std::span<const ImageBytes> added, std::span<const FunctionProfile> profile);
/// Prepares a valid module for later runs. Where that does not succeed, they read it.
void add_module(CompilationCache& cache, const Sha256Digest& key, std::string_view description,
                std::span<const std::uint8_t> module, CoreFeatures features);

/// The images of a file, in the order in which they were made as far as that matters.
std::vector<ImageBytes> images_of(const UnitFile& file);
/// Puts what makes others unnecessary before them: what was compiled better, and of that what was made later.
/// The images are in the order in which they were made.
void add_in_order(UnitFileBuilder& builder, std::span<const ImageBytes> images);

}  // namespace wzrun::runtime
