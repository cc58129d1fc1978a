#pragma once

#include "baseline/assembler.h"
#include "wasm/module.h"

namespace wzrun::baseline {

/// Writes the EntryThunk of a function type (runtime/native.h).
void emit_entry(Assembler& code, const wasm::FunctionType& type);

/// Writes what calls a function of a type that has no compiled code: called with the FunctionInstance in rax, and
/// otherwise as that function would be, by the instance in rdi.
void emit_call_thunk(Assembler& code, const wasm::FunctionType& type);

}  // namespace wzrun::baseline
