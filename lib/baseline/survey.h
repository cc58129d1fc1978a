#pragma once

#include "wasm/function_frames.h"
#include "wasm/module.h"
#include "wzrun/error.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace wzrun::baseline {

/// What the translator must know of a function before it begins.
struct Needs {
  bool is_supported = true;  ///< it has none of the instructions that are left to others
  bool pins_memory = false;  ///< it accesses memory 0, whose bounds are guarded
  bool has_loops = false;
  bool has_vectors = false;
  std::uint64_t calls = 0;                ///< weighted: 8 times as much inside a loop
  std::vector<std::uint64_t> locals;      ///< uses of each, weighted
  std::size_t operands = 0;               ///< at once, at most
  std::size_t result_slots = 0;           ///< of a call with several results, at most; of 64 bits
  std::int32_t stack_argument_bytes = 0;  ///< of a call, at most
};

/// Reads a function of a valid module. `guarded`: 32-bit memories are.
Expected<Needs> survey(const wasm::Module& module, std::uint32_t function_index, bool guarded);

}  // namespace wzrun::baseline
