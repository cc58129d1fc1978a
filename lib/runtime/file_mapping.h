#pragma once

#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <cstdint>

namespace wzrun::runtime {

/// The first `size` bytes of a file that nobody changes, mapped to be read only. Errors: io, also for no bytes.
Expected<ModuleBytes> map_file(int fd, std::uint64_t size);

}  // namespace wzrun::runtime
