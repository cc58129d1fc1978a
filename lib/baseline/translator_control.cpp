#include "baseline/translator.h"

#include <cstddef>

// Blocks, branches and traps.
namespace wzrun::baseline {

using wasm::FrameKind;

CodeLabel& Translator::trap_label(TrapKind kind) { return traps_.emplace_back(CodeLabel{}, kind, offset_).label; }

void Translator::unreachable() {
  note_line();
  a_.trap(static_cast<std::uint8_t>(TrapKind::unreachable));
}

void Translator::open(Frame& frame) {
  frame.label.block = static_cast<std::uint32_t>(blocks_.size());
  blocks_.emplace_back();
}

void Translator::block(Frame& frame) {
  flush();
  open(frame);
}

void Translator::loop(Frame& frame) {
  flush(frame.type.params.size());
  open(frame);
  a_.bind(block_of(frame).label);
  const auto number = loops_++;
  count_loop(number);
  if (!std::ranges::binary_search(wanted_loops_, number))
    return;
  auto& wanted = loops_to_enter_.emplace_back(number, frame.label.block);
  for (std::size_t height = 0; height < stack_->size(); ++height) {
    wanted.operands.push_back((*stack_)[height].type);
    wanted.constants.push_back((*stack_)[height].operand.is(Kind::constant));
  }
}

Condition Translator::test(Operand& condition) {
  if (condition.is(Kind::flags))
    return condition.condition();
  take(condition);
  const auto tested = place(condition, Width::w32);
  if (tested.is_memory)
    a_.arithmetic_constant(Arithmetic::compare, Width::w32, tested, 0);
  else
    a_.test(Width::w32, static_cast<Gpr>(tested.reg), static_cast<Gpr>(tested.reg));
  release(condition);
  return Condition::not_equal;
}

void Translator::if_(Frame& frame, Operand condition) {
  const auto holds = test(condition);
  flush(frame.type.params.size());
  open(frame);
  a_.jump_if(negated(holds), block_of(frame).otherwise);
}

void Translator::else_(Frame& frame, bool fallthrough_live) {
  auto& block = block_of(frame);
  if (fallthrough_live) {
    carry(frame);
    a_.jump(block.label);
  }
  a_.bind(block.otherwise);
  forget(frame.height + frame.type.params.size());
}

void Translator::end(Frame& frame, bool fallthrough_live) {
  block_results_.clear();
  const auto results = frame.type.results.size();
  if (frame.kind == FrameKind::function) {
    if (fallthrough_live)
      return_();
    block_results_.resize(results);  // asked for, not used
    emit_rest();
    return;
  }
  auto& block = block_of(frame);
  const bool is_target = block.label.is_used() || block.is_in_table;
  const bool is_joined = frame.kind == FrameKind::if_ || (frame.kind != FrameKind::loop && is_target);
  if (!is_joined) {
    if (fallthrough_live)
      for (const auto& entry : stack_->last(results))
        block_results_.push_back(entry.operand);
    return;
  }
  if (fallthrough_live)
    carry(frame);
  if (frame.kind == FrameKind::if_)  // without an else: its parameters are its results
    a_.bind(block.otherwise);
  a_.bind(block.label);
  forget(frame.height + results);
  for (std::size_t i = 0; i < results; ++i)
    block_results_.push_back(Operand::slot(frame.height + i));
}

// Branches.

bool Translator::carries(const Frame& frame) const {
  const auto values = stack_->last(frame.label_types().size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (const auto& operand = values[i].operand; !operand.is(Kind::slot) || operand.index != frame.height + i)
      return true;
  return false;
}

void Translator::carry(const Frame& frame) {
  const auto values = stack_->last(frame.label_types().size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& [type, operand] = values[i];
    // Values move down, the lowest first, so none is overwritten before it has moved.
    if (!operand.is(Kind::slot) || operand.index != frame.height + i)
      store_in_frame(layout_->operand(frame.height + i), operand, type);
  }
}

void Translator::br(Frame& frame) {
  if (frame.kind == FrameKind::function)
    return return_();
  carry(frame);
  a_.jump(block_of(frame).label);
}

void Translator::branch_if(Frame& frame, Condition condition) {
  if (frame.kind != FrameKind::function && !carries(frame))
    return a_.jump_if(condition, block_of(frame).label);
  CodeLabel next;
  a_.jump_if(negated(condition), next);
  br(frame);
  a_.bind(next);
}

void Translator::br_if(Frame& frame, Operand condition) { branch_if(frame, test(condition)); }

void Translator::br_table(std::span<Frame* const> targets, Operand index) {
  if (targets.size() == 1) {
    take(index);
    release(index);
    return br(*targets[0]);
  }
  take(index);
  const auto reg = own(index, Width::w32);
  release(index);
  ++branch_tables_;
  std::vector<std::pair<Frame*, std::uint32_t>> landings;
  const auto block_for = [&](Frame& frame) {
    auto& block = block_of(frame);
    if (block.landing_of == branch_tables_)
      return block.landing;
    block.landing_of = branch_tables_;
    if (frame.kind != FrameKind::function && !carries(frame)) {
      block.is_in_table = true;
      block.landing = frame.label.block;
      return block.landing;
    }
    block.landing = static_cast<std::uint32_t>(blocks_.size());
    landings.emplace_back(&frame, block.landing);
    blocks_.emplace_back();  // which leaves the others where they are
    return block.landing;
  };
  const auto arms = targets.first(targets.size() - 1);
  a_.arithmetic_constant(Arithmetic::compare, Width::w32, reg, static_cast<std::int32_t>(arms.size()));
  a_.jump_if(Condition::above_equal, blocks_[block_for(*targets.back())].label);
  auto& table = tables_.emplace_back();
  for (auto* const target : arms)
    table.blocks.push_back(block_for(*target));
  a_.load_label(kScratch, table.label);
  a_.emit({0, 0, 0x63}, Width::w64, number(reg), Address{kScratch, reg, 0, 2});  // movsxd
  a_.arithmetic(Arithmetic::add, Width::w64, reg, kScratch);
  a_.jump(Place(reg));
  for (const auto& [frame, landing] : landings) {
    a_.bind(blocks_[landing].label);
    br(*frame);
  }
}

void Translator::return_() {
  const auto& results = type_->results;
  const auto values = stack_->last(results.size());
  if (results.size() == 1) {
    if (is_in_xmm(results[0]))
      load_into(Xmm{0}, values[0].operand, xmm_width(results[0]));
    else
      load_into(Gpr::rax, values[0].operand, width_of(results[0]));
  } else if (!results.empty()) {
    a_.load(Width::w64, kScratch, FrameLayout::results());
    std::int32_t offset = 0;
    for (std::size_t i = 0; i < results.size(); offset += slot_bytes(results[i]), ++i)
      return_value(values[i].operand, results[i], offset);
  }
  emit_return();
}

/// Puts one of several results into the buffer, whose address is in the scratch register; the others may be in any.
void Translator::return_value(const Operand& operand, ValueType type, std::int32_t offset) {
  const Address to{kScratch, {}, offset};
  const Address upper{kScratch, {}, offset + 4};
  const auto* const home = operand.is(Kind::local) ? &layout_->locals[operand.index] : nullptr;
  const bool is_in_register = operand.is(Kind::gpr) || operand.is(Kind::xmm) || (home != nullptr && home->in_register);
  if (operand.is(Kind::constant)) {
    a_.store_constant(Width::w32, to, static_cast<std::int32_t>(operand.value));
    a_.store_constant(Width::w32, upper, static_cast<std::int32_t>(operand.value >> 32));
  } else if (is_in_register && is_in_xmm(type)) {
    a_.store(xmm_width(type), to, home != nullptr ? home->xmm() : operand.xmm());
    if (!is_64(type))
      a_.store_constant(Width::w32, upper, 0);
  } else if (is_in_register) {
    a_.store(Width::w64, to, home != nullptr ? home->gpr() : operand.gpr());
  } else {  // what is loaded as a float of 32 bits has zeros above
    a_.load(xmm_width(type), kScratchXmm, place_of(operand));
    a_.store(type.is_vector() ? XmmWidth::w128 : XmmWidth::w64, to, kScratchXmm);
  }
}

Operand Translator::br_on_null(Frame& frame, Operand reference) {
  take(reference);
  const auto reg = gpr(reference, Width::w64);
  a_.test(Width::w64, reg, reg);
  branch_if(frame, Condition::equal);
  return pushed_again(reference);
}

void Translator::br_on_non_null(Frame& frame, Operand reference) {
  load_into(kScratch, reference, Width::w64);
  a_.test(Width::w64, kScratch, kScratch);
  branch_if(frame, Condition::not_equal);
  take(reference);
  release(reference);
}

Operand Translator::select(ValueType type, Operand if_true, Operand if_false, Operand condition) {
  take(if_true);
  take(if_false);
  const auto holds = test(condition);
  if (is_in_xmm(type)) {
    const auto width = xmm_width(type);
    const auto to = own_xmm(if_true, width);
    CodeLabel done;
    a_.jump_if(holds, done);
    load_into(to, if_false, width);
    a_.bind(done);
    release(if_false);
    release(if_true);
    return result(to);
  }
  const auto width = width_of(type);
  const auto other = place(if_false, width);
  const auto to = destination(length_of_select(), &if_true, {&if_false});
  load_into(to, if_true, width);
  a_.conditional_move(negated(holds), width, to, other);
  release(if_false);
  release(if_true);
  return result(to);
}

/// Where it has types nothing is known of its length, and nothing found at this one.
std::size_t Translator::length_of_select() const {
  return body_[offset_ - body_offset_] == wasm::code_of(wasm::Opcode::select) ? 1 : body_.size();
}

}  // namespace wzrun::baseline
