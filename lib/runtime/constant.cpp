#include "runtime/state.h"
#include "wasm/byte_reader.h"
#include "wasm/opcodes.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

/// Constant expressions at instantiation. They are valid, so nothing is checked here.
/// Source: Wasm 3.0, 3.4.6.
namespace wzrun::runtime {

namespace {

using wasm::Opcode;

std::uint64_t read_bits(wasm::ByteReader& in, std::size_t count) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, in.bytes(count)->data(), count);
  return bits;
}

class Evaluator {
 public:
  Evaluator(Instance& instance, const wasm::ConstantExpression& expression)
      : instance_(instance), in_(expression.code, expression.offset) {}

  Expected<ConstantValue> run() {
    for (;;) {
      const auto at = in_.offset();
      const auto byte = *in_.byte();
      const auto opcode = wasm::is_prefix(byte) ? wasm::opcode_of(byte, *in_.u32()) : wasm::opcode_of(byte);
      if (opcode == Opcode::end)
        return stack_.back();
      if (!step(opcode))
        return std::unexpected(
            Error{ErrorKind::unsupported, at,
                  fmt::format("{} in a constant expression is not supported by this engine", to_string(opcode))});
    }
  }

 private:
  /// False for an instruction that makes another heap object than an array of default values.
  bool step(Opcode opcode) {
    switch (opcode) {
      case Opcode::i32_const:
        return push(static_cast<std::uint32_t>(*in_.s32()));
      case Opcode::i64_const:
        return push(static_cast<std::uint64_t>(*in_.s64()));
      case Opcode::f32_const:
        return push(read_bits(in_, 4));
      case Opcode::f64_const:
        return push(read_bits(in_, 8));
      case Opcode::v128_const: {
        const auto low = read_bits(in_, 8);
        stack_.push_back({low, read_bits(in_, 8)});
        return true;
      }
      case Opcode::ref_null:
        static_cast<void>(in_.s33());
        return push(0);
      case Opcode::ref_func:
        return push(reinterpret_cast<std::uint64_t>(instance_.function(*in_.u32())));
      case Opcode::global_get: {
        const auto* const cell = instance_.globals[*in_.u32()].cell;
        stack_.push_back({cell[0], cell[1]});
        return true;
      }
      case Opcode::i32_add:
        return binary([](std::uint64_t a, std::uint64_t b) { return (a + b) & 0xffffffff; });
      case Opcode::i32_sub:
        return binary([](std::uint64_t a, std::uint64_t b) { return (a - b) & 0xffffffff; });
      case Opcode::i32_mul:
        return binary([](std::uint64_t a, std::uint64_t b) { return (a * b) & 0xffffffff; });
      case Opcode::i64_add:
        return binary([](std::uint64_t a, std::uint64_t b) { return a + b; });
      case Opcode::i64_sub:
        return binary([](std::uint64_t a, std::uint64_t b) { return a - b; });
      case Opcode::i64_mul:
        return binary([](std::uint64_t a, std::uint64_t b) { return a * b; });
      case Opcode::array_new_default:
        static_cast<void>(in_.u32());
        stack_.back() = {reinterpret_cast<std::uint64_t>(&instance_.constant_arrays.emplace_back()), 0};
        return true;
      default:
        return false;
    }
  }

  bool push(std::uint64_t low) {
    stack_.push_back({low, 0});
    return true;
  }

  template <typename F>
  bool binary(F operation) {
    const auto b = stack_.back().low;
    stack_.pop_back();
    stack_.back() = {operation(stack_.back().low, b), 0};
    return true;
  }

  Instance& instance_;
  wasm::ByteReader in_;
  std::vector<ConstantValue> stack_;
};

}  // namespace

Expected<ConstantValue> evaluate(Instance& instance, const wasm::ConstantExpression& expression) {
  if (expression.i32)
    return ConstantValue{*expression.i32, 0};
  return Evaluator(instance, expression).run();
}

}  // namespace wzrun::runtime
