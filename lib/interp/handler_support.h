#pragma once

#include "interp/handlers.h"
#include "wasm/numeric.h"
#include "wasm/simd.h"
#include "wasm/trapping.h"

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

/// What handlers are made of. Only for lib/interp/handlers*.cpp.
namespace wzrun::interp {

// All handlers are in one section, so that a signal handler can tell by the address that a thread is in one. They keep
// no state outside registers and slots, and no frame: such a thread can be sent elsewhere at any instruction.
#define WZRUN_HANDLER __attribute__((preserve_none, section("wzrun_interp"), noinline))
#define WZRUN_TAIL [[clang::musttail]] return

#define WZRUN_NEXT(size)                                                                \
  do {                                                                                  \
    pc += (size);                                                                       \
    WZRUN_TAIL ::wzrun::interp::read<::wzrun::interp::Handler>(pc)(WZRUN_STATE_VALUES); \
  } while (false)

#define WZRUN_RAISE(kind) WZRUN_TAIL ::wzrun::interp::raise<kind>(WZRUN_STATE_VALUES)

inline constexpr int kHead = sizeof(Handler);

template <typename T>
[[gnu::always_inline]] inline T read(const void* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <typename T>
[[gnu::always_inline]] inline void write(void* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

[[gnu::always_inline]] inline std::int32_t operand(const std::uint8_t* pc, int at) {
  return read<std::int32_t>(pc + at);
}

[[gnu::always_inline]] inline Slot& slot_at(Slot* fp, const std::uint8_t* pc, int at) { return fp[operand(pc, at)]; }

[[gnu::always_inline]] inline Code& code_of(const Slot* fp) { return *reinterpret_cast<Code*>(fp[kLinkCode]); }

/// At the beginning of a loop, when the function's count of backward branches has run out.
WZRUN_HANDLER void loop_is_hot(WZRUN_STATE);

/// A backward branch.
#define WZRUN_BACK(distance)                                       \
  do {                                                             \
    pc += (distance);                                              \
    if (code_of(fp).back_edges.spend()) [[unlikely]]               \
      WZRUN_TAIL ::wzrun::interp::loop_is_hot(WZRUN_STATE_VALUES); \
    WZRUN_NEXT(0);                                                 \
  } while (false)

using wasm::V128;
using DoubleLanes = double __attribute__((vector_size(16)));

/// The low lane becomes the value; the others are of no interest.
template <typename T>
[[gnu::always_inline]] inline Vector to_vector(T value) {
  if constexpr (std::same_as<T, float>) {
    const float __attribute__((vector_size(4))) one = {value};
    return __builtin_shufflevector(one, one, 0, -1, -1, -1);
  } else if constexpr (std::same_as<T, double>) {
    const double __attribute__((vector_size(8))) one = {value};
    return std::bit_cast<Vector>(__builtin_shufflevector(one, one, 0, -1));
  } else {
    return std::bit_cast<Vector>(value);
  }
}

template <typename T>
[[gnu::always_inline]] inline T from_vector(Vector vector) {
  if constexpr (std::same_as<T, float>)
    return vector[0];
  else if constexpr (std::same_as<T, double>)
    return std::bit_cast<DoubleLanes>(vector)[0];
  else
    return std::bit_cast<T>(vector);
}

template <typename T>
inline constexpr bool kInVector = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, V128>;

/// Bytes that an operand takes in an instruction.
template <typename T, From from>
inline constexpr int kOperandBytes = from == From::accumulator                            ? 0
                                     : from == From::immediate && std::same_as<T, double> ? 8
                                                                                          : 4;

template <typename T, From from, int at>
[[gnu::always_inline]] inline T fetch(const std::uint8_t* pc, const Slot* fp, std::uint64_t acc, Vector vacc) {
  if constexpr (from == From::slot) {
    return read<T>(fp + operand(pc, at));
  } else if constexpr (from == From::accumulator) {
    if constexpr (kInVector<T>)
      return from_vector<T>(vacc);
    else
      return static_cast<T>(acc);
  } else if constexpr (std::integral<T>) {
    return static_cast<T>(static_cast<std::int64_t>(operand(pc, at)));
  } else {
    return read<T>(pc + at);
  }
}

/// Puts a result into the accumulator and, if asked, a slot. Integers are zero-extended: a slot that holds an i32 has
/// a zero upper half. Floats are stored as 64 bits so that a later 64-bit copy is not slowed by the narrow store.
template <typename T, To to, int at>
[[gnu::always_inline]] inline void put(const std::uint8_t* pc, Slot* fp, std::uint64_t& acc, Vector& vacc, T value) {
  if constexpr (kInVector<T>) {
    vacc = to_vector(value);
    if constexpr (to == To::slot) {
      if constexpr (std::same_as<T, V128>)
        write(fp + operand(pc, at), vacc);
      else
        write(fp + operand(pc, at), from_vector<double>(vacc));
    }
  } else {
    acc = static_cast<std::uint64_t>(value);
    if constexpr (to == To::slot)
      fp[operand(pc, at)] = acc;
  }
}

template <TrapKind kind>
WZRUN_HANDLER void raise(WZRUN_STATE) {
  (void)in, (void)mem, (void)acc, (void)vacc;
  ex->ending = runtime::Ending::trapped;
  ex->trap_kind = kind;
  ex->activation->pc = pc;
  ex->activation->fp = fp;
}

/// Ends the run with a trap whose kind a helper returned.
WZRUN_HANDLER void raise_scratch(WZRUN_STATE);
/// Ends the run because somebody asked for it.
WZRUN_HANDLER void raise_interrupted(WZRUN_STATE);

template <typename T>
struct IsTrapping : std::false_type {};
template <typename T>
struct IsTrapping<wasm::Trapping<T>> : std::true_type {};

/// The types and the meaning of a numeric instruction.
template <wasm::Opcode>
struct Semantics;

template <typename R, typename A>
struct Unary {
  static constexpr int arity = 1;
  using Result = R;
  using First = A;
};
template <typename R, typename A, typename B>
struct Binary {
  static constexpr int arity = 2;
  using Result = R;
  using First = A;
  using Second = B;
};
template <typename R, typename A, typename B, typename C>
struct Ternary {
  static constexpr int arity = 3;
  using Result = R;
};
template <typename>
struct SignatureOf;
template <typename R, typename A>
struct SignatureOf<R(A)> {
  using Type = Unary<R, A>;
};
template <typename R, typename A, typename B>
struct SignatureOf<R(A, B)> {
  using Type = Binary<R, A, B>;
};
template <typename R, typename A, typename B, typename C>
struct SignatureOf<R(A, B, C)> {
  using Type = Ternary<R, A, B, C>;
};

namespace signatures {
using wasm::numeric::f32;
using wasm::numeric::f64;
using wasm::numeric::i32;
using wasm::numeric::i64;
using wasm::numeric::v128;
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) using id = SignatureOf<signature>::Type;
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature) using id = SignatureOf<signature>::Type;
#include "wasm/opcodes.def"
}  // namespace signatures

#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  template <>                                                       \
  struct Semantics<wasm::Opcode::id> : signatures::id {             \
    template <typename... T>                                        \
    [[gnu::always_inline]] static auto apply(T... operands) {       \
      return wasm::numeric::function(operands...);                  \
    }                                                               \
  };
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature) \
  template <>                                                           \
  struct Semantics<wasm::Opcode::id> : signatures::id {                 \
    template <typename... T>                                            \
    [[gnu::always_inline]] static auto apply(T... operands) {           \
      return wasm::numeric::function(operands...);                      \
    }                                                                   \
  };
#include "wasm/opcodes.def"

}  // namespace wzrun::interp
