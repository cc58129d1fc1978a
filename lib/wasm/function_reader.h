#pragma once

#include "wasm/instruction_types.h"
#include "wasm/null_sink.h"
#include "wasm/read_control.h"
#include "wasm/read_exceptions.h"
#include "wasm/read_gc.h"
#include "wasm/read_memory.h"
#include "wasm/read_variables.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

/// Decodes and type-checks a body once, and hands typed operands to a sink; null_sink.h says what a sink hears.
///
/// An instruction is a step: a function that is entered behind the opcode and leaves by a tail call to the next
/// instruction's step, with the position and the top of the operand stack in registers. The steps of this file are the
/// frequent ones: they handle what is usual (short immediates, operands of exactly the expected types) and leave
/// everything else, errors included, to the read functions of the read_*.h headers by way of general_step.
///
/// A body whose last byte is not `end` is read from a copy that has one behind it. So an opcode of one byte other than
/// `end` is never the last byte, nor is a byte with the high bit set: behind either, one byte can be read without a
/// check. prefix_step makes sure that the same holds of the number behind a prefix.
namespace wzrun::wasm {

template <typename Sink>
class FunctionReader {
 public:
  using State = FunctionState<Sink>;
  using Entry = typename State::Entry;
  using Frame = typename State::Frame;
  using Operand = typename Sink::Operand;

  /// Both must outlive the reader. It can be used for any number of functions, and reuses its memory.
  FunctionReader(const Module& module, Sink& sink) : state_(module, sink) {
    if (!module.memories.empty())
      first_memory_index_ = module.memories.front().limits.index_type();
  }

  /// Reads the body of a function that the module defines.
  /// Errors: malformed, invalid, unsupported; the first in the body.
  Expected<void> read(std::uint32_t function_index);

  /// Reads a constant expression that yields a value of type `result` and may name globals below `visible_globals`.
  Expected<void> read_constant(const ConstantExpression& expression, ValueType result, std::uint32_t visible_globals);

 private:
  using Step = bool (*)(FunctionReader*, const std::uint8_t*, Entry*, const std::uint8_t*);

  /// What each opcode does, by byte, and by number behind a prefix.
  struct Steps {
    std::array<Step, 256> plain;
    std::array<std::array<Step, 0x120>, 4> prefixed;
  };
  static constexpr bool is_constant(Opcode op);
  static constexpr bool is_extended_constant(Opcode op);
  template <bool constant_only>
  static Steps make_steps(CoreFeatures features);
  template <bool constant_only>
  const Steps& steps();

  Expected<void> read_locals(ByteReader& in, std::size_t body_size);
  Expected<void> run(Bytes code, std::uint64_t offset, BlockType type);
  Expected<void> run_complete(Bytes code, std::uint64_t offset, BlockType type);

#define WZRUN_STEP                                                                                             \
  [[maybe_unused]] FunctionReader *self, [[maybe_unused]] const std::uint8_t *pc, [[maybe_unused]] Entry *top, \
      [[maybe_unused]] const std::uint8_t *end
  template <Opcode op>
  static bool general_step(WZRUN_STEP);
  template <Opcode op>
  static bool numeric_step(WZRUN_STEP);
  template <Opcode op>
  static bool load_step(WZRUN_STEP);
  template <Opcode op>
  static bool store_step(WZRUN_STEP);
  template <Opcode op>
  static bool constant_step(WZRUN_STEP);
  static bool local_get_step(WZRUN_STEP);
  static bool local_set_step(WZRUN_STEP);
  static bool local_tee_step(WZRUN_STEP);
  template <Opcode op>
  static bool block_step(WZRUN_STEP);
  template <Opcode op>
  static bool branch_step(WZRUN_STEP);
  static bool call_step(WZRUN_STEP);
  static bool global_get_step(WZRUN_STEP);
  static bool global_set_step(WZRUN_STEP);
  static bool drop_step(WZRUN_STEP);
  template <std::uint8_t prefix>
  static bool prefix_step(WZRUN_STEP);
  static bool end_step(WZRUN_STEP);
  static bool general_end_step(WZRUN_STEP);
  static bool illegal_step(WZRUN_STEP);
  static bool disabled_step(WZRUN_STEP);
  static bool not_constant_step(WZRUN_STEP);
  static bool past_end_step(WZRUN_STEP);

  template <Opcode op>
  bool read_general();
  template <Opcode op>
  bool read_constant_value();

  template <Opcode op>
  static constexpr bool kPrefixed = code_of(op) > 0xff;

  /// Called in a step when it is certain to tell the sink: what the sink may look at.
  template <Opcode op>
  void before_telling(const std::uint8_t* pc, Entry* top) {
    state_.stack.top = top;
    if constexpr (!kPrefixed<op>)
      state_.instruction = pc - 1;
    state_.sink.at(state_.instruction_offset());
  }

  State state_;
  ValueType first_memory_index_ = ValueType::reference(false, HeapType::from_bits(0xffffff));  ///< or no operand's type
  std::unique_ptr<Steps> own_steps_[2];  ///< for functions and for constants, if the features are unusual ones
  const Steps* current_steps_ = nullptr;
  std::vector<std::uint8_t> completed_;
};

/// Instructions that may stand in a constant expression.
template <typename Sink>
constexpr bool FunctionReader<Sink>::is_constant(Opcode op) {
  switch (op) {
    case Opcode::end:
    case Opcode::i32_const:
    case Opcode::i64_const:
    case Opcode::f32_const:
    case Opcode::f64_const:
    case Opcode::v128_const:
    case Opcode::global_get:
    case Opcode::ref_null:
    case Opcode::ref_func:
    case Opcode::ref_i31:
    case Opcode::struct_new:
    case Opcode::struct_new_default:
    case Opcode::array_new:
    case Opcode::array_new_default:
    case Opcode::array_new_fixed:
    case Opcode::any_convert_extern:
    case Opcode::extern_convert_any:
      return true;
    default:
      return is_extended_constant(op);
  }
}

/// Those that extended-const has added.
template <typename Sink>
constexpr bool FunctionReader<Sink>::is_extended_constant(Opcode op) {
  return op == Opcode::i32_add || op == Opcode::i32_sub || op == Opcode::i32_mul || op == Opcode::i64_add ||
         op == Opcode::i64_sub || op == Opcode::i64_mul;
}

}  // namespace wzrun::wasm

#include "wasm/function_steps.h"
