#pragma once

#include <cstdint>

/// From signals to traps. Signal handlers belong to the process, so this alone is shared between runtimes: the
/// handlers are installed once, look at the thread's own Execution, and pass on everything that is not theirs.
namespace wzrun::runtime {

/// How a signal handler recognises code of an engine.
struct CodeRange {
  bool (*contains)(const void* address) = nullptr;
};

/// Announces the interpreter's code, and installs the signal handlers where they are not, or no longer, installed.
void register_code_range(CodeRange range);

/// Installs the signal handlers that compiled code needs. A crash in compiled code that is no trap ends the process
/// with a message and status 125.
void watch_native_faults();

/// Installs the signal handlers that compiler_threads.h needs. An abort of the compiler ends the process with a message
/// and status 125.
void watch_compiler();

/// Makes sure that this thread handles signals on a stack of their own, until it ends: compiled code may have used up
/// its own.
void have_signal_stack();

/// The signal that makes a thread look at Execution::interrupted. Ignored by default, so a stray one is harmless.
int interruption_signal();

}  // namespace wzrun::runtime
