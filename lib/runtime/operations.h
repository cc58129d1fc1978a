#pragma once

#include "runtime/instance.h"

#include <cstdint>
#include <optional>

/// The longer work of instructions, the same for every engine.
namespace wzrun::runtime {

/// Nothing, or the trap.
using Trapped = std::optional<TrapKind>;

std::uint64_t table_grow(Instance& in, std::uint32_t table, std::uint64_t value, std::uint64_t delta);
Trapped table_fill(Instance& in, std::uint32_t table, std::uint64_t index, std::uint64_t value, std::uint64_t count);
Trapped table_copy(Instance& in, std::uint32_t destination_table, std::uint32_t source_table, std::uint64_t destination,
                   std::uint64_t source, std::uint64_t count);
Trapped table_init(Instance& in, std::uint32_t table, std::uint32_t segment, std::uint64_t destination,
                   std::uint64_t source, std::uint64_t count);
void elem_drop(Instance& in, std::uint32_t segment);

std::uint64_t memory_grow(Instance& in, std::uint32_t memory, std::uint64_t delta);
Trapped memory_fill(Instance& in, std::uint32_t memory, std::uint64_t destination, std::uint64_t value,
                    std::uint64_t count);
Trapped memory_copy(Instance& in, std::uint32_t destination_memory, std::uint32_t source_memory,
                    std::uint64_t destination, std::uint64_t source, std::uint64_t count);
Trapped memory_init(Instance& in, std::uint32_t memory, std::uint32_t segment, std::uint64_t destination,
                    std::uint64_t source, std::uint64_t count);
void data_drop(Instance& in, std::uint32_t segment);

/// Whether a function may be called through a type.
bool has_type(const FunctionInstance& function, std::uint32_t type_id);

}  // namespace wzrun::runtime
