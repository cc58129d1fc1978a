#pragma once

#include "wasm/instruction_types.h"
#include "wasm/read_variables.h"

/// Reading memory instructions, atomic ones too.
/// Source: Wasm 3.0, 3.4.11; threads proposal.
namespace wzrun::wasm {

/// Offset, alignment and memory of an access of 1 << size_log2 bytes, and the type of its address.
template <typename Sink>
bool read_memory_argument(FunctionState<Sink>& state, std::uint8_t size_log2, bool atomic, MemoryArgument& argument,
                          ValueType& address) {
  constexpr std::uint32_t kHasMemoryIndex = 0x40;
  std::uint32_t flags = 0;
  if (!state.read_u32(flags))
    return false;
  if (flags >= 2 * kHasMemoryIndex)
    return state.malformed(fmt::format("malformed memop flags: {:#x}", flags));
  if ((flags & kHasMemoryIndex) != 0 &&
      (!state.require(Feature::multi_memory, "a memory index") || !state.read_u32(argument.memory_index)))
    return false;
  if (state.module.features.contains(Feature::memory64)) {
    if (!state.read_u64(argument.offset))
      return false;
  } else {
    std::uint32_t offset = 0;
    if (!state.read_u32(offset))
      return false;
    argument.offset = offset;
  }
  if (argument.memory_index >= state.module.memories.size())
    return state.unknown("memory", argument.memory_index, state.module.memories.size());
  argument.align_log2 = static_cast<std::uint8_t>(flags & (kHasMemoryIndex - 1));
  address = state.memory_index_type(argument.memory_index);
  if (argument.align_log2 > size_log2)
    return state.invalid(
        fmt::format("{}: 2^{}, the access has 2^{} bytes",
                    atomic ? "atomic alignment must be natural" : "alignment must not be larger than natural",
                    argument.align_log2, size_log2));
  if (atomic && argument.align_log2 != size_log2)
    return state.invalid(fmt::format("atomic alignment must be natural: 2^{}, the access has 2^{} bytes",
                                     argument.align_log2, size_log2));
  if (address == value_types::i32 && argument.offset > 0xffffffff)
    return state.invalid(fmt::format("offset out of range: {:#x}, the memory has i32 addresses", argument.offset));
  return true;
}

template <Opcode op, typename Sink>
bool read_memory_argument(FunctionState<Sink>& state, MemoryArgument& argument, ValueType& address) {
  constexpr bool kAtomic = kRow<op> == Row::atomic_load || kRow<op> == Row::atomic_store ||
                           kRow<op> == Row::atomic_rmw || kRow<op> == Row::atomic_cmpxchg;
  return read_memory_argument(state, kAccessSizeLog2<op>, kAtomic, argument, address);
}

template <Opcode op, typename Sink>
bool read_load(FunctionState<Sink>& state) {
  MemoryArgument argument;
  ValueType address;
  if (!read_memory_argument<op>(state, argument, address))
    return false;
  return state.operate(std::array{address}, kAccessType<op>,
                       [&](auto operand) { return state.sink.template load<op>(argument, operand); });
}

template <Opcode op, typename Sink>
bool read_store(FunctionState<Sink>& state) {
  MemoryArgument argument;
  ValueType address;
  if (!read_memory_argument<op>(state, argument, address))
    return false;
  return state.consume(std::array{address, kAccessType<op>},
                       [&](auto... operands) { state.sink.template store<op>(argument, operands...); });
}

template <typename Sink>
bool read_lane_index(FunctionState<Sink>& state, std::uint8_t count, std::uint8_t& lane) {
  if (!state.read_byte(lane))
    return false;
  return lane < count || state.invalid(fmt::format("invalid lane index {}: there are {}", lane, count));
}

template <Opcode op, typename Sink>
bool read_lane_access(FunctionState<Sink>& state) {
  MemoryArgument argument;
  ValueType address;
  std::uint8_t lane = 0;
  if (!read_memory_argument<op>(state, argument, address) || !read_lane_index(state, kLaneCount<op>, lane))
    return false;
  const std::array params{address, value_types::v128};
  if constexpr (kRow<op> == Row::load_lane)
    return state.operate(params, value_types::v128, [&](auto... operands) {
      return state.sink.template load_lane<op>(argument, lane, operands...);
    });
  else
    return state.consume(params,
                         [&](auto... operands) { state.sink.template store_lane<op>(argument, lane, operands...); });
}

template <Opcode op, typename Sink>
bool read_atomic(FunctionState<Sink>& state) {
  constexpr auto type = kAccessType<op>;
  MemoryArgument argument;
  ValueType address;
  if (!read_memory_argument<op>(state, argument, address))
    return false;
  if constexpr (kRow<op> == Row::atomic_load)
    return state.operate(std::array{address}, type,
                         [&](auto operand) { return state.sink.template atomic_load<op>(argument, operand); });
  else if constexpr (kRow<op> == Row::atomic_store)
    return state.consume(std::array{address, type},
                         [&](auto... operands) { state.sink.template atomic_store<op>(argument, operands...); });
  else if constexpr (kRow<op> == Row::atomic_rmw)
    return state.operate(std::array{address, type}, type,
                         [&](auto... operands) { return state.sink.template atomic_rmw<op>(argument, operands...); });
  else
    return state.operate(std::array{address, type, type}, type, [&](auto... operands) {
      return state.sink.template atomic_cmpxchg<op>(argument, operands...);
    });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_atomic_notify>) {
  MemoryArgument argument;
  ValueType address;
  if (!read_memory_argument(state, 2, true, argument, address))
    return false;
  return state.operate(std::array{address, value_types::i32}, value_types::i32,
                       [&](auto... operands) { return state.sink.atomic_notify(argument, operands...); });
}

template <Opcode op, typename Sink>
bool read_atomic_wait(FunctionState<Sink>& state, std::uint8_t size_log2, ValueType type) {
  MemoryArgument argument;
  ValueType address;
  if (!read_memory_argument(state, size_log2, true, argument, address))
    return false;
  return state.operate(std::array{address, type, value_types::i64}, value_types::i32,
                       [&](auto... operands) { return state.sink.template atomic_wait<op>(argument, operands...); });
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_atomic_wait32>) {
  return read_atomic_wait<Opcode::memory_atomic_wait32>(state, 2, value_types::i32);
}
template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_atomic_wait64>) {
  return read_atomic_wait<Opcode::memory_atomic_wait64>(state, 3, value_types::i64);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::atomic_fence>) {
  std::uint8_t ordering = 0;
  if (!state.read_byte(ordering))
    return false;
  if (ordering != 0)
    return state.malformed(fmt::format("malformed ordering: zero byte expected, found {:#04x}", ordering));
  return state.consume(std::array<ValueType, 0>{}, [&] { state.sink.atomic_fence(); });
}

// Sizes and bulk operations

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_size>) {
  std::uint32_t memory = 0;
  if (!state.read_memory(memory))
    return false;
  return state.operate(std::array<ValueType, 0>{}, state.memory_index_type(memory),
                       [&] { return state.sink.memory_size(memory); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_grow>) {
  std::uint32_t memory = 0;
  if (!state.read_memory(memory))
    return false;
  const auto index = state.memory_index_type(memory);
  return state.operate(std::array{index}, index, [&](auto delta) { return state.sink.memory_grow(memory, delta); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_fill>) {
  std::uint32_t memory = 0;
  if (!state.read_memory(memory))
    return false;
  const auto index = state.memory_index_type(memory);
  return state.consume(std::array{index, value_types::i32, index},
                       [&](auto... operands) { state.sink.memory_fill(memory, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_copy>) {
  std::uint32_t to = 0;
  std::uint32_t from = 0;
  if (!state.read_memory(to) || !state.read_memory(from))
    return false;
  const auto to_index = state.memory_index_type(to);
  const auto from_index = state.memory_index_type(from);
  return state.consume(std::array{to_index, from_index, smaller_index(to_index, from_index)},
                       [&](auto... operands) { state.sink.memory_copy(to, from, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::memory_init>) {
  std::uint32_t segment = 0;
  std::uint32_t memory = 0;
  if (!state.read_u32(segment) || !state.read_memory(memory) || !state.check_data_segment(segment))
    return false;
  return state.consume(std::array{state.memory_index_type(memory), value_types::i32, value_types::i32},
                       [&](auto... operands) { state.sink.memory_init(memory, segment, operands...); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::data_drop>) {
  std::uint32_t segment = 0;
  if (!state.read_data_segment(segment))
    return false;
  return state.consume(std::array<ValueType, 0>{}, [&] { state.sink.data_drop(segment); });
}

}  // namespace wzrun::wasm
