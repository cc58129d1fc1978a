#pragma once

#include "runtime/code_symbols.h"

#include <memory>
#include <span>

namespace wzrun::runtime {

/// Shows symbols to a debugger that knows GDB's JIT interface (gdb, lldb), as long as the result lives.
/// Source: Debugging with GDB, 30, JIT Compilation Interface.
std::shared_ptr<const void> show_to_debugger(std::span<const CodeSymbol> symbols);

}  // namespace wzrun::runtime
