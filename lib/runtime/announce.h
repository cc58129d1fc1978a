#pragma once

#include "runtime/instance.h"
#include "wzrun/config.h"
#include "wzrun/error.h"

namespace wzrun::runtime {

/// Tells profilers and debuggers of a module's compiled code, as far as the configuration asks for it. To be called
/// once its image is attached. Errors: io.
Expected<void> announce(CompiledCode& code, const RuntimeConfig& config);

}  // namespace wzrun::runtime
