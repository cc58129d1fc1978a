#pragma once

#include "runtime/execution.h"
#include "runtime/instance.h"

#include <cstdint>
#include <optional>

/// What handlers call for the longer work: ordinary functions, outside the handlers' section.
namespace wzrun::interp {

/// Nothing, or the trap.
using Trapped = std::optional<TrapKind>;
using runtime::Instance;

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
bool has_type(const runtime::FunctionInstance& function, std::uint32_t type_id);

/// Calls a host function from the frame at `fp`; `frame_end` is the first slot behind that frame and its arguments.
/// False if the run ends; the execution says how.
bool call_host(runtime::Execution& execution, Instance& caller, runtime::FunctionInstance& function,
               std::uint64_t* arguments, std::uint64_t* frame_end, const std::uint8_t* pc, std::uint64_t* fp);

}  // namespace wzrun::interp
