#pragma once

#include "runtime/code_symbols.h"
#include "wzrun/error.h"

#include <span>

/// What Linux's `perf` reads of code that was made at run time. Files are of the process: each function may be called
/// many times, from any thread.
namespace wzrun::runtime {

/// Appends to /tmp/perf-PID.map, where `perf report` looks for names of code in anonymous memory. Errors: io.
/// Source: tools/perf/Documentation/jit-interface.txt in Linux.
Expected<void> write_perf_map(std::span<const CodeSymbol> symbols);

/// Appends names and code to jit-PID.dump in the working directory of the first call, for `perf inject --jit`. Times
/// are those of CLOCK_MONOTONIC, for `perf record -k mono`. Errors: io. Source:
/// tools/perf/Documentation/jitdump-specification.txt in Linux.
Expected<void> write_perf_dump(std::span<const CodeSymbol> symbols);

}  // namespace wzrun::runtime
