#pragma once

#include "baseline/assembler.h"
#include "wasm/module.h"

namespace wzrun::baseline {

/// Writes the EntryThunk of a function type (runtime/native.h).
void emit_entry(Assembler& code, const wasm::FunctionType& type);

/// Writes what calls a function of a type that has no compiled code: called with the FunctionInstance in rax, and
/// otherwise as that function would be, by the instance in rdi.
void emit_call_thunk(Assembler& code, const wasm::FunctionType& type);

/// Writes what tells the runtime that the function with the index in rax was called often, by the instance in rdi.
/// Calls it before it has taken its arguments, which stay where they are.
void emit_count_thunk(Assembler& code);

}  // namespace wzrun::baseline
