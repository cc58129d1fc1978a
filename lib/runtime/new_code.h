#pragma once

#include <cstdint>
#include <span>

namespace wzrun::runtime {

/// Has all threads of this process run the code that was written there as data. To be called before any of them can
/// learn of it.
void announce_new_code(std::span<const std::uint8_t> code);

}  // namespace wzrun::runtime
