#pragma once

#include "wasm/opcodes.h"
#include "wzrun/value_type.h"

#include <array>
#include <cstdint>
#include <vector>

/// Programs as trees: what the generator of the execute target makes, the encoder writes and the oracle evaluates.
namespace wzrun::fuzz {

using wasm::Opcode;
using Types = std::vector<ValueType>;

/// The bits of a value of any type; the high half is used by v128 alone.
struct Bits {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Bits&, const Bits&) = default;
};

struct Signature {
  Types params;
  Types results;
  friend bool operator==(const Signature&, const Signature&) = default;
};

struct Instruction {
  Opcode opcode{};
  std::uint64_t immediate = 0;  ///< index, constant, label or memory offset
  std::uint32_t index = 0;      ///< second index: memory, type, lane in `lane`
  std::uint8_t lane = 0;
  std::array<std::uint8_t, 16> bytes{};  ///< of v128.const and i8x16.shuffle
  ValueType type;                        ///< of select
  std::vector<std::uint32_t> targets;    ///< of br_table, the default last
  Signature signature;                   ///< of a block; its type index is in `index`
  std::vector<Instruction> body;
  std::vector<Instruction> otherwise;
  mutable std::uint64_t offset = 0;  ///< in the encoded module
};

struct Function {
  Signature signature;
  std::uint32_t type_index = 0;
  Types locals;  ///< parameters included
  std::vector<Instruction> body;
};

struct Program {
  static constexpr std::uint32_t kPages = 1;
  static constexpr std::uint32_t kMaxPages = 3;
  static constexpr std::uint32_t kDataBytes = 64;

  std::vector<Signature> types;
  std::uint32_t host_type = 0;  ///< of the imported function, which has index 0
  std::vector<Function> functions;
  Types globals;
  std::vector<Bits> global_values;
  std::vector<Bits> arguments;       ///< of the first function
  std::vector<std::uint32_t> table;  ///< function indices, or kNoFunction

  static constexpr std::uint32_t kNoFunction = ~std::uint32_t{0};
};

inline std::uint32_t function_index(std::size_t defined) { return static_cast<std::uint32_t>(defined) + 1; }

}  // namespace wzrun::fuzz
