#pragma once

#include "tests/fuzz/program/program.h"
#include "wasm/numeric.h"
#include "wasm/simd.h"
#include "wasm/trapping.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// The instructions without control, by opcodes.def: types, and meaning as a function of bits.
namespace wzrun::fuzz {

/// A numeric instruction, with or without a lane.
struct NumericRow {
  Opcode opcode{};
  std::string_view text;
  Types params;
  ValueType result;
  unsigned lanes = 0;
  std::function<wasm::Trapping<Bits>(const Bits* operands, std::uint8_t lane)> apply;
};

struct LoadRow {
  Opcode opcode{};
  ValueType result;
  std::uint32_t bytes = 0;
  std::function<Bits(const std::uint8_t*)> read;
};

struct StoreRow {
  Opcode opcode{};
  ValueType value;
  std::uint32_t bytes = 0;
};

/// A load or store of one lane.
struct LaneRow {
  Opcode opcode{};
  unsigned lanes = 0;
  std::uint32_t bytes = 0;
  bool is_load = false;
};

namespace detail {

template <typename T>
constexpr ValueType type_of() {
  if constexpr (std::is_same_v<T, float>)
    return value_types::f32;
  else if constexpr (std::is_same_v<T, double>)
    return value_types::f64;
  else if constexpr (std::is_same_v<T, wasm::V128>)
    return value_types::v128;
  else
    return sizeof(T) == 4 ? value_types::i32 : value_types::i64;
}

template <typename T>
T from_bits(const Bits& bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename T>
Bits to_bits(const T& value) {
  Bits bits;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <typename>
struct RowMaker;
template <typename R, typename... A>
struct RowMaker<R(A...)> {
  template <typename F>
  static NumericRow make(Opcode opcode, std::string_view text, unsigned lanes, F function) {
    return {opcode,
            text,
            {type_of<A>()...},
            type_of<R>(),
            lanes,
            [function](const Bits* operands, std::uint8_t lane) -> wasm::Trapping<Bits> {
              return [&]<std::size_t... I>(std::index_sequence<I...>) -> wasm::Trapping<Bits> {
                const auto result = function(lane, from_bits<A>(operands[I])...);
                if constexpr (requires { result.has_value(); }) {
                  if (!result)
                    return std::unexpected(result.error());
                  return to_bits<R>(*result);
                } else {
                  return to_bits<R>(result);
                }
              }(std::index_sequence_for<A...>{});
            }};
  }
};

template <typename T, typename M>
Bits extend(const std::uint8_t* source) {
  M value;
  std::memcpy(&value, source, sizeof value);
  if constexpr (sizeof(M) == sizeof(T))
    return to_bits(value);
  else
    return to_bits(static_cast<T>(value));
}

}  // namespace detail

inline const std::vector<NumericRow>& numeric_rows() {
  static const auto rows = [] {
    using namespace wasm::numeric;
    std::vector<NumericRow> list;
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  list.push_back(detail::RowMaker<signature>::make(                 \
      Opcode::id, text, 0, [](std::uint8_t, auto... operands) { return wasm::numeric::function(operands...); }));
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature)                                               \
  list.push_back(detail::RowMaker<signature>::make(Opcode::id, text, lanes, [](std::uint8_t lane, auto... operands) { \
    return wasm::numeric::function(operands..., lane);                                                                \
  }));
#include "wasm/opcodes.def"
    return list;
  }();
  return rows;
}

inline const std::vector<LoadRow>& load_rows() {
  static const auto rows = [] {
    using namespace wasm::numeric;
    std::vector<LoadRow> list;
#define WZRUN_LOAD(code, id, text, type, memory_type, feature) \
  list.push_back({Opcode::id, detail::type_of<type>(), sizeof(memory_type), detail::extend<type, memory_type>});
#define WZRUN_VECTOR_LOAD(code, id, text, bytes, function, feature) \
  list.push_back({Opcode::id, value_types::v128, bytes,             \
                  [](const std::uint8_t* at) { return detail::to_bits(wasm::numeric::function(at)); }});
#include "wasm/opcodes.def"
    return list;
  }();
  return rows;
}

inline const std::vector<StoreRow>& store_rows() {
  static const auto rows = [] {
    using namespace wasm::numeric;
    std::vector<StoreRow> list;
#define WZRUN_STORE(code, id, text, type, memory_type, feature) \
  list.push_back({Opcode::id, detail::type_of<type>(), sizeof(memory_type)});
#include "wasm/opcodes.def"
    return list;
  }();
  return rows;
}

inline const std::vector<LaneRow>& lane_rows() {
  static const std::vector<LaneRow> rows = {
#define WZRUN_LOAD_LANE(code, id, text, lanes, memory_type, feature) {Opcode::id, lanes, sizeof(memory_type), true},
#define WZRUN_STORE_LANE(code, id, text, lanes, memory_type, feature) {Opcode::id, lanes, sizeof(memory_type), false},
#include "wasm/opcodes.def"
  };
  return rows;
}

/// The row of an instruction in one of the lists above, or null.
template <typename Row>
const Row* find_row(const std::vector<Row>& rows, Opcode opcode) {
  static const auto by_opcode = [&] {
    std::vector<const Row*> table(wasm::kOpcodeCount);
    for (const auto& row : rows)
      table[static_cast<std::size_t>(row.opcode)] = &row;
    return table;
  }();
  return by_opcode[static_cast<std::size_t>(opcode)];
}

/// Whether a NaN that the instruction makes may have any payload, so that two engines may differ.
inline bool may_make_any_nan(std::string_view text) {
  if (!text.starts_with('f'))
    return false;
  for (const auto* const word : {".add", ".sub", ".mul", ".div", ".min", ".max", ".sqrt", ".ceil", ".floor", ".trunc",
                                 ".nearest", ".demote", ".promote", ".pmin", ".pmax", ".relaxed"})
    if (text.find(word) != std::string_view::npos)
      return true;
  return false;
}

inline bool has_nan(std::string_view text, const Bits& bits) {
  const auto any = [&]<typename T>(T, std::size_t lanes) {
    for (std::size_t i = 0; i < lanes; ++i) {
      T value;
      std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&bits) + i * sizeof(T), sizeof(T));
      if (std::isnan(value))
        return true;
    }
    return false;
  };
  if (text.starts_with("f32x4"))
    return any(float{}, 4);
  if (text.starts_with("f64x2"))
    return any(double{}, 2);
  return text.starts_with("f32") ? any(float{}, 1) : any(double{}, 1);
}

}  // namespace wzrun::fuzz
