#include "interp/emitter.h"

// Globals, references, tables, bulk memory, and what only moves values.
namespace wzrun::interp {

/// Where a defined global is, from the instance's address.
std::uint32_t Emitter::own_global_offset(std::uint32_t index) const {
  const auto cell = std::size_t{index - module_->imported_globals} * 2;
  return static_cast<std::uint32_t>(sizeof(runtime::Instance) + cell * sizeof(Slot));
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
  fields.put32(own_global_offset(index));
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
  fields.put32(own_global_offset(index));
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

}  // namespace wzrun::interp
