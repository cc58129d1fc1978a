#pragma once

#include "wzrun/error.h"
#include "wzrun/runtime.h"

/// WASI preview 1 as host modules. What a program may use is its instance's ModuleConfig.
namespace wzrun::wasi {

/// Makes `wasi_snapshot_preview1` and `wasi_unstable` importable in the runtime.
/// Errors: invalid_argument if one of the names is taken.
Expected<void> instantiate(Runtime& runtime);

}  // namespace wzrun::wasi
