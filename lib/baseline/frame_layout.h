#pragma once

#include "baseline/arguments.h"
#include "baseline/assembler.h"
#include "baseline/survey.h"
#include "wasm/module.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace wzrun::baseline {

/// Where a local lives for the whole of a function.
struct LocalHome {
  ValueType type;
  bool in_register = false;
  bool is_volatile = false;  ///< in a register that calls do not preserve: saved in its place around each
  std::uint8_t reg = 0;      ///< a Gpr, or an Xmm for floats and vectors
  std::int32_t place = 0;    ///< in the frame, from rbp; 0: it needs none

  Gpr gpr() const { return static_cast<Gpr>(reg); }
  Xmm xmm() const { return static_cast<Xmm>(reg); }
};

/// A set of registers of one kind by their numbers.
class RegisterSet {
 public:
  bool contains(unsigned reg) const { return (bits_ >> reg & 1) != 0; }
  void add(unsigned reg) { bits_ |= 1U << reg; }
  void remove(unsigned reg) { bits_ &= ~(1U << reg); }
  void clear() { bits_ = 0; }
  std::uint32_t bits() const { return bits_; }

 private:
  std::uint32_t bits_ = 0;
};

/// For the length of an instruction; no value is ever kept there.
inline constexpr Gpr kScratch = Gpr::r11;
inline constexpr Xmm kScratchXmm{15};
/// Has the base of memory 0 where that is guarded and the function accesses it.
inline constexpr Gpr kMemoryBase = Gpr::r15;

/// The frame of a function, from rbp down: the instance, the results' buffer if it is given one, registers that must be
/// preserved, locals, operands, the results of calls that return several, arguments on the stack.
struct FrameLayout {
  /// `counts`: the function counts its calls and loops.
  FrameLayout(const wasm::FunctionType& type, std::span<const ValueType> locals, const Needs& needs, bool counts);

  static constexpr Address instance() { return {Gpr::rbp, {}, -8}; }
  static constexpr Address results() { return {Gpr::rbp, {}, -16}; }
  /// Where an operand is when it is in no register, by its height on the stack.
  Address operand(std::size_t height) const {
    return {Gpr::rbp, {}, operands - static_cast<std::int32_t>(height) * operand_bytes};
  }

  struct Saved {
    Gpr reg{};
    std::int32_t place = 0;
  };

  std::vector<LocalHome> locals;
  std::vector<Saved> saved;
  std::vector<std::uint32_t> volatile_locals;
  RegisterSet free_gprs;  ///< for operands
  RegisterSet free_xmms;
  std::int32_t zeroed = 0;         ///< where locals begin that live in the frame and are no parameters,
  std::uint32_t zeroed_words = 0;  ///< and how many 64 bits they have
  std::optional<Place> count;      ///< of rounds of loops, while the function runs; in a register if one is left
  std::int32_t operands = 0;
  std::int32_t operand_bytes = 0;  ///< each takes
  std::int32_t call_results = 0;
  std::int32_t size = 0;  ///< bytes below rbp

 private:
  /// Room below what was taken before; the lowest address of it.
  std::int32_t take(std::int64_t bytes);
  void assign_registers(const Needs& needs, bool counts_loops);
};

/// More than this the frame of a function cannot take; nor could a thread's stack.
inline constexpr std::int64_t kMostFrameBytes = std::int64_t{1} << 24;
/// Whether a function's frame keeps to that.
bool has_possible_frame(std::size_t locals, const Needs& needs);

}  // namespace wzrun::baseline
