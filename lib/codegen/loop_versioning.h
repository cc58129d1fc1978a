#pragma once

#include <llvm/IR/PassManager.h>

#include <utility>

/// Loop versioning: what lets LLVM vectorise loops over linear memory.
///
/// In WebAssembly an access may trap, a 32-bit address may wrap, and any two addresses may be the same; LLVM must keep
/// every access and its order. For an innermost loop whose addresses in memory 0 are affine this pass asks the three
/// questions once, before the loop: does no address wrap, does every access lie inside the memory's present size, is
/// what is written apart from what else is accessed? If so a copy of the loop runs that has 64-bit addresses, plain
/// accesses, and metadata that says what is apart; if not, the loop as it was, with its traps where they belong.
namespace wzrun::codegen {

/// Metadata on the load of memory 0's base from the instance, whose first member it is. Only for a memory that is
/// guarded, not shared, and of 32-bit addresses.
inline constexpr char kMemoryBaseMetadata[] = "wzrun.memory_base";

struct LoopVersioningOptions {
  unsigned min_trip_count = 8;      ///< below it the loop runs as it was; at least 1
  unsigned max_instructions = 400;  ///< of a loop that is copied
  unsigned max_comparisons = 32;    ///< of pairs of address ranges before a loop
};

/// Expects loops in simplified, rotated and LCSSA form; keeps that form. Accesses to memory 0 are volatile loads and
/// stores whose address is based on the load that has kMemoryBaseMetadata.
struct LinearMemoryLoopVersioning : llvm::PassInfoMixin<LinearMemoryLoopVersioning> {
  LinearMemoryLoopVersioning() = default;
  /// `next`: run on the functions in which a loop has been versioned.
  explicit LinearMemoryLoopVersioning(llvm::FunctionPassManager next, const LoopVersioningOptions& options = {})
      : next_(std::move(next)), options_(options) {}

  llvm::PreservedAnalyses run(llvm::Function& function, llvm::FunctionAnalysisManager& analyses);  // NOLINT

 private:
  llvm::FunctionPassManager next_;
  LoopVersioningOptions options_;
};

}  // namespace wzrun::codegen
