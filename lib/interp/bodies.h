#pragma once

#include "interp/handler_support.h"

/// Bodies: what a handler does between reading its operands and going on to the next instruction. A handler is made of
/// one body, or, fused, of several whose instructions follow each other, which saves the dispatch between them.
/// Only for lib/interp/handlers*.cpp.
namespace wzrun::interp {

// Loads and stores.

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

#if defined(__aarch64__)
  #define WZRUN_VECTOR_CONSTRAINT "w"
#else
  #define WZRUN_VECTOR_CONSTRAINT "x"
#endif

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

/// A body has kBytes, what its operands take, kCanTrap, and run<at>(), which finds the operands `at` bytes behind pc.
#define WZRUN_BODY_STATE                                                                                   \
  [[maybe_unused]] const std::uint8_t *&pc, [[maybe_unused]] Slot *fp, [[maybe_unused]] std::uint8_t *mem, \
      [[maybe_unused]] std::uint64_t &acc, [[maybe_unused]] Vector &vacc
#define WZRUN_BODY_VALUES pc, fp, mem, acc, vacc

template <wasm::Opcode opcode, From address, To to>
struct LoadBody {
  using L = Load<opcode>;
  static constexpr bool kCanTrap = true;
  static constexpr int kOffset = address == From::slot ? 4 : 0;
  static constexpr int kBytes = kOffset + 4 + (to == To::slot ? 4 : 0);
  template <int at>
  [[gnu::always_inline]] static void run(WZRUN_BODY_STATE) {
    std::uint64_t effective = read<std::uint32_t>(pc + at + kOffset);
    if constexpr (address != From::immediate)
      effective += fetch<std::uint32_t, address, at>(pc, fp, acc, vacc);
    auto value = L::at(mem + effective);
    tie(pc, value);
    put<typename L::Result, to, at + kOffset + 4>(pc, fp, acc, vacc, value);
  }
};

template <wasm::Opcode opcode, From address, From from>
struct StoreBody {
  using S = Store<opcode>;
  static constexpr bool kCanTrap = true;
  static constexpr int kOffset = address == From::slot ? 4 : 0;
  static constexpr int kBytes = kOffset + 4 + kOperandBytes<typename S::Value, from>;
  template <int at>
  [[gnu::always_inline]] static void run(WZRUN_BODY_STATE) {
    std::uint64_t effective = read<std::uint32_t>(pc + at + kOffset);
    if constexpr (address != From::immediate)
      effective += fetch<std::uint32_t, address, at>(pc, fp, acc, vacc);
#if defined(__aarch64__)
    // Arm may have stored the part before the memory's end when the part behind it faults: ask for that one first.
    if constexpr (S::kBytes > 1) [[maybe_unused]]
      const auto last = *static_cast<const volatile std::uint8_t*>(mem + effective + S::kBytes - 1);
#endif
    S::at(mem + effective, fetch<typename S::Value, from, at + kOffset + 4>(pc, fp, acc, vacc));
    __asm__ volatile("" : "+r"(pc) : : "memory");
  }
};

// Numeric instructions that cannot trap.

template <typename S, typename... T>
concept Trapping = IsTrapping<decltype(S::apply(std::declval<T>()...))>::value;

template <wasm::Opcode opcode, From a, To to>
struct UnaryBody {
  using S = Semantics<opcode>;
  using A = S::First;
  static constexpr bool kCanTrap = false;
  static constexpr int kDst = kOperandBytes<A, a>;
  static constexpr int kBytes = kDst + (to == To::slot ? 4 : 0);
  template <int at>
  [[gnu::always_inline]] static void run(WZRUN_BODY_STATE) {
    put<typename S::Result, to, at + kDst>(pc, fp, acc, vacc, S::apply(fetch<A, a, at>(pc, fp, acc, vacc)));
  }
};

template <wasm::Opcode opcode, From a, From b, To to>
struct BinaryBody {
  using S = Semantics<opcode>;
  using A = S::First;
  using B = S::Second;
  static constexpr bool kCanTrap = false;
  static constexpr int kB = kOperandBytes<A, a>;
  static constexpr int kDst = kB + kOperandBytes<B, b>;
  static constexpr int kBytes = kDst + (to == To::slot ? 4 : 0);
  template <int at>
  [[gnu::always_inline]] static void run(WZRUN_BODY_STATE) {
    const auto first = fetch<A, a, at>(pc, fp, acc, vacc);
    const auto second = fetch<B, b, at + kB>(pc, fp, acc, vacc);
    put<typename S::Result, to, at + kDst>(pc, fp, acc, vacc, S::apply(first, second));
  }
};

template <typename Body>
WZRUN_HANDLER void step(WZRUN_STATE) {
  Body::template run<kHead>(WZRUN_BODY_VALUES);
  WZRUN_NEXT(kHead + Body::kBytes);
}

// Branches.

/// A comparison; its distance stands behind the operands and counts from the instruction.
template <wasm::Opcode opcode, From a, From b, bool negated, bool backward>
struct BranchBody {
  using S = Semantics<opcode>;
  using T = S::First;
  static constexpr bool kBackward = backward;
  static constexpr int kB = kOperandBytes<T, a>;
  static constexpr int kDistance = kB + kOperandBytes<T, b>;
  static constexpr int kBytes = kDistance + 4;
  template <int at>
  [[gnu::always_inline]] static bool taken(WZRUN_BODY_STATE) {
    return (S::apply(fetch<T, a, at>(pc, fp, acc, vacc), fetch<T, b, at + kB>(pc, fp, acc, vacc)) != 0) != negated;
  }
};

template <typename Branch>
WZRUN_HANDLER void branch_step(WZRUN_STATE) {
  if (Branch::template taken<kHead>(WZRUN_BODY_VALUES)) {
    if constexpr (Branch::kBackward)
      WZRUN_BACK(operand(pc, kHead + Branch::kDistance));
    WZRUN_NEXT(operand(pc, kHead + Branch::kDistance));
  }
  WZRUN_NEXT(kHead + Branch::kBytes);
}

}  // namespace wzrun::interp
