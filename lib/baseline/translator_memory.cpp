#include "baseline/translator.h"

#include "runtime/instance.h"
#include "wasm/v128.h"

#include <cstddef>
#include <type_traits>

// Access to memories and tables, and what is done to all of one at once.
namespace wzrun::baseline {

using runtime::InstanceContext;
using runtime::LinearMemory;
using runtime::TableElements;
using wasm::Opcode;

namespace {

/// What the rows of opcodes.def say of an access.
struct Access {
  bool is_float = false;
  bool is_64 = false;  ///< the value, not what is in memory
  unsigned bytes = 0;
  bool is_signed = false;
};

struct i32 {};
struct i64 {};
struct f32 {};
struct f64 {};
struct v128 {};

template <typename Type, typename Memory>
constexpr Access access_of_row() {
  constexpr bool kIsFloat = std::is_same_v<Type, f32> || std::is_same_v<Type, f64>;
  constexpr bool kIs64 = std::is_same_v<Type, i64> || std::is_same_v<Type, f64>;
  return {kIsFloat, kIs64, sizeof(Memory), std::is_signed_v<Memory>};
}

constexpr Access access_of(Opcode op) {
  switch (op) {
#define WZRUN_LOAD(code, id, text, type, memory_type, feature) \
  case Opcode::id:                                             \
    return access_of_row<type, memory_type>();
#define WZRUN_STORE(code, id, text, type, memory_type, feature) WZRUN_LOAD(code, id, text, type, memory_type, feature)
#include "wasm/opcodes.def"
    default:
      return {};
  }
}

}  // namespace

/// Of a load: its opcode, alignment with perhaps the number of a memory, and offset.
std::size_t Translator::length_of_access(Opcode op) const {
  const auto first = offset_ - body_offset_;
  auto at = first + 1;
  const auto skip = [&] {
    while (at < body_.size() && body_[at] >= 0x80)
      ++at;
    ++at;
  };
  if (length_of(op) > 1)  // the number behind a prefix
    skip();
  const bool has_memory_index = at < body_.size() && (body_[at] & 0x40) != 0;
  skip();
  if (has_memory_index)
    skip();
  skip();
  return at - first;
}

void Translator::load_memory(Gpr to, std::uint32_t memory) {
  a_.load(Width::w64, to, FrameLayout::instance());
  if (memory == 0)
    return a_.load(Width::w64, to, {to, {}, offsetof(InstanceContext, memory0)});
  a_.load(Width::w64, to, {to, {}, offsetof(InstanceContext, memories)});
  a_.load(Width::w64, to, {to, {}, static_cast<std::int32_t>(memory * sizeof(void*))});
}

Address Translator::address_of(const wasm::MemoryArgument& memory, Operand& index, std::uint64_t bytes,
                               Operand& extra) {
  constexpr std::uint64_t kMostDisplacement = 0x7fffffff;
  const auto& limits = wasm_.memories[memory.memory_index].limits;
  if (unit_.guarded && !limits.is_64) {
    auto base = kMemoryBase;
    if (memory.memory_index != 0) {
      base = allocate_gpr();
      extra = Operand::in(base);
      load_memory(base, memory.memory_index);
      a_.load(Width::w64, base, {base, {}, LinearMemory::kBaseOffset});
    }
    if (index.is(Kind::constant)) {
      const auto address = index.value + memory.offset;
      if (address <= kMostDisplacement)
        return {base, {}, static_cast<std::int32_t>(address)};
      a_.move_constant(kScratch, address);
      return {base, kScratch, 0};
    }
    const auto reg = gpr(index, Width::w32);
    if (memory.offset <= kMostDisplacement)
      return {base, reg, static_cast<std::int32_t>(memory.offset)};
    a_.move_constant(kScratch, memory.offset);
    a_.arithmetic(Arithmetic::add, Width::w64, kScratch, reg);
    return {base, kScratch, 0};
  }
  // Behind the access must be within the memory.
  const auto behind = allocate_gpr();
  extra = Operand::in(behind);
  if (memory.offset > ~std::uint64_t{0} - bytes) {
    a_.jump(trap_label(TrapKind::out_of_bounds_memory_access));
    return {behind, {}, 0};
  }
  load_into(behind, index, width_of(limits.is_64));
  a_.move_constant(kScratch, memory.offset + bytes);
  a_.arithmetic(Arithmetic::add, Width::w64, behind, kScratch);
  if (limits.is_64)
    trap_if(Condition::below, TrapKind::out_of_bounds_memory_access);
  load_memory(kScratch, memory.memory_index);
  a_.arithmetic(Arithmetic::compare, Width::w64, behind, Address{kScratch, {}, LinearMemory::kSizeOffset});
  trap_if(Condition::above, TrapKind::out_of_bounds_memory_access);
  a_.load(Width::w64, kScratch, {kScratch, {}, LinearMemory::kBaseOffset});
  return {kScratch, behind, -static_cast<std::int32_t>(bytes)};
}

Operand Translator::load_from(Opcode op, const wasm::MemoryArgument& memory, Operand index) {
  const auto access = access_of(op);
  take(index);
  Operand extra;
  const auto address = address_of(memory, index, access.bytes, extra);
  const auto length = length_of_access(op);
  if (access.is_float) {
    const auto to = destination_xmm(length, nullptr, {});
    note_line();
    a_.load(xmm_width(access.is_64), to, address);
    release(extra);
    release(index);
    return result(to);
  }
  const auto to = destination(length, &index, {});
  const auto width = access.is_signed ? width_of(access.is_64) : Width::w32;
  note_line();
  switch (access.bytes) {
    case 1:
      a_.emit({0, 1, static_cast<std::uint8_t>(access.is_signed ? 0xbe : 0xb6)}, width, number(to), address);
      break;
    case 2:
      a_.emit({0, 1, static_cast<std::uint8_t>(access.is_signed ? 0xbf : 0xb7)}, width, number(to), address);
      break;
    case 4:
      a_.emit({0, 0, static_cast<std::uint8_t>(access.is_signed ? 0x63 : 0x8b)}, width, number(to), address);
      break;
    default:
      a_.load(Width::w64, to, address);
      break;
  }
  release(extra);
  release(index);
  return result(to);
}

void Translator::store_to(Opcode op, const wasm::MemoryArgument& memory, Operand index, Operand value) {
  const auto access = access_of(op);
  take(index);
  take(value);
  Operand extra;
  if (access.is_float) {
    const auto from = xmm(value, access.is_64);
    const auto address = address_of(memory, index, access.bytes, extra);
    note_line();
    a_.store(xmm_width(access.is_64), address, from);
  } else {
    const auto as_signed = static_cast<std::int64_t>(value.value);
    const bool is_immediate =
        value.is(Kind::constant) && (access.bytes < 8 || as_signed == static_cast<std::int32_t>(as_signed));
    const auto from = is_immediate ? Gpr::rax : gpr(value, width_of(access.is_64));
    const auto address = address_of(memory, index, access.bytes, extra);
    note_line();
    const std::uint8_t prefix = access.bytes == 2 ? 0x66 : 0;
    const auto width = width_of(access.bytes == 8);
    const bool is_byte = access.bytes == 1;
    if (!is_immediate) {
      if (is_byte)
        a_.emit_byte({0, 0, 0x88}, number(from), address);
      else
        a_.emit({prefix, 0, 0x89}, width, number(from), address);
    } else {
      a_.emit({prefix, 0, static_cast<std::uint8_t>(is_byte ? 0xc6 : 0xc7)}, width, 0, address);
      if (is_byte) {
        a_.immediate8(as_signed);
      } else if (access.bytes == 2) {
        a_.immediate8(as_signed);
        a_.immediate8(as_signed >> 8);
      } else {
        a_.immediate32(as_signed);
      }
    }
  }
  release(extra);
  release(value);
  release(index);
}

Operand Translator::memory_size(std::uint32_t memory) {
  const auto to = allocate_gpr();
  load_memory(to, memory);
  a_.load(Width::w64, to, {to, {}, LinearMemory::kSizeOffset});
  constexpr unsigned kShiftRight = 5;
  a_.emit({0, 0, 0xc1}, Width::w64, kShiftRight, to);
  a_.immediate8(wasm::kPageSizeLog2);
  return result(to);
}

Operand Translator::memory_grow(std::uint32_t memory, Operand delta) {
  const bool is_64 = wasm_.memories[memory].limits.is_64;
  call_helper(NativeHelper::memory_grow, {{Operand::constant(memory)}, {delta, width_of(is_64)}});
  if (!is_64)
    a_.move(Width::w32, Gpr::rax, Gpr::rax);
  return result(Gpr::rax);
}

void Translator::memory_fill(std::uint32_t memory, Operand to, Operand value, Operand count) {
  const auto width = width_of(wasm_.memories[memory].limits.is_64);
  call_helper(NativeHelper::memory_fill,
              {{Operand::constant(memory)}, {to, width}, {value, Width::w32}, {count, width}});
}

void Translator::memory_copy(std::uint32_t to_memory, std::uint32_t from_memory, Operand to, Operand from,
                             Operand count) {
  const bool to_64 = wasm_.memories[to_memory].limits.is_64;
  const bool from_64 = wasm_.memories[from_memory].limits.is_64;
  call_helper(NativeHelper::memory_copy, {{Operand::constant(to_memory)},
                                          {Operand::constant(from_memory)},
                                          {to, width_of(to_64)},
                                          {from, width_of(from_64)},
                                          {count, width_of(to_64 && from_64)}});
}

void Translator::memory_init(std::uint32_t memory, std::uint32_t segment, Operand to, Operand from, Operand count) {
  call_helper(NativeHelper::memory_init, {{Operand::constant(memory)},
                                          {Operand::constant(segment)},
                                          {to, width_of(wasm_.memories[memory].limits.is_64)},
                                          {from, Width::w32},
                                          {count, Width::w32}});
}

void Translator::data_drop(std::uint32_t segment) {
  call_helper(NativeHelper::data_drop, {{Operand::constant(segment)}});
}

// Tables and references.

void Translator::load_table(Gpr to, std::uint32_t table) {
  a_.load(Width::w64, to, FrameLayout::instance());
  a_.load(Width::w64, to, {to, {}, offsetof(InstanceContext, tables)});
  a_.load(Width::w64, to, {to, {}, static_cast<std::int32_t>(table * sizeof(void*))});
}

void Translator::check_element(std::uint32_t table, Gpr index, TrapKind out_of_bounds) {
  load_table(kScratch, table);
  a_.arithmetic(Arithmetic::compare, Width::w64, index, Address{kScratch, {}, TableElements::kSizeOffset});
  trap_if(Condition::above_equal, out_of_bounds);
  a_.load(Width::w64, kScratch, {kScratch, {}, TableElements::kDataOffset});
}

Operand Translator::table_get(std::uint32_t table, Operand index) {
  take(index);
  const auto reg = gpr(index, width_of(wasm_.tables[table].type.limits.is_64));
  check_element(table, reg, TrapKind::out_of_bounds_table_access);
  release(index);
  const auto to = allocate_gpr();
  a_.load(Width::w64, to, {kScratch, reg, 0, 3});
  return result(to);
}

void Translator::table_set(std::uint32_t table, Operand index, Operand value) {
  take(index);
  take(value);
  const auto reg = gpr(index, width_of(wasm_.tables[table].type.limits.is_64));
  const auto from = gpr(value, Width::w64);
  check_element(table, reg, TrapKind::out_of_bounds_table_access);
  a_.store(Width::w64, {kScratch, reg, 0, 3}, from);
  release(index);
  release(value);
}

Operand Translator::table_size(std::uint32_t table) {
  const auto to = allocate_gpr();
  load_table(to, table);
  a_.load(Width::w64, to, {to, {}, TableElements::kSizeOffset});
  return result(to);
}

Operand Translator::table_grow(std::uint32_t table, Operand value, Operand delta) {
  const bool is_64 = wasm_.tables[table].type.limits.is_64;
  call_helper(NativeHelper::table_grow, {{Operand::constant(table)}, {value}, {delta, width_of(is_64)}});
  if (!is_64)
    a_.move(Width::w32, Gpr::rax, Gpr::rax);
  return result(Gpr::rax);
}

void Translator::table_fill(std::uint32_t table, Operand index, Operand value, Operand count) {
  const auto width = width_of(wasm_.tables[table].type.limits.is_64);
  call_helper(NativeHelper::table_fill, {{Operand::constant(table)}, {index, width}, {value}, {count, width}});
}

void Translator::table_copy(std::uint32_t to_table, std::uint32_t from_table, Operand to, Operand from, Operand count) {
  const bool to_64 = wasm_.tables[to_table].type.limits.is_64;
  const bool from_64 = wasm_.tables[from_table].type.limits.is_64;
  call_helper(NativeHelper::table_copy, {{Operand::constant(to_table)},
                                         {Operand::constant(from_table)},
                                         {to, width_of(to_64)},
                                         {from, width_of(from_64)},
                                         {count, width_of(to_64 && from_64)}});
}

void Translator::table_init(std::uint32_t table, std::uint32_t segment, Operand to, Operand from, Operand count) {
  call_helper(NativeHelper::table_init, {{Operand::constant(table)},
                                         {Operand::constant(segment)},
                                         {to, width_of(wasm_.tables[table].type.limits.is_64)},
                                         {from, Width::w32},
                                         {count, Width::w32}});
}

void Translator::elem_drop(std::uint32_t segment) {
  call_helper(NativeHelper::elem_drop, {{Operand::constant(segment)}});
}

Operand Translator::ref_func(std::uint32_t function_index) {
  call_helper(NativeHelper::ref_func, {{Operand::constant(function_index)}});
  return result(Gpr::rax);
}

Operand Translator::ref_as_non_null(Operand reference) {
  take(reference);
  const auto reg = gpr(reference, Width::w64);
  a_.test(Width::w64, reg, reg);
  trap_if(Condition::equal, TrapKind::null_reference);
  return pushed_again(reference);
}

}  // namespace wzrun::baseline
