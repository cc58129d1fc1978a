#include "codegen/load_locations.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/Instructions.h>

#include <cstddef>

namespace wzrun::codegen {

namespace {

/// Where the value of an instruction comes from, in its block.
struct Origin {
  std::size_t load = 0;  ///< loads before it
  llvm::DebugLoc location;
};

/// Whether what is stored lies within what was loaded from the same address.
bool lies_within(const llvm::StoreInst& store, const llvm::LoadInst& load) {
  const auto& layout = store.getDataLayout();
  return llvm::TypeSize::isKnownLE(layout.getTypeStoreSize(store.getValueOperand()->getType()),
                                   layout.getTypeStoreSize(load.getType()));
}

void locate_users_of_loads(llvm::BasicBlock& block) {
  llvm::DenseMap<const llvm::Value*, Origin> origins;
  llvm::DenseMap<const llvm::Value*, const llvm::LoadInst*> loaded;  // by address, the last
  std::size_t loads = 0;
  for (auto& instruction : block) {
    const auto* const load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    if (load != nullptr && load->isVolatile() && load->getDebugLoc()) {
      origins[load] = {++loads, load->getDebugLoc()};
      loaded[load->getPointerOperand()] = load;
      continue;
    }
    // A store to where a load was does not trap; both together, `add %eax, (%rdi)`, trap as the load.
    if (auto* const store = llvm::dyn_cast<llvm::StoreInst>(&instruction); store != nullptr)
      if (const auto* const before = loaded.lookup(store->getPointerOperand());
          before != nullptr && lies_within(*store, *before))
        store->setDebugLoc(before->getDebugLoc());
    if (origins.empty() || instruction.getDebugLoc() || llvm::isa<llvm::PHINode>(instruction))
      continue;
    const Origin* origin = nullptr;  // the last load counts
    for (const auto& operand : instruction.operands())
      if (const auto found = origins.find(operand);
          found != origins.end() && (!origin || found->second.load > origin->load))
        origin = &found->second;
    if (origin == nullptr)
      continue;
    instruction.setDebugLoc(origin->location);
    const Origin passed_on = *origin;
    origins[&instruction] = passed_on;
  }
}

}  // namespace

void locate_users_of_loads(llvm::Module& module) {
  for (auto& function : module)
    for (auto& block : function)
      locate_users_of_loads(block);
}

}  // namespace wzrun::codegen
