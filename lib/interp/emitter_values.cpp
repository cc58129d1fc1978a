#include "interp/emitter.h"

#include <array>
#include <cstring>
#include <utility>

// Numeric instructions and memory access.
namespace wzrun::interp {

using wasm::Opcode;

namespace {

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

}  // namespace wzrun::interp
