#pragma once

#include "tests/image_builder.h"
#include "wzrun/runtime.h"

/// Compiled code written by hand for testdata/engine/native.wat.
namespace wzrun::engine {

/// `spin` and `shallow` announce themselves: they store 1 at address 0 of the memory.
/// The first line of each function is the offset of its body; in `trap` and `load`, the instruction that traps has one
/// that is 1 more.
ImageBuilder native_image(const CompiledModule& module);

/// Gives the module its compiled code.
void attach_native_code(const CompiledModule& module, bool guarded = true);

}  // namespace wzrun::engine
