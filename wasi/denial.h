#pragma once

#include "call.h"
#include "types.h"
#include "wasi_errno.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace wzrun::wasi {

/// Looks at a call that failed, and tells the configured observer if the program was denied something for what it was
/// given. `parameters` are those of functions.def.
void observe_denial(const Call& call, std::string_view parameters, std::span<const std::uint64_t> arguments,
                    Errno error);

}  // namespace wzrun::wasi
