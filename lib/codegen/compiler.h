#pragma once

#include "runtime/codegen_plugin.h"
#include "wzrun/error.h"

#include <cstdint>
#include <vector>

namespace wzrun::codegen {

/// Compiles a module, or some of its functions, to an image. Yields nothing if the request only ends a session.
/// Errors: unsupported; malformed, invalid and invalid_argument for a request that breaks its rules.
Expected<std::vector<std::uint8_t>> compile(const runtime::CodegenRequest& request);

}  // namespace wzrun::codegen
