#pragma once

#include <llvm/IR/Module.h>

namespace wzrun::codegen {

/// Instruction selection may fold a load into its user, `cmp $0, (%rax)`, and what traps then has the user's location
/// or none. Gives users without a location that of the last load, in their block, that they may be folded with.
void locate_users_of_loads(llvm::Module& module);

}  // namespace wzrun::codegen
