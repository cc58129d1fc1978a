#pragma once

#include "wzrun/sha256.h"

/// The implementations behind Sha256.
namespace wzrun::runtime {

/// Runs on every processor.
void sha256_portable(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count);
/// The one with the processor's instructions, or null.
Sha256::Compress sha256_accelerated();

}  // namespace wzrun::runtime
