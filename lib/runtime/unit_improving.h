#pragma once

#include "runtime/unit_file.h"
#include "wzrun/features.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

/// Compiling well, when a run has ended, what runs have found hot: LLVM beside a program slows it down, and what it has
/// begun when the program ends is lost.
namespace wzrun::runtime {

struct ImprovingOptions {
  CoreFeatures features;
  unsigned opt_level = 2;
  std::string_view target;           ///< text that the images carry
  std::chrono::milliseconds time{};  ///< of the processor; nothing new is begun after that
};

/// Compiles functions that a file has quickly compiled code of and an average run uses much, in pieces, the hottest
/// first. `keep` gets each image, and may end it with false. `module`: a valid module, the one that the file is for.
void improve_units(const UnitFile& file, std::span<const std::uint8_t> module, const ImprovingOptions& options,
                   const std::function<bool(std::span<const std::uint8_t> image)>& keep);

}  // namespace wzrun::runtime
