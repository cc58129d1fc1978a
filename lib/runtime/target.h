#pragma once

#include "wzrun/config.h"

#include <string>

namespace wzrun::runtime {

/// Everything but the module that compiled code depends on, as readable text: what wzrun and LLVM it is made with, the
/// processor and its features, and the options. Equal texts and modules have equal images.
std::string target_text(const RuntimeConfig& config, unsigned opt_level, bool guarded);

/// The part about this machine's processor. Does not change while it runs.
const std::string& processor_text();

}  // namespace wzrun::runtime
