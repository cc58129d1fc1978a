#pragma once

#include <llvm/IR/Module.h>

namespace wzrun::codegen {

/// Instruction selection may fold a load into its user, `cmp $0, (%rax)`, and what traps then has the user's location
/// or none. Gives what is computed of loads, and has no location, that of the last of them in its block; and stores to
/// where the block has loaded from before that of the load.
void locate_users_of_loads(llvm::Module& module);

}  // namespace wzrun::codegen
