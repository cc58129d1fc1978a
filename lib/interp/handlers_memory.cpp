#include "interp/handler_support.h"

// Loads and stores.
namespace wzrun::interp {

namespace {

#if defined(__aarch64__)
  #define WZRUN_VECTOR_CONSTRAINT "w"
#else
  #define WZRUN_VECTOR_CONSTRAINT "x"
#endif

/// What an instruction makes of memory, and how many bytes it takes there.
template <wasm::Opcode>
struct Load;
template <wasm::Opcode>
struct Store;

using wasm::numeric::f32;
using wasm::numeric::f64;
using wasm::numeric::i32;
using wasm::numeric::i64;
using wasm::numeric::v128;

// Unsigned narrow types must not be sign-extended: the cast goes through the memory type's own signedness.
template <typename T, typename M>
[[gnu::always_inline]] inline T extend(M value) {
  if constexpr (std::integral<T>)
    return static_cast<T>(value);
  else
    return std::bit_cast<T>(value);
}

template <typename M, typename T>
[[gnu::always_inline]] inline M narrow(T value) {
  if constexpr (std::integral<T>)
    return static_cast<M>(value);
  else
    return std::bit_cast<M>(value);
}

#define WZRUN_LOAD(code, id, text, type, memory_type, feature)             \
  template <>                                                              \
  struct Load<wasm::Opcode::id> {                                          \
    using Result = type;                                                   \
    static constexpr std::uint64_t kBytes = sizeof(memory_type);           \
    [[gnu::always_inline]] static Result at(const std::uint8_t* address) { \
      return extend<type>(read<memory_type>(address));                     \
    }                                                                      \
  };
#define WZRUN_VECTOR_LOAD(code, id, text, bytes, function, feature)                                                   \
  template <>                                                                                                         \
  struct Load<wasm::Opcode::id> {                                                                                     \
    using Result = V128;                                                                                              \
    static constexpr std::uint64_t kBytes = bytes;                                                                    \
    [[gnu::always_inline]] static Result at(const std::uint8_t* address) { return wasm::numeric::function(address); } \
  };
#define WZRUN_STORE(code, id, text, type, memory_type, feature)                 \
  template <>                                                                   \
  struct Store<wasm::Opcode::id> {                                              \
    using Value = type;                                                         \
    using Memory = memory_type;                                                 \
    static constexpr std::uint64_t kBytes = sizeof(memory_type);                \
    [[gnu::always_inline]] static void at(std::uint8_t* address, Value value) { \
      write(address, narrow<memory_type>(value));                               \
    }                                                                           \
  };
#include "wasm/opcodes.def"

// A guarded access that lies outside the memory faults, and the fault handler takes the position of the trap from the
// register of `pc`: it must still hold the address of this instruction. This ties the increment of pc to the access.
template <typename T>
[[gnu::always_inline]] inline void tie(const std::uint8_t*& pc, T& value) {
  if constexpr (kInVector<T>) {
    auto vector = to_vector(value);
    __asm__ volatile("" : "+r"(pc), "+" WZRUN_VECTOR_CONSTRAINT(vector));
    value = from_vector<T>(vector);
  } else {
    __asm__ volatile("" : "+r"(pc), "+r"(value));
  }
}

template <wasm::Opcode opcode, From address, To to>
WZRUN_HANDLER void load(WZRUN_STATE) {
  using L = Load<opcode>;
  constexpr int kOffset = kHead + (address == From::slot ? 4 : 0);
  constexpr int kDst = kOffset + 4;
  std::uint64_t effective = read<std::uint32_t>(pc + kOffset);
  if constexpr (address != From::immediate)
    effective += fetch<std::uint32_t, address, kHead>(pc, fp, acc, vacc);
  auto value = L::at(mem + effective);
  tie(pc, value);
  put<typename L::Result, to, kDst>(pc, fp, acc, vacc, value);
  WZRUN_NEXT(kDst + (to == To::slot ? 4 : 0));
}

template <wasm::Opcode opcode, From address, From from>
WZRUN_HANDLER void store(WZRUN_STATE) {
  using S = Store<opcode>;
  constexpr int kOffset = kHead + (address == From::slot ? 4 : 0);
  constexpr int kValue = kOffset + 4;
  std::uint64_t effective = read<std::uint32_t>(pc + kOffset);
  if constexpr (address != From::immediate)
    effective += fetch<std::uint32_t, address, kHead>(pc, fp, acc, vacc);
  S::at(mem + effective, fetch<typename S::Value, from, kValue>(pc, fp, acc, vacc));
  __asm__ volatile("" : "+r"(pc) : : "memory");
  WZRUN_NEXT((kValue + kOperandBytes<typename S::Value, from>));
}

template <wasm::Opcode opcode>
consteval Variants<6> load_variants() {
  Variants<6> table{};
  const auto add = [&]<From address>() {
    table[load_variant(address, To::accumulator)] = load<opcode, address, To::accumulator>;
    table[load_variant(address, To::slot)] = load<opcode, address, To::slot>;
  };
  add.template operator()<From::slot>();
  add.template operator()<From::accumulator>();
  add.template operator()<From::immediate>();
  return table;
}

template <wasm::Opcode opcode>
consteval Variants<9> store_variants() {
  using Value = Store<opcode>::Value;
  Variants<9> table{};
  const auto add = [&]<From address, From value>() {
    table[store_variant(address, value)] = store<opcode, address, value>;
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
constexpr Variants<6> kLoads = load_variants<opcode>();
template <wasm::Opcode opcode>
constexpr Variants<9> kStores = store_variants<opcode>();

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
    return &kLoads<wasm::Opcode::id>;
#define WZRUN_VECTOR_LOAD(code, id, ...) \
  case wasm::Opcode::id:                 \
    return &kLoads<wasm::Opcode::id>;
#include "wasm/opcodes.def"
    default:
      return nullptr;
  }
}

const Variants<9>* store_handlers(wasm::Opcode opcode) {
  switch (opcode) {
#define WZRUN_STORE(code, id, ...) \
  case wasm::Opcode::id:           \
    return &kStores<wasm::Opcode::id>;
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
