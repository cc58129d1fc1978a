#pragma once

#include "wasm/opcodes.h"
#include "wasm/v128.h"
#include "wzrun/value_type.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

/// The operand and result types of instructions, from the rows of opcodes.def, at compile time.
namespace wzrun::wasm {

/// Which macro an instruction's row uses.
enum class Row : std::uint8_t {
  numeric,
  lane,
  shuffle,
  constant,
  load,
  store,
  vector_load,
  load_lane,
  store_lane,
  atomic_load,
  atomic_store,
  atomic_rmw,
  atomic_cmpxchg,
  special,
};

template <std::size_t count>
struct Signature {
  std::array<ValueType, count> params;
  ValueType result;
};

namespace rows {

// A row's signature `i32(i32, i32)` is a function type over these.
struct i32 {
  static constexpr ValueType type = value_types::i32;
  static constexpr std::size_t bytes = 4;
};
struct i64 {
  static constexpr ValueType type = value_types::i64;
  static constexpr std::size_t bytes = 8;
};
struct f32 {
  static constexpr ValueType type = value_types::f32;
  static constexpr std::size_t bytes = 4;
};
struct f64 {
  static constexpr ValueType type = value_types::f64;
  static constexpr std::size_t bytes = 8;
};
struct v128 {
  static constexpr ValueType type = value_types::v128;
  static constexpr std::size_t bytes = 16;
};

template <typename F>
struct SignatureOf;
template <typename R, typename... P>
struct SignatureOf<R(P...)> {
  static constexpr Signature<sizeof...(P)> value{{P::type...}, R::type};
};

/// What a row says besides its names. `bytes` is what a memory access touches.
template <Row row_, typename Type = i32, std::size_t bytes = 1, std::size_t lanes = 0>
struct RowOf {
  static constexpr Row row = row_;
  static constexpr ValueType type = Type::type;
  static constexpr std::uint8_t size_log2 = std::countr_zero(bytes);
  static constexpr std::uint8_t lane_count = lanes;
};

template <Opcode>
struct Info;
template <Opcode>
struct SignatureInfo;

#define WZRUN_NUMERIC(code, id, text, signature, ...) \
  template <>                                         \
  struct Info<Opcode::id> : RowOf<Row::numeric> {};   \
  template <>                                         \
  struct SignatureInfo<Opcode::id> : SignatureOf<signature> {};
#define WZRUN_LANE(code, id, text, signature, lanes, ...)       \
  template <>                                                   \
  struct Info<Opcode::id> : RowOf<Row::lane, i32, 1, lanes> {}; \
  template <>                                                   \
  struct SignatureInfo<Opcode::id> : SignatureOf<signature> {};
#define WZRUN_SHUFFLE(code, id, ...) \
  template <>                        \
  struct Info<Opcode::id> : RowOf<Row::shuffle> {};
#define WZRUN_CONST(code, id, text, type, ...) \
  template <>                                  \
  struct Info<Opcode::id> : RowOf<Row::constant, type, type::bytes> {};
#define WZRUN_LOAD(code, id, text, type, memory_type, ...) \
  template <>                                              \
  struct Info<Opcode::id> : RowOf<Row::load, type, sizeof(memory_type)> {};
#define WZRUN_STORE(code, id, text, type, memory_type, ...) \
  template <>                                               \
  struct Info<Opcode::id> : RowOf<Row::store, type, sizeof(memory_type)> {};
#define WZRUN_VECTOR_LOAD(code, id, text, bytes, ...) \
  template <>                                         \
  struct Info<Opcode::id> : RowOf<Row::vector_load, v128, bytes> {};
#define WZRUN_LOAD_LANE(code, id, text, lanes, memory_type, ...) \
  template <>                                                    \
  struct Info<Opcode::id> : RowOf<Row::load_lane, v128, sizeof(memory_type), lanes> {};
#define WZRUN_STORE_LANE(code, id, text, lanes, memory_type, ...) \
  template <>                                                     \
  struct Info<Opcode::id> : RowOf<Row::store_lane, v128, sizeof(memory_type), lanes> {};
#define WZRUN_ATOMIC_LOAD(code, id, text, type, memory_type, ...) \
  template <>                                                     \
  struct Info<Opcode::id> : RowOf<Row::atomic_load, type, sizeof(memory_type)> {};
#define WZRUN_ATOMIC_STORE(code, id, text, type, memory_type, ...) \
  template <>                                                      \
  struct Info<Opcode::id> : RowOf<Row::atomic_store, type, sizeof(memory_type)> {};
#define WZRUN_ATOMIC_RMW(code, id, text, type, memory_type, ...) \
  template <>                                                    \
  struct Info<Opcode::id> : RowOf<Row::atomic_rmw, type, sizeof(memory_type)> {};
#define WZRUN_ATOMIC_CMPXCHG(code, id, text, type, memory_type, ...) \
  template <>                                                        \
  struct Info<Opcode::id> : RowOf<Row::atomic_cmpxchg, type, sizeof(memory_type)> {};
#define WZRUN_SPECIAL(code, id, ...) \
  template <>                        \
  struct Info<Opcode::id> : RowOf<Row::special> {};
#include "wasm/opcodes.def"

}  // namespace rows

template <Opcode op>
inline constexpr Row kRow = rows::Info<op>::row;

/// Of WZRUN_NUMERIC and WZRUN_LANE rows.
template <Opcode op>
inline constexpr const auto& kSignature = rows::SignatureInfo<op>::value;

/// What a constant yields, a load yields or a store takes.
template <Opcode op>
inline constexpr ValueType kAccessType = rows::Info<op>::type;

/// The binary logarithm of the bytes that a memory access touches, which is its natural alignment, or that a constant
/// has.
template <Opcode op>
inline constexpr std::uint8_t kAccessSizeLog2 = rows::Info<op>::size_log2;

template <Opcode op>
inline constexpr std::uint8_t kLaneCount = rows::Info<op>::lane_count;

}  // namespace wzrun::wasm
