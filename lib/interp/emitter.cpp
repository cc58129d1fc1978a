#include "interp/emitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

// The state of an emission: operands, the pending instruction, locals.
namespace wzrun::interp {

void Emitter::Fields::put32(std::uint32_t value) {
  std::memcpy(bytes.data() + size, &value, sizeof value);
  size += sizeof value;
}

void Emitter::Fields::put64(std::uint64_t value) {
  std::memcpy(bytes.data() + size, &value, sizeof value);
  size += sizeof value;
}

Emitter::Emitter(Code& code) : code_(code), guarded_(code.module->guarded) {}

void Emitter::begin(const wasm::Module& module, std::uint32_t function_index, std::span<const ValueType> locals,
                    Stack& stack, Frame& frame) {
  module_ = &module;
  stack_ = &stack;
  guarded_memory0_ = guarded_ && !module.memories.empty() && !module.memories[0].limits.is_64;
  const auto& type = module.function_type(function_index);
  window_ = static_cast<std::int32_t>(window_slots(type));
  auto argument = -kLinkSlots - window_;
  for (std::size_t i = 0; i < locals.size(); ++i) {
    auto& next = i < type.params.size() ? argument : operand_base_;
    local_slots_.push_back(next);
    next += width(locals[i]);
  }
  local_types_.assign(locals.begin(), locals.end());
  local_uses_.assign(locals.size(), 0);
  frame.label.base = operand_base_;
  const auto zeroed = (operand_base_ + 3) / 4 * 4;
  reserve(zeroed);
  enter_ = emit(control_handlers.enter, {0, static_cast<std::uint32_t>(zeroed)});
}

void Emitter::finish() {
  const auto frame_slots = static_cast<std::uint32_t>(frame_slots_);
  std::memcpy(bytes_.data() + enter_ + sizeof(Handler), &frame_slots, sizeof frame_slots);
  code_.frame_slots = frame_slots;
  code_.window = static_cast<std::uint32_t>(window_);
  code_.loops = std::move(loops_);
  code_.size = static_cast<std::uint32_t>(bytes_.size());
  code_.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(bytes_.size());
  std::memcpy(code_.bytes.get(), bytes_.data(), bytes_.size());
  positions_.shrink_to_fit();
  code_.positions = std::move(positions_);
}

// Operands.

Operand Emitter::on_stack(std::int32_t slot) {
  reserve(slot + 2);
  return {Operand::Kind::stack, slot, 0};
}

Operand Emitter::constant(Operand::Kind kind, std::uint64_t bits) {
  const auto slot = next_slot();
  reserve(slot + 2);
  return {kind, slot, bits};
}

std::int32_t Emitter::next_slot() const {
  if (stack_->size() == 0)
    return operand_base_;
  const auto& top = stack_->back();
  return top.operand.slot + width(top.type);
}

bool Emitter::is_pending(const Operand& operand) const {
  return pending_.valid && operand.kind == Operand::Kind::stack && operand.slot == pending_.destination;
}

bool Emitter::is_mirrored(std::int32_t slot, Carrier carrier) const {
  return slot == (carrier == Carrier::integer ? integer_mirror_ : vector_mirror_);
}

/// The slot in which a value that is not a constant is or will be.
std::int32_t Emitter::home(const Operand& operand) const {
  return operand.kind == Operand::Kind::local ? local_slots_[operand.value] : operand.slot;
}

Emitter::Source Emitter::source(const Operand& operand, Carrier carrier) const {
  Source result;
  if (operand.is_constant()) {
    result.first = result.second = From::immediate;
    result.immediate = operand.value;
    result.wide_immediate = operand.kind == Operand::Kind::f64;
    return result;
  }
  result.slot = home(operand);
  result.is_pending = is_pending(operand);
  if (result.is_pending || is_mirrored(result.slot, carrier))
    result.first = From::accumulator;
  return result;
}

void Emitter::put(Fields& fields, const Source& source, From from) const {
  if (from == From::slot)
    fields.put32(static_cast<std::uint32_t>(source.slot));
  else if (from == From::immediate && source.wide_immediate)
    fields.put64(source.immediate);
  else if (from == From::immediate)
    fields.put32(static_cast<std::uint32_t>(source.immediate));
}

Operand Emitter::fit(Operand operand, bool immediates) {
  if (!operand.is_constant())
    return operand;
  const auto as_signed = static_cast<std::int64_t>(operand.value);
  if (immediates && (operand.kind != Operand::Kind::i64 || as_signed == static_cast<std::int32_t>(as_signed)))
    return operand;
  settle();
  emit_constant(operand, operand.slot);
  return on_stack(operand.slot);
}

/// An operand of the instruction about to be emitted comes from here: emits what is pending accordingly.
void Emitter::take(const Source& source, From from) {
  if (source.is_pending)
    settle(from == From::accumulator ? To::accumulator : To::slot);
}

/// Emitting a pending instruction changes the accumulator: the other operand cannot come from there too.
void Emitter::keep_apart(Source& a, Source& b) {
  if (a.is_pending)
    b.first = b.second;
  if (b.is_pending)
    a.first = a.second;
}

std::int32_t Emitter::slot_of(Operand& operand) {
  operand = fit(operand, false);
  settle();
  return home(operand);
}

// Emission.

void Emitter::note_position(std::uint32_t offset) {
  if (positions_.empty() || positions_.back().module != offset)
    positions_.push_back({static_cast<std::uint32_t>(bytes_.size()), offset});
}

/// The last instruction traps, if it does, as the one of module offset `offset`.
void Emitter::move_position(std::uint32_t instruction, std::uint32_t offset) {
  if (positions_.back().code == instruction)
    positions_.back().module = offset;
  else
    positions_.push_back({instruction, offset});
}

std::uint32_t Emitter::emit(Handler handler, const Fields& fields) {
  last_copy_ = UINT32_MAX;
  const auto end = bytes_.size();
  if (last_ != UINT32_MAX) {
    Handler before;
    std::memcpy(&before, bytes_.data() + last_, sizeof before);
    if (const auto fusion = fusion_of(before, handler); fusion.handler != nullptr) {
      std::memcpy(bytes_.data() + last_, &fusion.handler, sizeof fusion.handler);
      bytes_.resize(end + fields.size);
      std::memcpy(bytes_.data() + end, fields.bytes.data(), fields.size);
      if (fusion.second_can_trap)
        move_position(last_, offset_);
      return last_;
    }
  }
  note_position(offset_);
  last_ = static_cast<std::uint32_t>(end);
  bytes_.resize(end + sizeof handler + fields.size);
  std::memcpy(bytes_.data() + end, &handler, sizeof handler);
  std::memcpy(bytes_.data() + end + sizeof handler, fields.bytes.data(), fields.size);
  return last_;
}

std::uint32_t Emitter::emit(Handler handler, std::initializer_list<std::uint32_t> operands) {
  Fields fields;
  for (const auto operand : operands)
    fields.put32(operand);
  return emit(handler, fields);
}

Operand Emitter::hold(Handler to_accumulator, Handler to_slot, const Fields& fields, Carrier carrier) {
  const auto slot = next_slot();
  pending_ = {.valid = true,
              .to_accumulator = to_accumulator,
              .to_slot = to_slot,
              .carrier = carrier,
              .destination = slot,
              .offset = offset_,
              .fields = fields};
  return on_stack(slot);
}

void Emitter::settle() {
  if (pending_.valid)
    settle(To::slot);
}

void Emitter::settle(To to) {
  if (pending_.to_accumulator == nullptr)
    to = To::slot;
  pending_.valid = false;
  const auto offset = std::exchange(offset_, pending_.offset);
  if (to == To::slot) {
    pending_.fields.put32(static_cast<std::uint32_t>(pending_.destination));
    emit(pending_.to_slot, pending_.fields);
    wrote(pending_.destination, pending_.carrier);
  } else {
    emit(pending_.to_accumulator, pending_.fields);
    wrote(kNoSlot, pending_.carrier);
  }
  offset_ = offset;
}

void Emitter::settle_unless(const Operand& operand) {
  if (pending_.valid && !is_pending(operand))
    settle();
}

void Emitter::wrote(std::int32_t slot, Carrier carrier) {
  overwrote(slot);
  (carrier == Carrier::integer ? integer_mirror_ : vector_mirror_) = slot;
}

void Emitter::overwrote(std::int32_t slot) {
  if (integer_mirror_ == slot)
    integer_mirror_ = kNoSlot;
  if (vector_mirror_ == slot)
    vector_mirror_ = kNoSlot;
}

void Emitter::emit_constant(const Operand& operand, std::int32_t destination) {
  Fields fields;
  auto handler = control_handlers.constant64;
  auto carrier = Carrier::integer;
  if (operand.kind == Operand::Kind::i32 || (operand.kind == Operand::Kind::i64 && operand.value >> 32 == 0)) {
    handler = control_handlers.constant32;
    fields.put32(static_cast<std::uint32_t>(operand.value));
  } else {
    fields.put64(operand.value);
  }
  if (operand.kind == Operand::Kind::f32 || operand.kind == Operand::Kind::f64) {
    handler = control_handlers.constant_float;
    carrier = Carrier::floating;
  }
  fields.put32(static_cast<std::uint32_t>(destination));
  emit(handler, fields);
  wrote(destination, carrier);
}

void Emitter::copy(std::int32_t from, std::int32_t to, Carrier carrier) {
  if (from == to)
    return;
  const auto source = static_cast<std::uint32_t>(from);
  const auto destination = static_cast<std::uint32_t>(to);
  overwrote(to);
  if (carrier != Carrier::vector && last_copy_ != UINT32_MAX) {
    const auto handler = control_handlers.copy_two;
    std::memcpy(bytes_.data() + last_copy_, &handler, sizeof handler);
    const std::uint32_t second[] = {source, destination};
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(second);
    bytes_.insert(bytes_.end(), begin, begin + sizeof second);
    last_copy_ = UINT32_MAX;
    return;
  }
  const auto at = emit(control_handlers.copy[static_cast<std::size_t>(carrier)], {source, destination});
  last_copy_ = carrier == Carrier::vector ? UINT32_MAX : at;
}

/// Brings a settled value into a slot.
void Emitter::move(const Operand& operand, ValueType type, std::int32_t destination) {
  if (operand.is_constant()) {
    emit_constant(operand, destination);
    return;
  }
  const auto carrier = carrier_of(type);
  const auto from = home(operand);
  if (from != destination && is_mirrored(from, carrier)) {
    overwrote(destination);
    emit(control_handlers.store_accumulator[static_cast<std::size_t>(carrier)],
         {static_cast<std::uint32_t>(destination)});
    return;
  }
  copy(from, destination, carrier);
}

// Locals and stack entries.

Operand Emitter::local_get(std::uint32_t index) {
  const auto slot = next_slot();
  reserve(slot + 2);
  return stand_for({Operand::Kind::local, slot, index});
}

/// The operand is about to be pushed. Where it stands for a local, that is kept in mind.
Operand Emitter::stand_for(Operand operand) {
  if (operand.kind == Operand::Kind::local) {
    ++local_uses_[operand.value];
    clean_height_ = std::min(clean_height_, stack_->size());
  }
  return operand;
}

/// The local is about to change: entries that stand for it get its present value.
void Emitter::spill_local(std::uint32_t index) {
  if (local_uses_[index] == 0)
    return;
  for (auto i = stack_->size(); i-- > clean_height_;) {
    auto& entry = (*stack_)[i];
    if (entry.operand.kind != Operand::Kind::local || entry.operand.value != index)
      continue;
    copy(local_slots_[index], entry.operand.slot, carrier_of(entry.type));
    entry.operand = {Operand::Kind::stack, entry.operand.slot, 0};
  }
  local_uses_[index] = 0;
}

void Emitter::assign_local(std::uint32_t index, const Operand& value) {
  // Copies made by spilling leave the accumulators alone and lie below what the pending instruction reads, so they may
  // come before it; if another value is pending, it may still read the slots they write.
  settle_unless(value);
  spill_local(index);
  const auto slot = local_slots_[index];
  if (is_pending(value)) {
    pending_.destination = slot;
    settle(To::slot);
    return;
  }
  move(value, local_types_[index], slot);
}

void Emitter::local_set(std::uint32_t index, Operand value) {
  if (value.kind == Operand::Kind::local && value.value == index)
    return;
  assign_local(index, value);
}

Operand Emitter::local_tee(std::uint32_t index, Operand value) {
  local_set(index, value);
  if (value.is_constant())
    return value;
  return stand_for({Operand::Kind::local, value.slot, index});
}

/// Entries from `first_entry` up go to their own slots.
void Emitter::materialize(std::size_t first_entry) {
  settle();
  for (auto i = first_entry; i < stack_->size(); ++i) {
    auto& entry = (*stack_)[i];
    if (entry.operand.kind == Operand::Kind::stack)
      continue;
    move(entry.operand, entry.type, entry.operand.slot);
    entry.operand = {Operand::Kind::stack, entry.operand.slot, 0};
  }
}

/// Code that follows may run without what came just before it, or more than once: entries must not stand for locals.
void Emitter::materialize_locals() {
  for (auto i = clean_height_; i < stack_->size(); ++i) {
    auto& entry = (*stack_)[i];
    if (entry.operand.kind != Operand::Kind::local)
      continue;
    copy(home(entry.operand), entry.operand.slot, carrier_of(entry.type));
    entry.operand = {Operand::Kind::stack, entry.operand.slot, 0};
  }
  clean_height_ = stack_->size();
}

}  // namespace wzrun::interp
