#pragma once

#include "deadline.h"
#include "run_options.h"

#include "wzrun/config.h"

namespace wzrun::cmd {

/// `--engine verify`: runs the module on the interpreter and as compiled code, side by side, and says where they first
/// differ. Returns the program's exit status, or 125 if they do. `deadline` may be null.
int verify(const RunOptions& options, const RuntimeConfig& runtime_config, const ModuleConfig& module_config,
           Deadline* deadline);

}  // namespace wzrun::cmd
