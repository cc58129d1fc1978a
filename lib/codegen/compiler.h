#pragma once

#include "runtime/codegen_plugin.h"
#include "wzrun/error.h"

#include <cstdint>
#include <vector>

namespace wzrun::codegen {

/// Compiles a whole module to an image.
/// Errors: unsupported.
Expected<std::vector<std::uint8_t>> compile(const runtime::CodegenRequest& request);

}  // namespace wzrun::codegen
