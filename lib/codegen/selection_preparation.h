#pragma once

#include <llvm/IR/PassManager.h>

namespace wzrun::codegen {

/// Instruction selection sees one block at a time. This pass repeats addresses (base, index and offset) in the blocks
/// that access memory through them, so that they become operands, and comparisons in the blocks that branch on them.
/// LLVM's CodeGenPrepare does that too, by walks along the uses of the base of memory, of which a function has
/// thousands.
struct SelectionPreparation : llvm::PassInfoMixin<SelectionPreparation> {
  llvm::PreservedAnalyses run(llvm::Function& function, llvm::FunctionAnalysisManager& analyses);  // NOLINT
};

}  // namespace wzrun::codegen
