#include "interp/bodies.h"

// Loads and stores.
namespace wzrun::interp {

namespace {

template <wasm::Opcode opcode>
Variants<6> load_variants() {
  Variants<6> table{};
  const auto add = [&]<From address>() {
    table[load_variant(address, To::accumulator)] = address_of<step<LoadBody<opcode, address, To::accumulator>>>();
    table[load_variant(address, To::slot)] = address_of<step<LoadBody<opcode, address, To::slot>>>();
  };
  add.template operator()<From::slot>();
  add.template operator()<From::accumulator>();
  add.template operator()<From::immediate>();
  return table;
}

template <wasm::Opcode opcode>
Variants<9> store_variants() {
  using Value = Store<opcode>::Value;
  Variants<9> table{};
  const auto add = [&]<From address, From value>() {
    table[store_variant(address, value)] = address_of<step<StoreBody<opcode, address, value>>>();
  };
  add.template operator()<From::slot, From::slot>();
  add.template operator()<From::slot, From::accumulator>();
  add.template operator()<From::accumulator, From::slot>();
  add.template operator()<From::immediate, From::slot>();
  add.template operator()<From::immediate, From::accumulator>();
  if constexpr (kInVector<Value>)
    add.template operator()<From::accumulator, From::accumulator>();
  if constexpr (!std::same_as<Value, V128>) {
    add.template operator()<From::slot, From::immediate>();
    add.template operator()<From::accumulator, From::immediate>();
    add.template operator()<From::immediate, From::immediate>();
  }
  return table;
}

template <wasm::Opcode opcode>
const Variants<6>* load_table() {
  static const auto table = load_variants<opcode>();
  return &table;
}
template <wasm::Opcode opcode>
const Variants<9>* store_table() {
  static const auto table = store_variants<opcode>();
  return &table;
}

/// The host address of a checked access, or null if any byte lies past the end.
[[gnu::always_inline]] inline std::uint8_t* checked(runtime::Instance* in, std::uint32_t memory_index,
                                                    std::uint64_t address, std::uint64_t offset, std::uint64_t bytes) {
  const auto* const memory = in->memories[memory_index];
  std::uint64_t effective;
  if (__builtin_add_overflow(address, offset, &effective) || !memory->contains(effective, bytes))
    return nullptr;
  return memory->base() + effective;
}

template <wasm::Opcode opcode>
WZRUN_HANDLER void load_checked(WZRUN_STATE) {
  using L = Load<opcode>;
  const auto* const at = checked(in, read<std::uint32_t>(pc + kHead), slot_at(fp, pc, kHead + 4),
                                 read<std::uint64_t>(pc + kHead + 12), L::kBytes);
  if (at == nullptr) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_memory_access);
  put<typename L::Result, To::slot, kHead + 8>(pc, fp, acc, vacc, L::at(at));
  WZRUN_NEXT(kHead + 20);
}

template <wasm::Opcode opcode>
WZRUN_HANDLER void store_checked(WZRUN_STATE) {
  using S = Store<opcode>;
  auto* const at = checked(in, read<std::uint32_t>(pc + kHead), slot_at(fp, pc, kHead + 4),
                           read<std::uint64_t>(pc + kHead + 12), S::kBytes);
  if (at == nullptr) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_memory_access);
  S::at(at, read<typename S::Value>(&slot_at(fp, pc, kHead + 8)));
  WZRUN_NEXT(kHead + 20);
}

template <typename M>
WZRUN_HANDLER void load_lane(WZRUN_STATE) {
  const auto* const at = checked(in, read<std::uint32_t>(pc + kHead), slot_at(fp, pc, kHead + 8),
                                 read<std::uint64_t>(pc + kHead + 20), sizeof(M));
  if (at == nullptr) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_memory_access);
  auto vector = read<V128>(&slot_at(fp, pc, kHead + 12));
  std::memcpy(reinterpret_cast<std::uint8_t*>(&vector) + operand(pc, kHead + 4) * sizeof(M), at, sizeof(M));
  put<V128, To::slot, kHead + 16>(pc, fp, acc, vacc, vector);
  WZRUN_NEXT(kHead + 28);
}

template <typename M>
WZRUN_HANDLER void store_lane(WZRUN_STATE) {
  auto* const at = checked(in, read<std::uint32_t>(pc + kHead), slot_at(fp, pc, kHead + 8),
                           read<std::uint64_t>(pc + kHead + 16), sizeof(M));
  if (at == nullptr) [[unlikely]]
    WZRUN_RAISE(TrapKind::out_of_bounds_memory_access);
  const auto* const vector = reinterpret_cast<const std::uint8_t*>(&slot_at(fp, pc, kHead + 12));
  std::memcpy(at, vector + operand(pc, kHead + 4) * sizeof(M), sizeof(M));
  WZRUN_NEXT(kHead + 24);
}

}  // namespace

const Variants<6>* load_handlers(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_LOAD(code, id, ...) \
  case wasm::Opcode::id:          \
    return load_table<wasm::Opcode::id>();
#define WZRUN_VECTOR_LOAD(code, id, ...) \
  case wasm::Opcode::id:                 \
    return load_table<wasm::Opcode::id>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

const Variants<9>* store_handlers(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_STORE(code, id, ...) \
  case wasm::Opcode::id:           \
    return store_table<wasm::Opcode::id>();
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler checked_load_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_LOAD(code, id, ...) \
  case wasm::Opcode::id:          \
    return load_checked<wasm::Opcode::id>;
#define WZRUN_VECTOR_LOAD(code, id, ...) \
  case wasm::Opcode::id:                 \
    return load_checked<wasm::Opcode::id>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler checked_store_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_STORE(code, id, ...) \
  case wasm::Opcode::id:           \
    return store_checked<wasm::Opcode::id>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler load_lane_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_LOAD_LANE(code, id, text, lanes, memory_type, feature) \
  case wasm::Opcode::id:                                             \
    return load_lane<memory_type>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

Handler store_lane_handler(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_STORE_LANE(code, id, text, lanes, memory_type, feature) \
  case wasm::Opcode::id:                                              \
    return store_lane<memory_type>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

}  // namespace wzrun::interp
