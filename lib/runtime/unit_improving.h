#pragma once

#include "runtime/unit_file.h"
#include "wzrun/features.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

/// Compiling, when a run has ended, what it has not come to: a compiler beside a program slows it down, and what it has
/// begun when the program ends is lost.
namespace wzrun::runtime {

struct ImprovingOptions {
  CoreFeatures features;
  unsigned opt_level = 2;
  std::string_view target;  ///< text that the images carry
};

/// Gets each image; false: no more of them.
using KeepImage = std::function<bool(std::span<const std::uint8_t> image)>;

/// Compiles quickly, where that is cheap, functions that a file has only counts of. `module`: a valid module, the one
/// that the file is for.
void compile_entered(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                     const KeepImage& keep);

/// Compiles well functions that a file has quickly compiled code of and an average run uses much, in pieces, the
/// hottest first. When it has had `time` of the processor, it begins nothing new.
void improve_units(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                   std::chrono::milliseconds time, const KeepImage& keep);

}  // namespace wzrun::runtime
