#pragma once

#include <llvm/ADT/SmallVector.h>

#include <cstdint>
#include <vector>

namespace wzrun::codegen {

/// The section that all functions are in.
inline constexpr char kCodeSection[] = ".text";

/// An instruction that traps or calls, and the place in the module that it comes from.
struct ObjectLine {
  std::uint64_t code_offset = 0;    ///< in kCodeSection
  std::uint64_t module_offset = 0;  ///< in bytes
};

/// An object file, and what would be its line table.
struct Object {
  llvm::SmallVector<char, 0> file;
  std::vector<ObjectLine> lines;  ///< ascending
};

}  // namespace wzrun::codegen
