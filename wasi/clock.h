#pragma once

#include "types.h"
#include "wasi_errno.h"
#include "wzrun/config.h"

#include <cstdint>

namespace wzrun::wasi {

/// What the program's clock shows, in nanoseconds: the configured one's time where there is one.
/// Errors: EINVAL for an id that does not exist.
Try<std::uint64_t> clock_now_ns(const ModuleConfig& config, std::uint32_t id);

}  // namespace wzrun::wasi
