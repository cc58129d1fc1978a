#pragma once

#include "options.h"

#include "wzrun/wasi.h"

#include <optional>
#include <string>

namespace wzrun::cmd {

/// What `--trace` and `--trace-file` ask for; nothing is traced if neither is given. Lines go to standard error, or to
/// the file, which is made or emptied. Errors name the option.
Parsed<wasi::Trace> trace_config(const std::optional<std::string>& groups, const std::optional<std::string>& file);

}  // namespace wzrun::cmd
