#pragma once

#include "interp/code.h"
#include "wasm/opcodes.h"

#include <array>
#include <cstdint>

/// The handlers, by what they do and where their operands come from. A null handler means that there is none for
/// this combination, and the operand must be brought into a slot first.
/// Layout of an instruction: handler, then the operands in the order given, each 4 bytes unless said otherwise;
/// operands in an accumulator take no room.
namespace wzrun::interp {

/// Where an operand comes from.
enum class From : std::uint8_t { slot, immediate, accumulator };
/// Where a result goes: only the accumulator, or a slot and the accumulator.
enum class To : std::uint8_t { accumulator, slot };

/// What a value is to a handler that only moves it.
enum class Carrier : std::uint8_t { integer, floating, vector };
inline constexpr std::size_t kCarriers = 3;

inline Carrier carrier_of(ValueType type) {
  if (type.kind() == ValueKind::v128)
    return Carrier::vector;
  if (type.kind() == ValueKind::f32 || type.kind() == ValueKind::f64)
    return Carrier::floating;
  return Carrier::integer;
}

template <std::size_t N>
using Variants = std::array<Handler, N>;

/// The address of a handler, by an instruction: as a constant in a table it would be relocated at each start, used or
/// not, and there are thousands.
template <Handler handler>
Handler address_of() {
  auto address = handler;
  asm("" : "+r"(address));
  return address;
}

/// Numeric instructions. a, b, dst. An immediate takes 4 bytes (sign-extended for i64), or 8 for f64.
using UnaryVariants = Variants<4>;
using BinaryVariants = Variants<18>;
constexpr std::size_t unary_variant(From a, To to) {
  return (a == From::accumulator ? 2 : 0) + (to == To::slot ? 1 : 0);
}
constexpr std::size_t binary_variant(From a, From b, To to) {
  return (static_cast<std::size_t>(a) * 3 + static_cast<std::size_t>(b)) * 2 + (to == To::slot ? 1 : 0);
}
const UnaryVariants* unary_handlers(wasm::Opcode opcode);
const BinaryVariants* binary_handlers(wasm::Opcode opcode);
/// bitselect and the relaxed three-operand instructions: a, b, c, dst; all slots.
Handler ternary_handler(wasm::Opcode opcode);
/// a, [b], lane, dst; all slots.
Handler lane_handler(wasm::Opcode opcode);
/// a, b, 16 bytes of lanes, dst.
Handler shuffle_handler();

/// Branch if a comparison holds (or, for `negated`, does not): a, b, distance.
/// Backward branches count.
const Variants<9>* branch_handlers(wasm::Opcode comparison, bool negated, bool backward);
constexpr std::size_t branch_variant(From a, From b) {
  return static_cast<std::size_t>(a) * 3 + static_cast<std::size_t>(b);
}
/// The comparison that holds where this one does not, for integers; the opcode itself where there is none.
wasm::Opcode negated_comparison(wasm::Opcode opcode);
/// The comparison that says the same of the operands in the other order, for integers.
wasm::Opcode mirrored_comparison(wasm::Opcode opcode);
bool is_integer_comparison(wasm::Opcode opcode);
bool is_comparison(wasm::Opcode opcode);

/// Guarded access to memory 0. Loads: address, offset, dst. Stores: address, offset, value.
/// From::immediate for the address means that the offset is the whole address and there is no address operand.
const Variants<6>* load_handlers(wasm::Opcode opcode);
constexpr std::size_t load_variant(From address, To to) {
  return static_cast<std::size_t>(address) * 2 + (to == To::slot ? 1 : 0);
}
const Variants<9>* store_handlers(wasm::Opcode opcode);
constexpr std::size_t store_variant(From address, From value) {
  return static_cast<std::size_t>(address) * 3 + static_cast<std::size_t>(value);
}
/// Checked access to any memory: memory index, address, dst or value (all slots), offset (8 bytes).
Handler checked_load_handler(wasm::Opcode opcode);
Handler checked_store_handler(wasm::Opcode opcode);
/// memory index, lane, address, vector, [dst], offset (8 bytes). Always checked.
Handler load_lane_handler(wasm::Opcode opcode);
Handler store_lane_handler(wasm::Opcode opcode);

/// What does the work of two handlers whose instructions follow each other; a null handler if there is none. Its
/// operands are theirs in turn; a branch's distance counts from the fused instruction.
struct Fusion {
  Handler handler = nullptr;
  bool second_can_trap = false;  ///< then the first cannot
};
Fusion fusion_of(Handler first, Handler second);

/// Everything else.
struct ControlHandlers {
  Handler enter;  // slots of the frame, slots of locals to zero (a multiple of 4)
  Handler unreachable;
  Handler unsupported;           // number of the opcode
  Handler branch;                // distance
  Handler branch_back;           // distance
  Handler branch_table[2];       // [accumulator]: index, count, count + 1 distances
  Handler call;                  // Code* (8 bytes), window: fp of the callee relative to ours
  Handler call_import;           // import, arguments, window
  Handler call_indirect[2];      // [accumulator]: table, type id, arguments, window, index
  Handler call_ref;              // arguments, window, reference
  Handler return_call;           // Code* (8 bytes), arguments, argument slots, our window, callee's window
  Handler return_call_function;  // reference (slot; FunctionInstance*), arguments, argument slots, our window, callee's
  Handler resolve_import;        // import, dst: FunctionInstance*
  Handler resolve_indirect;      // table, type id, index, dst: FunctionInstance*
  Handler resolve_ref;           // reference, dst: FunctionInstance*, null checked
  Handler return_none;
  Handler return_one[kCarriers][2];  // [carrier][accumulator]: src, dst
  Handler return_many;               // src, count, dst

  Handler copy[kCarriers];               // src, dst
  Handler copy_two;                      // src, dst, src, dst; integers and floats
  Handler copy_many;                     // src, count, dst; may overlap
  Handler store_accumulator[kCarriers];  // dst
  Handler constant32;                    // value, dst
  Handler constant64;                    // value (8 bytes), dst
  Handler constant_float;                // bits (8 bytes), dst
  Handler constant128;                   // value (16 bytes), dst
  Handler select[kCarriers][2];          // [carrier][condition in accumulator]: a, b, condition, dst

  Handler global_get[kCarriers][2];        // [carrier][to slot]: byte offset from the instance, dst
  Handler global_set[kCarriers][2];        // [carrier][accumulator]: src, byte offset
  Handler global_get_imported[kCarriers];  // index, dst
  Handler global_set_imported[kCarriers];  // src, index

  Handler ref_func;            // function index, dst
  Handler ref_is_null;         // src, dst
  Handler ref_as_non_null;     // src
  Handler ref_eq;              // a, b, dst
  Handler branch_on_null;      // src, distance
  Handler branch_on_non_null;  // src, distance
  Handler table_get;           // table, index, dst
  Handler table_set;           // table, index, value
  Handler table_size;          // table, dst
  Handler table_grow;          // table, value, delta, dst
  Handler table_fill;          // table, index, value, count
  Handler table_copy;          // destination table, source table, dst, src, count
  Handler table_init;          // table, segment, dst, src, count
  Handler elem_drop;           // segment
  Handler memory_size;         // memory, dst
  Handler memory_grow;         // memory, delta, dst
  Handler memory_fill;         // memory, dst, value, count
  Handler memory_copy;         // destination memory, source memory, dst, src, count
  Handler memory_init;         // memory, segment, dst, src, count
  Handler data_drop;           // segment
};
extern const ControlHandlers control_handlers;

/// Where a function's entry leads until it is translated.
extern const std::uint8_t* const translate_entry;
/// Where a function's entry leads once there is compiled code of it. As the position of an activation: compiled code
/// runs in the place of its innermost frame.
extern const std::uint8_t* const compiled_entry;
/// The return address of a frame that was entered from outside.
extern const std::uint8_t* const host_return;
/// The return address of a frame whose caller is of another instance.
extern const std::uint8_t* const cross_return;
/// Whether an address is in a handler, where a run can be left at any instruction.
bool is_handler_address(const void* address);

}  // namespace wzrun::interp
