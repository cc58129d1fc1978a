#include "interp/emitter.h"

#include <algorithm>
#include <cstring>

namespace wzrun::interp {

namespace {

using wasm::Opcode;

constexpr std::int32_t width(ValueType type) { return type.is_vector() ? 2 : 1; }

constexpr Carrier carrier_of_text(const char* signature) {
  switch (signature[0]) {
    case 'f':
      return Carrier::floating;
    case 'v':
      return Carrier::vector;
    default:
      return Carrier::integer;
  }
}

/// What the result of an instruction with one is to the accumulators.
constexpr auto kResultCarriers = [] {
  std::array<Carrier, wasm::kOpcodeCount> table{};
#define WZRUN_NUMERIC(code, id, text, signature, ...) \
  table[static_cast<std::size_t>(Opcode::id)] = carrier_of_text(#signature);
#define WZRUN_LANE(code, id, text, signature, ...) \
  table[static_cast<std::size_t>(Opcode::id)] = carrier_of_text(#signature);
#define WZRUN_LOAD(code, id, text, type, ...) table[static_cast<std::size_t>(Opcode::id)] = carrier_of_text(#type);
#define WZRUN_VECTOR_LOAD(code, id, ...) table[static_cast<std::size_t>(Opcode::id)] = Carrier::vector;
#include "wasm/opcodes.def"
  return table;
}();

/// What the operands of a numeric instruction are, by position in the signature.
constexpr Carrier carrier_of_operand(const char* signature, int position) {
  while (*signature != '(')
    ++signature;
  ++signature;
  for (int i = 0; i < position;) {
    if (*signature == ',')
      ++i;
    ++signature;
  }
  while (*signature == ' ')
    ++signature;
  return carrier_of_text(signature);
}

struct OperandCarriers {
  Carrier first{};
  Carrier second{};
};

constexpr auto kOperandCarriers = [] {
  std::array<OperandCarriers, wasm::kOpcodeCount> table{};
  constexpr auto of = [](const char* signature) {
    OperandCarriers carriers{carrier_of_operand(signature, 0), Carrier::integer};
    for (const char* c = signature; *c != '\0'; ++c)
      if (*c == ',') {
        carriers.second = carrier_of_operand(signature, 1);
        break;
      }
    return carriers;
  };
#define WZRUN_NUMERIC(code, id, text, signature, ...) table[static_cast<std::size_t>(Opcode::id)] = of(#signature);
#define WZRUN_STORE(code, id, text, type, ...) \
  table[static_cast<std::size_t>(Opcode::id)] = {Carrier::integer, carrier_of_text(#type)};
#include "wasm/opcodes.def"
  return table;
}();

constexpr Carrier result_carrier(Opcode opcode) { return kResultCarriers[static_cast<std::size_t>(opcode)]; }
constexpr OperandCarriers operand_carriers(Opcode opcode) { return kOperandCarriers[static_cast<std::size_t>(opcode)]; }

}  // namespace

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

// Numeric instructions.

Operand Emitter::numeric(Opcode opcode, std::initializer_list<Operand> operands) {
  const auto* const operand = operands.begin();
  if (operands.size() == 2)
    return binary(opcode, operand[0], operand[1]);
  if (operands.size() == 1)
    return unary(opcode, operand[0]);
  Operand a = operand[0], b = operand[1], c = operand[2];
  Fields fields;
  fields.put32(static_cast<std::uint32_t>(slot_of(a)));
  fields.put32(static_cast<std::uint32_t>(slot_of(b)));
  fields.put32(static_cast<std::uint32_t>(slot_of(c)));
  return hold(nullptr, ternary_handler(opcode), fields, Carrier::vector);
}

Operand Emitter::unary(Opcode opcode, Operand a) {
  // A test for zero is a comparison like the others, and the test of a comparison is its negation.
  if (opcode == Opcode::i32_eqz || opcode == Opcode::i64_eqz) {
    if (opcode == Opcode::i32_eqz && is_pending(a) && pending_.comparison && is_integer_comparison(pending_.opcode)) {
      pending_.opcode = negated_comparison(pending_.opcode);
      const auto& handlers = *binary_handlers(pending_.opcode);
      pending_.to_accumulator = handlers[binary_variant(pending_.a, pending_.b, To::accumulator)];
      pending_.to_slot = handlers[binary_variant(pending_.a, pending_.b, To::slot)];
      return a;
    }
    const bool narrow = opcode == Opcode::i32_eqz;
    Operand zero = a;
    zero.kind = narrow ? Operand::Kind::i32 : Operand::Kind::i64;
    zero.value = 0;
    return binary(narrow ? Opcode::i32_eq : Opcode::i64_eq, a, zero);
  }
  const auto& handlers = *unary_handlers(opcode);
  a = fit(a, false);
  settle_unless(a);
  const auto from_a = source(a, operand_carriers(opcode).first);
  Fields fields;
  put(fields, from_a, from_a.first);
  take(from_a, from_a.first);
  auto result = hold(handlers[unary_variant(from_a.first, To::accumulator)],
                     handlers[unary_variant(from_a.first, To::slot)], fields, result_carrier(opcode));
  return result;
}

Operand Emitter::binary(Opcode opcode, Operand a, Operand b) {
  if (a.is_constant() && b.is_constant())
    a = fit(a, false);
  if (a.is_constant() && is_integer_comparison(opcode)) {
    std::swap(a, b);  // the handlers of branches take an immediate only as the second operand
    opcode = mirrored_comparison(opcode);
  }
  const auto& handlers = *binary_handlers(opcode);
  const auto carriers = operand_carriers(opcode);
  a = fit(a, carriers.first != Carrier::vector);
  b = fit(b, carriers.second != Carrier::vector);
  if (pending_.valid && !is_pending(a) && !is_pending(b))
    settle();
  auto from_a = source(a, carriers.first);
  auto from_b = source(b, carriers.second);
  if (carriers.first == carriers.second)
    keep_apart(from_a, from_b);
  // The value computed last is the one whose trip through memory would hurt: prefer it in the accumulator.
  const std::array<std::pair<From, From>, 4> ways = {{{from_b.is_pending ? from_a.second : from_a.first, from_b.first},
                                                      {from_a.first, from_b.second},
                                                      {from_a.second, from_b.first},
                                                      {from_a.second, from_b.second}}};
  for (const auto& [way_a, way_b] : ways) {
    const auto to_slot = handlers[binary_variant(way_a, way_b, To::slot)];
    if (to_slot == nullptr)
      continue;
    Fields fields;
    put(fields, from_a, way_a);
    put(fields, from_b, way_b);
    take(from_a, way_a);
    take(from_b, way_b);
    const auto result =
        hold(handlers[binary_variant(way_a, way_b, To::accumulator)], to_slot, fields, result_carrier(opcode));
    pending_.comparison = is_comparison(opcode);
    pending_.opcode = opcode;
    pending_.a = way_a;
    pending_.b = way_b;
    return result;
  }
  std::unreachable();
}

Operand Emitter::lane_operation(Opcode opcode, std::uint8_t lane, std::initializer_list<Operand> operands) {
  Fields fields;
  for (auto operand : operands)
    fields.put32(static_cast<std::uint32_t>(slot_of(operand)));
  fields.put32(lane);
  return hold(nullptr, lane_handler(opcode), fields, result_carrier(opcode));
}

Operand Emitter::shuffle(const std::array<std::uint8_t, 16>& lanes, Operand a, Operand b) {
  Fields fields;
  fields.put32(static_cast<std::uint32_t>(slot_of(a)));
  fields.put32(static_cast<std::uint32_t>(slot_of(b)));
  std::memcpy(fields.bytes.data() + fields.size, lanes.data(), lanes.size());
  fields.size += 16;
  return hold(nullptr, shuffle_handler(), fields, Carrier::vector);
}

Operand Emitter::v128_const(const std::array<std::uint8_t, 16>& bytes) {
  settle();
  Fields fields;
  std::memcpy(fields.bytes.data(), bytes.data(), bytes.size());
  fields.size = 16;
  return hold(nullptr, control_handlers.constant128, fields, Carrier::vector);
}

// Memory.

Operand Emitter::load(Opcode opcode, const wasm::MemoryArgument& memory, Operand address) {
  if (!guarded_memory0_ || memory.memory_index != 0) {
    Fields fields;
    fields.put32(memory.memory_index);
    fields.put32(static_cast<std::uint32_t>(slot_of(address)));
    const auto result = on_stack(next_slot());
    fields.put32(static_cast<std::uint32_t>(result.slot));
    fields.put64(memory.offset);
    emit(checked_load_handler(opcode), fields);
    wrote(result.slot, result_carrier(opcode));
    return result;
  }
  const auto& handlers = *load_handlers(opcode);
  auto offset = memory.offset;
  if (address.is_constant() && static_cast<std::uint32_t>(address.value) + offset <= UINT32_MAX)
    offset += static_cast<std::uint32_t>(address.value);
  else
    address = fit(address, false);
  settle_unless(address);
  const auto from = source(address, Carrier::integer);
  Fields fields;
  if (from.first == From::slot)
    fields.put32(static_cast<std::uint32_t>(from.slot));
  fields.put32(static_cast<std::uint32_t>(offset));
  take(from, from.first);
  return hold(handlers[load_variant(from.first, To::accumulator)], handlers[load_variant(from.first, To::slot)], fields,
              result_carrier(opcode));
}

void Emitter::store(Opcode opcode, const wasm::MemoryArgument& memory, Operand address, Operand value) {
  if (!guarded_memory0_ || memory.memory_index != 0) {
    Fields fields;
    fields.put32(memory.memory_index);
    fields.put32(static_cast<std::uint32_t>(slot_of(address)));
    fields.put32(static_cast<std::uint32_t>(slot_of(value)));
    fields.put64(memory.offset);
    emit(checked_store_handler(opcode), fields);
    return;
  }
  const auto& handlers = *store_handlers(opcode);
  const auto carrier = operand_carriers(opcode).second;
  auto offset = memory.offset;
  if (address.is_constant() && static_cast<std::uint32_t>(address.value) + offset <= UINT32_MAX)
    offset += static_cast<std::uint32_t>(address.value);
  else
    address = fit(address, false);
  value = fit(value, carrier != Carrier::vector);
  if (pending_.valid && !is_pending(address) && !is_pending(value))
    settle();
  auto from_address = source(address, Carrier::integer);
  auto from_value = source(value, carrier);
  if (carrier == Carrier::integer)
    keep_apart(from_address, from_value);
  const std::array<std::pair<From, From>, 4> ways = {{{from_address.first, from_value.first},
                                                      {from_address.second, from_value.first},
                                                      {from_address.first, from_value.second},
                                                      {from_address.second, from_value.second}}};
  for (const auto& [way_address, way_value] : ways) {
    const auto handler = handlers[store_variant(way_address, way_value)];
    if (handler == nullptr)
      continue;
    Fields fields;
    if (way_address == From::slot)
      fields.put32(static_cast<std::uint32_t>(from_address.slot));
    fields.put32(static_cast<std::uint32_t>(offset));
    put(fields, from_value, way_value);
    take(from_address, way_address);
    take(from_value, way_value);
    emit(handler, fields);
    return;
  }
  std::unreachable();
}

Operand Emitter::load_lane(Opcode opcode, const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address,
                           Operand vector) {
  Fields fields;
  fields.put32(memory.memory_index);
  fields.put32(lane);
  fields.put32(static_cast<std::uint32_t>(slot_of(address)));
  fields.put32(static_cast<std::uint32_t>(slot_of(vector)));
  const auto result = on_stack(next_slot());
  fields.put32(static_cast<std::uint32_t>(result.slot));
  fields.put64(memory.offset);
  emit(load_lane_handler(opcode), fields);
  wrote(result.slot, Carrier::vector);
  return result;
}

void Emitter::store_lane(Opcode opcode, const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address,
                         Operand vector) {
  Fields fields;
  fields.put32(memory.memory_index);
  fields.put32(lane);
  fields.put32(static_cast<std::uint32_t>(slot_of(address)));
  fields.put32(static_cast<std::uint32_t>(slot_of(vector)));
  fields.put64(memory.offset);
  emit(store_lane_handler(opcode), fields);
}

// Variables.

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

Operand Emitter::global_get(std::uint32_t index) {
  settle();
  const auto carrier = carrier_of(module_->globals[index].type.value);
  const auto c = static_cast<std::size_t>(carrier);
  Fields fields;
  if (index < module_->imported_globals) {
    fields.put32(index);
    return hold(nullptr, control_handlers.global_get_imported[c], fields, carrier);
  }
  fields.put32(static_cast<std::uint32_t>(sizeof(runtime::Instance) + (index - module_->imported_globals) * 16));
  return hold(control_handlers.global_get[c][0], control_handlers.global_get[c][1], fields, carrier);
}

void Emitter::global_set(std::uint32_t index, Operand value) {
  const auto carrier = carrier_of(module_->globals[index].type.value);
  const auto c = static_cast<std::size_t>(carrier);
  if (index < module_->imported_globals) {
    emit(control_handlers.global_set_imported[c], {static_cast<std::uint32_t>(slot_of(value)), index});
    return;
  }
  value = fit(value, false);
  settle_unless(value);
  const auto from = source(value, carrier);
  Fields fields;
  put(fields, from, from.first);
  fields.put32(static_cast<std::uint32_t>(sizeof(runtime::Instance) + (index - module_->imported_globals) * 16));
  take(from, from.first);
  emit(control_handlers.global_set[c][from.first == From::accumulator], fields);
}

void Emitter::drop(ValueType, Operand operand) {
  if (is_pending(operand))
    settle(To::accumulator);
}

Operand Emitter::select(ValueType type, Operand a, Operand b, Operand condition) {
  const auto carrier = carrier_of(type);
  a = fit(a, false);
  b = fit(b, false);
  condition = fit(condition, false);
  settle_unless(condition);
  const auto from = source(condition, Carrier::integer);
  Fields fields;
  fields.put32(static_cast<std::uint32_t>(home(a)));
  fields.put32(static_cast<std::uint32_t>(home(b)));
  put(fields, from, from.first);
  take(from, from.first);
  return hold(nullptr, control_handlers.select[static_cast<std::size_t>(carrier)][from.first == From::accumulator],
              fields, carrier);
}

// References, tables, bulk memory: all operands in slots.

namespace {
std::uint32_t u(std::int32_t value) { return static_cast<std::uint32_t>(value); }
}  // namespace

Operand Emitter::ref_is_null(Operand reference) {
  Fields fields;
  fields.put32(u(slot_of(reference)));
  return hold(nullptr, control_handlers.ref_is_null, fields, Carrier::integer);
}
Operand Emitter::ref_func(std::uint32_t index) {
  settle();
  Fields fields;
  fields.put32(index);
  return hold(nullptr, control_handlers.ref_func, fields, Carrier::integer);
}
Operand Emitter::ref_eq(Operand a, Operand b) {
  Fields fields;
  fields.put32(u(slot_of(a)));
  fields.put32(u(slot_of(b)));
  return hold(nullptr, control_handlers.ref_eq, fields, Carrier::integer);
}
Operand Emitter::ref_as_non_null(Operand reference) {
  const auto slot = slot_of(reference);
  emit(control_handlers.ref_as_non_null, {u(slot)});
  return stand_for(reference);
}
Operand Emitter::table_get(std::uint32_t table, Operand index) {
  Fields fields;
  fields.put32(table);
  fields.put32(u(slot_of(index)));
  return hold(nullptr, control_handlers.table_get, fields, Carrier::integer);
}
void Emitter::table_set(std::uint32_t table, Operand index, Operand value) {
  const auto index_slot = slot_of(index);
  const auto value_slot = slot_of(value);
  emit(control_handlers.table_set, {table, u(index_slot), u(value_slot)});
}
Operand Emitter::table_size(std::uint32_t table) {
  settle();
  Fields fields;
  fields.put32(table);
  return hold(nullptr, control_handlers.table_size, fields, Carrier::integer);
}
Operand Emitter::table_grow(std::uint32_t table, Operand value, Operand delta) {
  Fields fields;
  fields.put32(table);
  fields.put32(u(slot_of(value)));
  fields.put32(u(slot_of(delta)));
  return hold(nullptr, control_handlers.table_grow, fields, Carrier::integer);
}
void Emitter::table_fill(std::uint32_t table, Operand index, Operand value, Operand count) {
  const auto a = slot_of(index), b = slot_of(value), c = slot_of(count);
  emit(control_handlers.table_fill, {table, u(a), u(b), u(c)});
}
void Emitter::table_copy(std::uint32_t to, std::uint32_t from, Operand destination, Operand source, Operand count) {
  const auto a = slot_of(destination), b = slot_of(source), c = slot_of(count);
  emit(control_handlers.table_copy, {to, from, u(a), u(b), u(c)});
}
void Emitter::table_init(std::uint32_t table, std::uint32_t segment, Operand destination, Operand source,
                         Operand count) {
  const auto a = slot_of(destination), b = slot_of(source), c = slot_of(count);
  emit(control_handlers.table_init, {table, segment, u(a), u(b), u(c)});
}
void Emitter::elem_drop(std::uint32_t segment) {
  settle();
  emit(control_handlers.elem_drop, {segment});
}
Operand Emitter::memory_size(std::uint32_t memory) {
  settle();
  Fields fields;
  fields.put32(memory);
  return hold(nullptr, control_handlers.memory_size, fields, Carrier::integer);
}
Operand Emitter::memory_grow(std::uint32_t memory, Operand delta) {
  Fields fields;
  fields.put32(memory);
  fields.put32(u(slot_of(delta)));
  return hold(nullptr, control_handlers.memory_grow, fields, Carrier::integer);
}
void Emitter::memory_fill(std::uint32_t memory, Operand destination, Operand value, Operand count) {
  const auto a = slot_of(destination), b = slot_of(value), c = slot_of(count);
  emit(control_handlers.memory_fill, {memory, u(a), u(b), u(c)});
}
void Emitter::memory_copy(std::uint32_t to, std::uint32_t from, Operand destination, Operand source, Operand count) {
  const auto a = slot_of(destination), b = slot_of(source), c = slot_of(count);
  emit(control_handlers.memory_copy, {to, from, u(a), u(b), u(c)});
}
void Emitter::memory_init(std::uint32_t memory, std::uint32_t segment, Operand destination, Operand source,
                          Operand count) {
  const auto a = slot_of(destination), b = slot_of(source), c = slot_of(count);
  emit(control_handlers.memory_init, {memory, segment, u(a), u(b), u(c)});
}
void Emitter::data_drop(std::uint32_t segment) {
  settle();
  emit(control_handlers.data_drop, {segment});
}

// Blocks and branches.

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

void Emitter::block(Frame& frame) {
  materialize(frame.height);
  materialize_locals();
  frame.label.base = next_slot() - slots_of_top(frame.type.params.size());
}

void Emitter::loop(Frame& frame) {
  block(frame);
  join();
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

void Emitter::call(std::uint32_t function_index, const wasm::FunctionType& type) {
  const auto arguments = prepare_arguments(type);
  const auto callee = window_of_callee(arguments, type);
  if (function_index < module_->imported_functions) {
    emit(control_handlers.call_import, {function_index, u(arguments), u(callee)});
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
  if (function_index < module_->imported_functions) {
    const auto reference = window_of_callee(arguments, type);
    reserve(reference + 1);
    emit(control_handlers.resolve_import, {function_index, u(reference)});
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
