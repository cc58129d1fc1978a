#pragma once

#include "codegen/object.h"

#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>

namespace wzrun::codegen {

/// Makes machine code of lowered modules, for the processor this runs on. For one thread.
class Pipeline {
 public:
  /// `opt_level`: 0 to 3.
  explicit Pipeline(unsigned opt_level);

  /// Null if LLVM does not know the processor; then error() says why.
  llvm::TargetMachine* machine() { return machine_.get(); }
  const std::string& error() const { return error_; }

  /// Gives the module the target that lower() needs to know.
  void prepare(llvm::Module& module);
  void optimise(llvm::Module& module);
  Object emit(llvm::Module& module);

 private:
  void add_selection(llvm::legacy::PassManager& passes, llvm::TargetPassConfig& config);

  unsigned opt_level_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::string error_;
};

}  // namespace wzrun::codegen
