#include "interp/emitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

// Blocks, branches and calls.
namespace wzrun::interp {

using wasm::Opcode;

void Emitter::block(Frame& frame) {
  materialize(frame.height);
  materialize_locals();
  frame.label.base = next_slot() - slots_of_top(frame.type.params.size());
}

void Emitter::loop(Frame& frame) {
  block(frame);  // now all operands are in their slots but constants below the loop, which compiled code knows too
  join();
  loops_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  frame.label.start = static_cast<std::uint32_t>(bytes_.size());
}

void Emitter::if_(Frame& frame, Operand condition) {
  condition = fit(condition, false);
  settle_unless(condition);
  // Parameters go to their slots without a look at the pending condition: they lie below what it reads.
  for (auto i = frame.height; i < stack_->size(); ++i) {
    auto& entry = (*stack_)[i];
    if (!entry.operand.is_constant())
      continue;
    settle();
    emit_constant(entry.operand, entry.operand.slot);
    entry.operand = {Operand::Kind::stack, entry.operand.slot, 0};
  }
  materialize_locals();
  frame.label.base = next_slot() - slots_of_top(frame.type.params.size());
  branch_if(condition, true, {.chain = &frame.label.skip});
}

void Emitter::else_(Frame& frame, bool fallthrough_live) {
  if (fallthrough_live) {
    materialize(frame.height);
    add_branch(frame.label.branches, emit(control_handlers.branch, {0}), static_cast<std::uint32_t>(bytes_.size() - 4));
  }
  bind(frame.label.skip);
  clean_height_ = frame.height;
}

void Emitter::end(Frame& frame, bool fallthrough_live) {
  const bool is_function = frame.kind == wasm::FrameKind::function;
  if (is_function && fallthrough_live && frame.label.branches < 0) {
    return_();
    return;
  }
  if (fallthrough_live)
    materialize(frame.height);
  bind(frame.label.skip);
  bind(frame.label.branches);
  clean_height_ = frame.height + frame.type.results.size();
  if (!is_function || (!fallthrough_live && !frame.targeted))
    return;
  const auto& results = frame.type.results;
  if (results.empty())
    emit(control_handlers.return_none, Fields{});
  else
    emit(control_handlers.return_many,
         {u(frame.label.base), static_cast<std::uint32_t>(runtime::slot_count(results)), u(-kLinkSlots - window_)});
}

void Emitter::unreachable() {
  settle();
  emit(control_handlers.unreachable, Fields{});
}

Operand Emitter::unsupported(Opcode opcode) {
  settle();
  emit(control_handlers.unsupported, {static_cast<std::uint32_t>(opcode)});
  return on_stack(next_slot());
}

void Emitter::add_branch(std::int32_t& chain, std::uint32_t instruction, std::uint32_t field) {
  patches_.push_back({instruction, field, chain});
  chain = static_cast<std::int32_t>(patches_.size() - 1);
}

/// Branches of the chain lead to here.
void Emitter::bind(std::int32_t& chain) {
  if (chain < 0)
    return;
  join();
  const auto here = static_cast<std::uint32_t>(bytes_.size());
  for (; chain >= 0; chain = patches_[static_cast<std::size_t>(chain)].next) {
    const auto& patch = patches_[static_cast<std::size_t>(chain)];
    const std::uint32_t distance = here - patch.instruction;
    std::memcpy(bytes_.data() + patch.field, &distance, sizeof distance);
  }
}

Emitter::Target Emitter::target_of(Frame& frame) {
  if (is_loop(frame))
    return {.backward = true, .start = frame.label.start};
  return {.chain = &frame.label.branches};
}

void Emitter::jump(Frame& frame) {
  if (is_loop(frame)) {
    const auto distance = frame.label.start - static_cast<std::uint32_t>(bytes_.size());
    emit(control_handlers.branch_back, {distance});
    return;
  }
  const auto at = emit(control_handlers.branch, {0});
  add_branch(frame.label.branches, at, at + sizeof(Handler));
}

/// The condition is settled or pending, and is not a constant.
void Emitter::branch_if(const Operand& condition, bool negated, const Target& target) {
  auto opcode = Opcode::i32_ne;
  From a{}, b{};
  Fields fields;
  if (is_pending(condition) && pending_.comparison) {
    opcode = pending_.opcode;
    a = pending_.a;
    b = pending_.b;
    fields = pending_.fields;
  } else {
    const auto from = source(condition, Carrier::integer);
    take(from, from.first);
    a = from.first;
    b = From::immediate;
    put(fields, from, a);
    fields.put32(0);
  }
  const bool flipped = negated && is_integer_comparison(opcode);
  const auto* handlers =
      branch_handlers(flipped ? negated_comparison(opcode) : opcode, negated && !flipped, target.backward);
  auto handler = (*handlers)[branch_variant(a, b)];
  if (handler == nullptr) {  // operands that branches do not take: the comparison stays an instruction of its own
    settle(To::accumulator);
    handlers = branch_handlers(negated ? Opcode::i32_eq : Opcode::i32_ne, false, target.backward);
    handler = (*handlers)[branch_variant(From::accumulator, From::immediate)];
    fields = {};
    fields.put32(0);
  }
  pending_.valid = false;
  fields.put32(0);
  const auto at = emit(handler, fields);
  const auto field = static_cast<std::uint32_t>(bytes_.size() - sizeof(std::uint32_t));
  if (target.backward) {
    const auto distance = target.start - at;
    std::memcpy(bytes_.data() + field, &distance, sizeof distance);
  } else {
    add_branch(*target.chain, at, field);
  }
}

std::int32_t Emitter::slots_of_top(std::size_t count) const {
  std::int32_t slots = 0;
  for (auto i = stack_->size() - count; i < stack_->size(); ++i)
    slots += width((*stack_)[i].type);
  return slots;
}

bool Emitter::values_in_place(const Frame& target) const {
  const auto count = arity(target);
  if (count == 0)
    return true;
  const auto first = stack_->size() - count;
  if ((*stack_)[first].operand.slot != target.label.base)
    return false;
  for (auto i = first; i < stack_->size(); ++i)
    if ((*stack_)[i].operand.kind != Operand::Kind::stack)
      return false;
  return true;
}

/// Brings the values on top of the stack to where the target expects them. The entries themselves stay as they are.
void Emitter::move_values(Frame& target) {
  const auto count = arity(target);
  if (values_in_place(target))
    return;
  if (count == 1) {
    const auto& entry = stack_->back();
    move(entry.operand, entry.type, target.label.base);
    return;
  }
  const auto first = stack_->size() - count;
  materialize(first);
  const auto from = (*stack_)[first].operand.slot;
  if (from != target.label.base) {
    emit(control_handlers.copy_many, {u(from), u(slots_of_top(count)), u(target.label.base)});
    for (std::int32_t i = 0; i < slots_of_top(count); ++i)
      overwrote(target.label.base + i);
  }
}

void Emitter::br(Frame& target) {
  if (target.kind == wasm::FrameKind::function) {
    return_();
    return;
  }
  if (arity(target) == 1 && is_pending(stack_->back().operand)) {
    pending_.destination = target.label.base;
    settle(To::slot);
  } else {
    settle();
    move_values(target);
  }
  jump(target);
}

void Emitter::br_if(Frame& target, Operand condition) {
  condition = fit(condition, false);
  if (arity(target) == 0) {
    settle_unless(condition);
    branch_if(condition, false, target_of(target));
    return;
  }
  settle();
  if (arity(target) > 1)
    materialize(stack_->size() - arity(target));
  if (values_in_place(target)) {
    branch_if(condition, false, target_of(target));
    return;
  }
  std::int32_t skip = -1;
  branch_if(condition, true, {.chain = &skip});
  const auto integer_mirror = integer_mirror_;
  const auto vector_mirror = vector_mirror_;
  move_values(target);
  jump(target);
  bind(skip);
  integer_mirror_ = integer_mirror;  // what the skipped moves did to the accumulators did not happen
  vector_mirror_ = vector_mirror;
}

void Emitter::br_table(std::span<Frame* const> targets, Operand index) {
  index = fit(index, false);
  const auto count = arity(*targets.back());
  if (count != 0) {
    settle();
    materialize(stack_->size() - count);
  } else {
    settle_unless(index);
  }
  const auto from = source(index, Carrier::integer);
  Fields fields;
  put(fields, from, from.first);
  fields.put32(static_cast<std::uint32_t>(targets.size() - 1));
  take(from, from.first);
  const auto at = emit(control_handlers.branch_table[from.first == From::accumulator], fields);
  auto field = static_cast<std::uint32_t>(bytes_.size());
  bytes_.resize(bytes_.size() + targets.size() * 4);
  // A target whose values are not in place gets a landing that moves them; one for all its arms.
  std::vector<std::pair<Frame*, std::int32_t>> landings;
  for (auto* const target : targets) {
    const auto here = std::exchange(field, field + 4);
    if (!values_in_place(*target)) {
      auto landing = std::ranges::find(landings, target, &std::pair<Frame*, std::int32_t>::first);
      if (landing == landings.end())
        landing = landings.insert(landings.end(), {target, -1});
      add_branch(landing->second, at, here);
    } else if (is_loop(*target)) {
      const std::uint32_t distance = target->label.start - at;
      std::memcpy(bytes_.data() + here, &distance, sizeof distance);
    } else {
      add_branch(target->label.branches, at, here);
    }
  }
  for (auto& [target, chain] : landings) {
    bind(chain);
    move_values(*target);
    jump(*target);
  }
}

Operand Emitter::br_on_null(Frame& target, Operand reference) {
  const auto slot = slot_of(reference);
  if (arity(target) > 0)
    materialize(stack_->size() - arity(target));
  std::int32_t skip = -1;
  auto at = emit(control_handlers.branch_on_non_null, {u(slot), 0});
  add_branch(skip, at, static_cast<std::uint32_t>(bytes_.size() - 4));
  move_values(target);
  jump(target);
  bind(skip);
  return stand_for(reference);
}

void Emitter::br_on_non_null(Frame& target, Operand reference) {
  const auto slot = slot_of(reference);
  materialize(stack_->size() - arity(target));
  std::int32_t skip = -1;
  const auto at = emit(control_handlers.branch_on_null, {u(slot), 0});
  add_branch(skip, at, static_cast<std::uint32_t>(bytes_.size() - 4));
  move_values(target);
  jump(target);
  bind(skip);
}

void Emitter::return_() {
  const auto& results = module_->function_type(code_.index).results;
  const auto destination = -kLinkSlots - window_;
  if (results.empty()) {
    settle();
    emit(control_handlers.return_none, Fields{});
    return;
  }
  if (results.size() == 1) {
    auto value = fit(stack_->back().operand, false);
    settle_unless(value);
    const auto carrier = carrier_of(results[0]);
    const auto from = source(value, carrier);
    Fields fields;
    put(fields, from, from.first);
    fields.put32(u(destination));
    take(from, from.first);
    emit(control_handlers.return_one[static_cast<std::size_t>(carrier)][from.first == From::accumulator], fields);
    return;
  }
  const auto first = stack_->size() - results.size();
  materialize(first);
  emit(control_handlers.return_many,
       {u((*stack_)[first].operand.slot), static_cast<std::uint32_t>(runtime::slot_count(results)), u(destination)});
}

// Calls.

std::int32_t Emitter::prepare_arguments(const wasm::FunctionType& type) {
  const auto first = stack_->size() - type.params.size();
  materialize(first);
  return type.params.empty() ? next_slot() : (*stack_)[first].operand.slot;
}

/// The callee's fp relative to ours.
std::int32_t Emitter::window_of_callee(std::int32_t arguments, const wasm::FunctionType& type) {
  const auto callee = arguments + static_cast<std::int32_t>(window_slots(type)) + kLinkSlots;
  reserve(callee);
  return callee;
}

/// Whether instances may have native code for a function that the module defines. Then only the instance knows.
bool Emitter::is_compiled(std::uint32_t function_index) const {
  const auto& image = code_.module->compiled.image;
  return image != nullptr && image->function(function_index - module_->imported_functions) != nullptr;
}

void Emitter::call(std::uint32_t function_index, const wasm::FunctionType& type) {
  const auto arguments = prepare_arguments(type);
  const auto callee = window_of_callee(arguments, type);
  if (function_index < module_->imported_functions) {
    emit(control_handlers.call_import, {function_index, u(arguments), u(callee)});
  } else if (is_compiled(function_index)) {
    reserve(callee + 1);
    emit(control_handlers.ref_func, {function_index, u(callee)});
    emit(control_handlers.call_ref, {u(arguments), u(callee), u(callee)});
  } else {
    Fields fields;
    fields.put64(reinterpret_cast<std::uint64_t>(code_.module->function(function_index)));
    fields.put32(u(callee));
    emit(control_handlers.call, fields);
  }
  forget_accumulators();
}

void Emitter::call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index) {
  const auto& type = module_->types[type_index].function;
  // The index stands above the arguments, which may need emission of their own: into its slot first, unless it is
  // there.
  index = fit(index, false);
  settle();
  const auto arguments = prepare_arguments(type);
  const auto callee = window_of_callee(arguments, type);
  const auto from = source(index, Carrier::integer);
  Fields fields;
  fields.put32(table);
  fields.put32(code_.module->compiled.type_ids[type_index]);
  fields.put32(u(arguments));
  fields.put32(u(callee));
  put(fields, from, from.first);
  emit(control_handlers.call_indirect[from.first == From::accumulator], fields);
  forget_accumulators();
}

void Emitter::call_ref(std::uint32_t type_index, Operand reference) {
  const auto& type = module_->types[type_index].function;
  const auto slot = slot_of(reference);
  const auto arguments = prepare_arguments(type);
  const auto callee = window_of_callee(arguments, type);
  emit(control_handlers.call_ref, {u(arguments), u(callee), u(slot)});
  forget_accumulators();
}

void Emitter::return_call(std::uint32_t function_index, const wasm::FunctionType& type) {
  const auto arguments = prepare_arguments(type);
  const bool is_imported = function_index < module_->imported_functions;
  if (is_imported || is_compiled(function_index)) {
    const auto reference = window_of_callee(arguments, type);
    reserve(reference + 1);
    emit(is_imported ? control_handlers.resolve_import : control_handlers.ref_func, {function_index, u(reference)});
    tail_call(reference, type, arguments);
    return;
  }
  Fields fields;
  fields.put64(reinterpret_cast<std::uint64_t>(code_.module->function(function_index)));
  fields.put32(u(arguments));
  fields.put32(static_cast<std::uint32_t>(runtime::slot_count(type.params)));
  fields.put32(u(window_));
  fields.put32(window_slots(type));
  window_of_callee(arguments, type);
  emit(control_handlers.return_call, fields);
}

void Emitter::return_call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index) {
  const auto& type = module_->types[type_index].function;
  const auto slot = slot_of(index);
  const auto arguments = prepare_arguments(type);
  const auto reference = window_of_callee(arguments, type);
  reserve(reference + 1);
  emit(control_handlers.resolve_indirect, {table, code_.module->compiled.type_ids[type_index], u(slot), u(reference)});
  tail_call(reference, type, arguments);
}

void Emitter::return_call_ref(std::uint32_t type_index, Operand operand) {
  const auto& type = module_->types[type_index].function;
  const auto slot = slot_of(operand);
  const auto arguments = prepare_arguments(type);
  const auto reference = window_of_callee(arguments, type);
  reserve(reference + 1);
  emit(control_handlers.resolve_ref, {u(slot), u(reference)});
  tail_call(reference, type, arguments);
}

void Emitter::tail_call(std::int32_t reference_slot, const wasm::FunctionType& type, std::int32_t arguments) {
  emit(control_handlers.return_call_function,
       {u(reference_slot), u(arguments), static_cast<std::uint32_t>(runtime::slot_count(type.params)), u(window_),
        window_slots(type)});
}

}  // namespace wzrun::interp
