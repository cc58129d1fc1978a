#pragma once

#include "wasm/function_state.h"

/// Reading control instructions: blocks, branches, calls.
/// Source: Wasm 3.0, 3.4.10, 5.4.1.
namespace wzrun::wasm {

namespace detail {

/// Types that a block type of one byte stands for, as storage that stays.
inline constexpr std::array<ValueType, 4> kNumberTypes = {value_types::f64, value_types::f32, value_types::i64,
                                                          value_types::i32};

}  // namespace detail

template <typename Sink>
[[gnu::noinline]] bool read_long_block_type(FunctionState<Sink>& state, BlockType& type) {
  if (state.pc != state.body_end && starts_value_type(*state.pc)) {
    ValueType result;
    if (!state.read_value_type(result))
      return false;
    type = {{}, {&state.block_results.emplace_back(result), 1}};
    return true;
  }
  const auto* const at = state.pc;
  std::int64_t index = 0;
  if (!state.template read_long_leb<33, true>(index))
    return false;
  if (index < 0)
    return state.fail_at(at, ErrorKind::malformed, fmt::format("malformed block type: {:#04x}", *at));
  if (static_cast<std::uint64_t>(index) >= state.module.types.size())
    return state.unknown("type", static_cast<std::uint64_t>(index), state.module.types.size());
  const auto& defined = state.module.types[static_cast<std::size_t>(index)];
  if (defined.kind != CompositeKind::function)
    return state.invalid(fmt::format("type {} is not a function type", index));
  if (!state.require(Feature::multi_value, "a block with a type index"))
    return false;
  type = {defined.function.params, defined.function.results};
  return true;
}

template <typename Sink>
bool read_block_type(FunctionState<Sink>& state, BlockType& type) {
  const auto byte = *state.pc;  // block, loop, ... are not the body's last byte
  if (byte == 0x40) [[likely]] {
    ++state.pc;
    type = {};
    return true;
  }
  if (byte >= 0x7c && byte <= 0x7f) [[likely]] {
    ++state.pc;
    type = {{}, {&detail::kNumberTypes[byte - 0x7c], 1}};
    return true;
  }
  return read_long_block_type(state, type);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::unreachable>) {
  state.tell([&] { state.sink.unreachable(); });
  state.set_unreachable();
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::nop>) {
  state.tell([&] { state.sink.nop(); });
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::block>) {
  BlockType type;
  if (!read_block_type(state, type) || !state.push_frame(FrameKind::block, type)) [[unlikely]]
    return false;
  state.tell([&] { state.sink.block(state.frame()); });
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::loop>) {
  BlockType type;
  if (!read_block_type(state, type) || !state.push_frame(FrameKind::loop, type)) [[unlikely]]
    return false;
  state.tell([&] { state.sink.loop(state.frame()); });
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::if_>) {
  BlockType type;
  typename FunctionState<Sink>::Entry condition;
  if (!read_block_type(state, type) || !state.pop(value_types::i32, condition) ||
      !state.push_frame(FrameKind::if_, type)) [[unlikely]]
    return false;
  state.tell([&] { state.sink.if_(state.frame(), condition.operand); });
  return true;
}

/// Begins another arm of a block: the stack as at its start, then values of these types.
template <typename Sink>
bool restart_frame(FunctionState<Sink>& state, FrameKind kind, std::span<const ValueType> values) {
  auto& frame = state.frame();
  frame.kind = kind;
  frame.unreachable = false;
  frame.live = state.live = frame.was_live;
  state.locals.unset_from(frame.set_locals);
  state.stack.top = state.base;
  return state.push_all(values, frame.was_live, [&](std::size_t i) { return state.sink.param(frame, i); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::else_>) {
  auto& frame = state.frame();
  if (frame.kind != FrameKind::if_) [[unlikely]]
    return state.malformed("else without if");
  if (!state.check_all_operands(frame.type.results)) [[unlikely]]
    return false;
  const bool falls_through = state.live;
  if constexpr (Sink::kListens) {
    if (frame.was_live) {
      state.sink.at(state.instruction_offset());
      state.sink.else_(frame, falls_through);
    }
  }
  frame.targeted |= falls_through;
  return restart_frame(state, FrameKind::else_, frame.type.params);
}

/// Closes the current frame, whose results are on the stack; `tell_end` tells the sink.
template <typename Sink, typename TellEnd>
bool close_frame(FunctionState<Sink>& state, TellEnd&& tell_end) {
  auto& frame = state.frame();
  const bool falls_through = state.live;
  if constexpr (Sink::kListens) {
    if (frame.was_live) {
      state.sink.at(state.instruction_offset());
      tell_end(frame, falls_through);
    }
  }
  const bool goes_on = falls_through || (frame.targeted && frame.kind != FrameKind::loop) ||
                       (frame.kind == FrameKind::if_ && frame.was_live);
  state.locals.unset_from(frame.set_locals);
  state.stack.top = state.base;
  if (!state.push_all(frame.type.results, goes_on, [&](std::size_t i) { return state.sink.result(frame, i); }))
      [[unlikely]]
    return false;
  state.frames.pop_back();
  if (state.frames.empty())
    return true;
  auto& outer = state.frame();
  outer.live = state.live = goes_on;
  state.base = state.stack.begin() + outer.height;
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::end>) {
  const auto& frame = state.frame();
  if (!state.check_all_operands(frame.type.results)) [[unlikely]]
    return false;
  if (frame.kind == FrameKind::if_) [[unlikely]] {  // the missing else turns parameters into results
    const auto& type = frame.type;
    if (!std::ranges::equal(type.params, type.results,
                            [&](ValueType a, ValueType b) { return matches(state.module, a, b); }))
      return state.invalid(fmt::format("type mismatch: if without else takes {} and returns {} values of other types",
                                       type.params.size(), type.results.size()));
  }
  return close_frame(state, [&](auto& closed, bool falls_through) { state.sink.end(closed, falls_through); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br>) {
  std::uint32_t depth = 0;
  if (!state.read_label(depth)) [[unlikely]]
    return false;
  auto& target = state.frame_at(depth);
  if (!state.check_operands(target.label_types())) [[unlikely]]
    return false;
  state.target(target);
  state.tell([&] { state.sink.br(target); });
  state.set_unreachable();
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_if>) {
  std::uint32_t depth = 0;
  typename FunctionState<Sink>::Entry condition;
  if (!state.read_label(depth) || !state.pop(value_types::i32, condition)) [[unlikely]]
    return false;
  auto& target = state.frame_at(depth);
  if (!state.check_operands(target.label_types())) [[unlikely]]
    return false;
  state.target(target);
  state.tell([&] { state.sink.br_if(target, condition.operand); });
  return true;
}

/// Checks that the topmost operands match the types, and leaves their own types.
template <typename Sink>
bool match_table_operands(FunctionState<Sink>& state, std::span<const ValueType> types) {
  const auto available = state.available();
  for (std::size_t i = 0; i < types.size(); ++i) {
    const auto expected = types[types.size() - 1 - i];
    if (i == available)
      return state.frame().unreachable || state.stack_empty(expected);
    const auto found = state.stack.top[-1 - static_cast<std::ptrdiff_t>(i)].type;
    if (!matches(state.module, found, expected))
      return state.mismatch(expected, found);
  }
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::br_table>) {
  using State = FunctionState<Sink>;
  typename State::Entry index;
  std::uint32_t count = 0;
  if (!state.pop(value_types::i32, index) || !state.read_u32(count)) [[unlikely]]
    return false;
  if (count >= static_cast<std::size_t>(state.body_end - state.pc)) [[unlikely]]
    return state.malformed(fmt::format("unexpected end: br_table of {} labels", count));
  const auto serial = ++state.branch_tables;
  std::optional<std::size_t> arity;
  std::vector<typename State::Frame*> targets;
  if (state.listening())
    targets.reserve(count + std::size_t{1});
  for (std::size_t i = 0; i <= count; ++i) {
    std::uint32_t depth = 0;
    if (!state.read_label(depth)) [[unlikely]]
      return false;
    auto& target = state.frame_at(depth);
    if (state.listening())
      targets.push_back(&target);
    if (target.last_table == serial)
      continue;
    target.last_table = serial;
    const auto types = target.label_types();
    if (arity.value_or(types.size()) != types.size())
      return state.invalid(
          fmt::format("type mismatch: the labels of br_table take {} and {} values", *arity, types.size()));
    arity = types.size();
    if (!match_table_operands(state, types))
      return false;
    state.target(target);
  }
  state.tell([&] { state.sink.br_table(targets, index.operand); });
  state.set_unreachable();
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::return_>) {
  if (!state.check_operands(state.frames.front().type.results)) [[unlikely]]
    return false;
  state.tell([&] { state.sink.return_(); });
  state.set_unreachable();
  return true;
}

// Calls

/// Checks the arguments, tells the sink, and replaces them with the results.
template <typename Sink, typename Tell>
bool finish_call(FunctionState<Sink>& state, const FunctionType& type, Tell&& tell_sink) {
  if (!state.check_operands(type.params)) [[unlikely]]
    return false;
  state.tell(tell_sink);
  state.stack.top -= type.params.size();
  return state.push_all(type.results, state.live, [&](std::size_t i) { return state.sink.call_result(i); });
}

/// The callee returns to the caller's caller: its results must match.
template <typename Sink, typename Tell>
bool finish_return_call(FunctionState<Sink>& state, const FunctionType& type, Tell&& tell_sink) {
  const auto expected = state.frames.front().type.results;
  if (!std::ranges::equal(type.results, expected,
                          [&](ValueType a, ValueType b) { return matches(state.module, a, b); })) [[unlikely]]
    return state.invalid(fmt::format("type mismatch: the function returns {}, the callee {}",
                                     to_string(FunctionType{{}, expected}), to_string(FunctionType{{}, type.results})));
  if (!state.check_operands(type.params)) [[unlikely]]
    return false;
  state.tell(tell_sink);
  state.set_unreachable();
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::call>) {
  std::uint32_t index = 0;
  if (!state.read_index(index, state.module.functions.size(), "function")) [[unlikely]]
    return false;
  const auto& type = state.module.function_type(index);
  return finish_call(state, type, [&] { state.sink.call(index, type); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::return_call>) {
  std::uint32_t index = 0;
  if (!state.read_index(index, state.module.functions.size(), "function")) [[unlikely]]
    return false;
  const auto& type = state.module.function_type(index);
  return finish_return_call(state, type, [&] { state.sink.return_call(index, type); });
}

/// The immediates and the table index of an indirect call.
template <typename Sink>
bool read_indirect_call(FunctionState<Sink>& state, std::uint32_t& type_index, std::uint32_t& table,
                        typename FunctionState<Sink>::Entry& index) {
  if (!state.read_type_index(CompositeKind::function, type_index) || !state.read_table(table)) [[unlikely]]
    return false;
  const auto element = state.module.tables[table].type.element;
  if (!matches(state.module, element, value_types::funcref)) [[unlikely]]
    return state.mismatch(value_types::funcref, element);
  return state.pop(state.table_index_type(table), index);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::call_indirect>) {
  std::uint32_t type_index = 0;
  std::uint32_t table = 0;
  typename FunctionState<Sink>::Entry index;
  if (!read_indirect_call(state, type_index, table, index)) [[unlikely]]
    return false;
  return finish_call(state, state.module.types[type_index].function,
                     [&] { state.sink.call_indirect(table, type_index, index.operand); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::return_call_indirect>) {
  std::uint32_t type_index = 0;
  std::uint32_t table = 0;
  typename FunctionState<Sink>::Entry index;
  if (!read_indirect_call(state, type_index, table, index)) [[unlikely]]
    return false;
  return finish_return_call(state, state.module.types[type_index].function,
                            [&] { state.sink.return_call_indirect(table, type_index, index.operand); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::call_ref>) {
  std::uint32_t type_index = 0;
  typename FunctionState<Sink>::Entry function;
  if (!state.read_type_index(CompositeKind::function, type_index) ||
      !state.pop(ValueType::reference(true, HeapType::defined(type_index)), function)) [[unlikely]]
    return false;
  return finish_call(state, state.module.types[type_index].function,
                     [&] { state.sink.call_ref(type_index, function.operand); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::return_call_ref>) {
  std::uint32_t type_index = 0;
  typename FunctionState<Sink>::Entry function;
  if (!state.read_type_index(CompositeKind::function, type_index) ||
      !state.pop(ValueType::reference(true, HeapType::defined(type_index)), function)) [[unlikely]]
    return false;
  return finish_return_call(state, state.module.types[type_index].function,
                            [&] { state.sink.return_call_ref(type_index, function.operand); });
}

}  // namespace wzrun::wasm
