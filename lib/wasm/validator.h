#pragma once

#include "wasm/module.h"

namespace wzrun::wasm {

struct ValidateOptions {
  unsigned threads = 1;  ///< share the function bodies; 0: as many as the machine runs at once
};

/// Checks what decode() has left: constant expressions and function bodies.
/// Errors: malformed, invalid, unsupported; the first in the order of the module, whatever the number of threads.
/// Source: Wasm 3.0, 3.4-3.6.
Expected<void> validate(const Module& module, ValidateOptions options = {});

}  // namespace wzrun::wasm
