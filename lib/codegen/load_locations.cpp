#include "codegen/load_locations.h"

#include <llvm/IR/Instructions.h>

namespace wzrun::codegen {

namespace {

void locate_users(llvm::Instruction& value, const llvm::DebugLoc& location) {
  for (auto* const use : value.users()) {
    auto* const user = llvm::cast<llvm::Instruction>(use);
    if (user->getParent() != value.getParent() || user->getDebugLoc() || llvm::isa<llvm::PHINode>(user))
      continue;
    user->setDebugLoc(location);
    if (llvm::isa<llvm::CastInst, llvm::FreezeInst>(user))  // folded too, into what comes next
      locate_users(*user, location);
  }
}

}  // namespace

void locate_users_of_loads(llvm::Module& module) {
  for (auto& function : module)
    for (auto& block : function)
      for (auto instruction = block.rbegin(); instruction != block.rend(); ++instruction)  // the last load counts
        if (auto* const load = llvm::dyn_cast<llvm::LoadInst>(&*instruction);
            load != nullptr && load->isVolatile() && load->getDebugLoc())
          locate_users(*load, load->getDebugLoc());
}

}  // namespace wzrun::codegen
