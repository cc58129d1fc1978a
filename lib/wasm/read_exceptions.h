#pragma once

#include "wasm/read_control.h"

/// Reading exception instructions, those of the legacy proposal too.
/// Source: Wasm 3.0, 3.4.10; exception handling proposal, legacy/exceptions.
namespace wzrun::wasm {

template <typename Sink>
bool read_tag(FunctionState<Sink>& state, std::uint32_t& index) {
  return state.read_index(index, state.module.tags.size(), "tag");
}

template <typename Sink>
const FunctionType& tag_type(const FunctionState<Sink>& state, std::uint32_t index) {
  return state.module.types[state.module.tags[index].type_index].function;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::throw_>) {
  std::uint32_t tag = 0;
  if (!read_tag(state, tag) || !state.check_operands(tag_type(state, tag).params))
    return false;
  state.tell([&] { state.sink.throw_(tag); });
  state.set_unreachable();
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::throw_ref>) {
  typename FunctionState<Sink>::Entry exception;
  if (!state.pop(value_types::exnref, exception))
    return false;
  state.tell([&] { state.sink.throw_ref(exception.operand); });
  state.set_unreachable();
  return true;
}

/// One clause of try_table; its label counts from outside of the block.
template <typename Sink>
bool read_catch(FunctionState<Sink>& state, Catch<typename Sink::Label>& clause, std::uint32_t& depth) {
  std::uint8_t kind = 0;
  if (!state.read_byte(kind))
    return false;
  if (kind > static_cast<std::uint8_t>(CatchKind::catch_all_ref))
    return state.malformed(fmt::format("malformed catch clause: {:#04x}", kind));
  clause.kind = static_cast<CatchKind>(kind);
  const bool has_tag = clause.kind == CatchKind::catch_ || clause.kind == CatchKind::catch_ref;
  if ((has_tag && !read_tag(state, clause.tag_index)) || !state.read_label(depth))
    return false;
  auto& carried = state.scratch;
  carried.clear();
  if (has_tag) {
    const auto params = tag_type(state, clause.tag_index).params;
    carried.assign(params.begin(), params.end());
  }
  if (clause.kind == CatchKind::catch_ref || clause.kind == CatchKind::catch_all_ref)
    carried.push_back(ValueType::reference(false, AbstractHeap::exn));
  auto& target = state.frame_at(depth);
  if (!std::ranges::equal(carried, target.label_types(),
                          [&](ValueType a, ValueType b) { return matches(state.module, a, b); }))
    return state.invalid(fmt::format("type mismatch: a catch clause carries {}, label {} takes {}",
                                     to_string(FunctionType{{}, carried}), depth,
                                     to_string(FunctionType{{}, target.label_types()})));
  state.target(target);
  return true;
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::try_table>) {
  BlockType type;
  std::uint32_t count = 0;
  if (!read_block_type(state, type) || !state.read_u32(count))
    return false;
  if (count > static_cast<std::size_t>(state.body_end - state.pc))
    return state.malformed(fmt::format("unexpected end: {} catch clauses", count));
  std::vector<Catch<typename Sink::Label>> clauses;
  std::vector<std::uint32_t> depths;
  for (std::uint32_t i = 0; i < count; ++i) {
    Catch<typename Sink::Label> clause;
    std::uint32_t depth = 0;
    if (!read_catch(state, clause, depth))
      return false;
    if (!state.listening())
      continue;
    clauses.push_back(clause);
    depths.push_back(depth);
  }
  if (!state.push_frame(FrameKind::try_table, type))
    return false;
  for (std::size_t i = 0; i < clauses.size(); ++i)
    clauses[i].target = &state.frame_at(depths[i] + 1);
  state.tell([&] { state.sink.try_table(state.frame(), clauses); });
  return true;
}

// Legacy exceptions

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::try_>) {
  BlockType type;
  if (!read_block_type(state, type) || !state.push_frame(FrameKind::try_, type))
    return false;
  state.tell([&] { state.sink.try_(state.frame()); });
  return true;
}

/// The body of the try, or the catch before, ends; `tell_catch(frame, falls_through)`.
template <typename Sink, typename TellCatch>
bool begin_catch(FunctionState<Sink>& state, FrameKind kind, std::span<const ValueType> values,
                 TellCatch&& tell_catch) {
  auto& frame = state.frame();
  if (frame.kind != FrameKind::try_ && frame.kind != FrameKind::catch_)
    return state.malformed("catch without try");
  if (!state.check_all_operands(frame.type.results))
    return false;
  const bool falls_through = state.live;
  if constexpr (Sink::kListens) {
    if (frame.was_live) {
      state.sink.at(state.instruction_offset());
      tell_catch(frame, falls_through);
    }
  }
  frame.targeted |= falls_through;
  return restart_frame(state, kind, values);
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::catch_>) {
  std::uint32_t tag = 0;
  if (!read_tag(state, tag))
    return false;
  return begin_catch(state, FrameKind::catch_, tag_type(state, tag).params,
                     [&](auto& frame, bool falls_through) { state.sink.catch_(frame, tag, falls_through); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::catch_all>) {
  return begin_catch(state, FrameKind::catch_all, {},
                     [&](auto& frame, bool falls_through) { state.sink.catch_all(frame, falls_through); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::delegate>) {
  std::uint32_t depth = 0;
  if (state.frame().kind != FrameKind::try_)
    return state.malformed("delegate without try");
  if (!state.read_u32(depth))
    return false;
  if (depth >= state.frames.size() - 1)  // labels count from outside of the try
    return state.unknown("label", depth, state.frames.size() - 1);
  if (!state.check_all_operands(state.frame().type.results))
    return false;
  auto& target = state.frame_at(depth + 1);
  return close_frame(state,
                     [&](auto& closed, bool falls_through) { state.sink.delegate(closed, target, falls_through); });
}

template <typename Sink>
bool read(FunctionState<Sink>& state, Op<Opcode::rethrow>) {
  std::uint32_t depth = 0;
  if (!state.read_label(depth))
    return false;
  auto& target = state.frame_at(depth);
  if (target.kind != FrameKind::catch_ && target.kind != FrameKind::catch_all)
    return state.invalid(fmt::format("invalid rethrow label {}: it is no catch", depth));
  state.tell([&] { state.sink.rethrow(target); });
  state.set_unreachable();
  return true;
}

}  // namespace wzrun::wasm
