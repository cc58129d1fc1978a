#pragma once

#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

/// WASI preview 1 as host modules. What a program may use is its instance's ModuleConfig. One thread at a time may run
/// a program. Writing to a pipe that nobody reads does what SIGPIPE does in this process: to tell the program EPIPE
/// instead, ignore it.
namespace wzrun::wasi {

/// Makes `wasi_snapshot_preview1` and `wasi_unstable` importable in the runtime.
/// Errors: invalid_argument if one of the names is taken.
Expected<void> instantiate(Runtime& runtime);

/// Whether every mount can be opened, so that a mistake is told before the program runs; otherwise its first call to
/// WASI fails with the same error. Errors: io, naming the host's and the program's path.
Expected<void> check_mounts(const FSConfig& fs);

}  // namespace wzrun::wasi
