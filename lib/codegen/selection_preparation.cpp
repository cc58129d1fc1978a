#include "codegen/selection_preparation.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Utils/Local.h>

namespace wzrun::codegen {

namespace {

class Preparation {
 public:
  bool run(llvm::Function& function) {
    for (auto& block : function) {
      copies_.clear();
      for (auto& instruction : block)
        prepare(instruction);
    }
    const bool changed = !originals_.empty();
    llvm::SmallVector<llvm::WeakTrackingVH, 16> dead(originals_.begin(), originals_.end());
    llvm::RecursivelyDeleteTriviallyDeadInstructionsPermissive(dead);
    return changed;
  }

 private:
  void prepare(llvm::Instruction& user) {
    if (auto* const load = llvm::dyn_cast<llvm::LoadInst>(&user))
      take(user, load->getPointerOperandIndex());
    else if (auto* const store = llvm::dyn_cast<llvm::StoreInst>(&user))
      take(user, store->getPointerOperandIndex());
    else if (has_condition(user))
      take(user, 0);
  }

  static bool has_condition(const llvm::Instruction& user) {
    const auto* const branch = llvm::dyn_cast<llvm::BranchInst>(&user);
    return llvm::isa<llvm::SelectInst>(user) || (branch != nullptr && branch->isConditional());
  }

  /// Whether the value is better made where it is used. What goes into a phi is not: it is the next value of a variable
  /// of a loop, and the variable itself would have to stay alive beside it.
  static bool is_wanted_here(const llvm::Instruction& value, const llvm::Instruction& user) {
    if (value.getParent() == user.getParent())
      return false;
    if (llvm::isa<llvm::CmpInst>(value))
      return !llvm::isa<llvm::GetElementPtrInst>(user);
    return llvm::isa<llvm::GetElementPtrInst>(value) && !value.getType()->isVectorTy() &&
           llvm::none_of(value.users(), [](const llvm::User* other) { return llvm::isa<llvm::PHINode>(other); });
  }

  void take(llvm::Instruction& user, unsigned operand) {
    auto* const value = llvm::dyn_cast<llvm::Instruction>(user.getOperand(operand));
    if (value == nullptr || !is_wanted_here(*value, user))
      return;
    auto* copy = copies_.lookup(value);
    if (copy == nullptr) {
      copy = value->clone();
      copy->insertBefore(user.getIterator());
      copies_[value] = copy;
      originals_.insert(value);
      if (llvm::isa<llvm::GetElementPtrInst>(value))
        take(*copy, llvm::GetElementPtrInst::getPointerOperandIndex());  // adds to the copies
    }
    user.setOperand(operand, copy);
  }

  llvm::SmallDenseMap<llvm::Instruction*, llvm::Instruction*, 16> copies_;  ///< in the block
  llvm::SmallSetVector<llvm::Instruction*, 16> originals_;
};

}  // namespace

llvm::PreservedAnalyses SelectionPreparation::run(llvm::Function& function, llvm::FunctionAnalysisManager&) {
  if (!Preparation().run(function))
    return llvm::PreservedAnalyses::all();
  llvm::PreservedAnalyses preserved;
  preserved.preserveSet<llvm::CFGAnalyses>();
  return preserved;
}

}  // namespace wzrun::codegen
