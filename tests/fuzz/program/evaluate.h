#pragma once

#include "tests/fuzz/program/program.h"
#include "tests/fuzz/program/rows.h"
#include "wzrun/error.h"

#include <cstring>
#include <optional>
#include <span>
#include <variant>
#include <vector>

/// A plain evaluator: one operand stack, one switch, nothing clever. What the engines are compared with.
namespace wzrun::fuzz {

/// What the host function of every program does: something that depends on all arguments.
/// It traps when the first result would be divisible by 61.
inline std::optional<std::vector<Bits>> host_function(const Signature& signature, std::span<const Bits> arguments) {
  std::uint64_t mix = 0x9e3779b97f4a7c15;
  for (const auto& argument : arguments)
    mix = (mix ^ argument.low ^ (argument.high << 7)) * 0xff51afd7ed558ccd + (mix >> 29);
  if (mix % 61 == 0)
    return std::nullopt;
  std::vector<Bits> results;
  for (const auto type : signature.results) {
    mix = mix * 6364136223846793005 + 1442695040888963407;
    switch (type.kind()) {
      case ValueKind::i32:
        results.push_back({mix >> 32});
        break;
      case ValueKind::f32:
        results.push_back(detail::to_bits(static_cast<float>(mix >> 48)));
        break;
      case ValueKind::f64:
        results.push_back(detail::to_bits(static_cast<double>(mix >> 40)));
        break;
      case ValueKind::v128:
        results.push_back({mix, ~mix});
        break;
      default:
        results.push_back({mix});
    }
  }
  return results;
}

struct FramePosition {
  std::uint32_t function_index = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const FramePosition&, const FramePosition&) = default;
};

struct ModelTrap {
  TrapKind kind{};
  std::vector<FramePosition> frames;  ///< innermost first
};

/// The program runs too long, or its outcome may differ between engines that are both right.
struct NotComparable {};

class Model {
 public:
  Model(const Program& program, std::uint64_t max_steps)
      : program_(program), steps_left_(max_steps), globals(program.global_values) {
    for (auto& memory : memories)
      memory.resize(Program::kPages << 16);
  }

  std::variant<std::vector<Bits>, ModelTrap, NotComparable> run() {
    try {
      return call(0, program_.arguments);
    } catch (TrapKind kind) {
      ModelTrap trap{kind, {}};
      for (auto frame = calls_.rbegin(); frame != calls_.rend(); ++frame)
        trap.frames.push_back({function_index(frame->function), frame->at->offset});
      return trap;
    } catch (NotComparable) {
      return NotComparable{};
    }
  }

 private:
  struct Call {
    std::size_t function = 0;
    const Instruction* at = nullptr;
  };
  struct Activation {
    const Function& function;
    std::vector<Bits> locals;
    std::vector<Bits> stack;
    Bits pop() {
      const auto value = stack.back();
      stack.pop_back();
      return value;
    }
    std::uint32_t pop32() { return static_cast<std::uint32_t>(pop().low); }
    std::vector<Bits> pop_many(std::size_t count) {
      std::vector<Bits> values(stack.end() - static_cast<std::ptrdiff_t>(count), stack.end());
      stack.resize(stack.size() - count);
      return values;
    }
    void push_many(const std::vector<Bits>& values) { stack.insert(stack.end(), values.begin(), values.end()); }
  };

  // How a sequence ends: it falls through, or it branches this many labels out.
  static constexpr std::uint32_t kNext = ~std::uint32_t{0};
  static constexpr std::uint32_t kReturn = kNext - 1;

  std::vector<Bits> call(std::size_t index, const std::vector<Bits>& arguments) {
    const auto& function = program_.functions[index];
    Activation activation{function, arguments, {}};
    activation.locals.resize(function.locals.size());
    calls_.push_back({index, nullptr});
    if (++depth_ > 100)  // tail calls nest here, though they do not in `calls_`
      throw NotComparable{};
    sequence(activation, function.body);
    --depth_;
    calls_.pop_back();
    return activation.pop_many(function.signature.results.size());
  }

  /// By index in the module: 0 is the host's.
  std::vector<Bits> call_any(std::uint32_t index, const std::vector<Bits>& arguments) {
    if (index != 0)
      return call(index - 1, arguments);
    auto results = host_function(program_.types[program_.host_type], arguments);
    if (!results)
      throw TrapKind::unreachable;
    return *results;
  }

  const Signature& signature_of(std::uint32_t index) const {
    return index == 0 ? program_.types[program_.host_type] : program_.functions[index - 1].signature;
  }

  std::uint32_t sequence(Activation& a, const std::vector<Instruction>& list) {
    for (const auto& instruction : list) {
      if (steps_left_-- == 0)
        throw NotComparable{};
      calls_.back().at = &instruction;
      if (const auto ending = step(a, instruction); ending != kNext)
        return ending;
    }
    return kNext;
  }

  std::uint32_t structured(Activation& a, const Instruction& block, const std::vector<Instruction>& body) {
    const auto height = a.stack.size() - block.signature.params.size();
    const bool is_loop = block.opcode == Opcode::loop;
    const auto arity = is_loop ? block.signature.params.size() : block.signature.results.size();
    for (;;) {
      const auto ending = sequence(a, body);
      if (ending == kNext || ending == kReturn)
        return ending;
      if (ending != 0)
        return ending - 1;
      const auto values = a.pop_many(arity);
      a.stack.resize(height);
      a.push_many(values);
      if (!is_loop)
        return kNext;
      if (steps_left_-- == 0)
        throw NotComparable{};
    }
  }

  std::uint8_t* access(const Instruction& instruction, std::uint64_t address, std::uint64_t bytes) {
    auto& memory = memories[instruction.index];
    std::uint64_t effective = 0;
    if (__builtin_add_overflow(address, instruction.immediate, &effective) || effective > memory.size() ||
        bytes > memory.size() - effective)
      throw TrapKind::out_of_bounds_memory_access;
    return memory.data() + effective;
  }
  std::uint64_t address(Activation& a, std::uint32_t memory) {
    const auto value = a.pop().low;
    return memory == 0 ? value & 0xffffffff : value;
  }

  std::uint8_t* range(std::uint32_t memory, std::uint64_t at, std::uint64_t count) {
    if (at > memories[memory].size() || count > memories[memory].size() - at)
      throw TrapKind::out_of_bounds_memory_access;
    return memories[memory].data() + at;
  }

  std::uint32_t step(Activation& a, const Instruction& i) {
    switch (i.opcode) {
      case Opcode::nop:
        return kNext;
      case Opcode::unreachable:
        throw TrapKind::unreachable;
      case Opcode::i32_const:
      case Opcode::i64_const:
      case Opcode::f32_const:
      case Opcode::f64_const:
        a.stack.push_back({i.immediate});
        return kNext;
      case Opcode::v128_const:
        a.stack.push_back(detail::to_bits(i.bytes));
        return kNext;
      case Opcode::drop:
        a.pop();
        return kNext;
      case Opcode::local_get:
        a.stack.push_back(a.locals[i.immediate]);
        return kNext;
      case Opcode::local_set:
        a.locals[i.immediate] = a.pop();
        return kNext;
      case Opcode::local_tee:
        a.locals[i.immediate] = a.stack.back();
        return kNext;
      case Opcode::global_get:
        a.stack.push_back(globals[i.immediate]);
        return kNext;
      case Opcode::global_set:
        globals[i.immediate] = a.pop();
        return kNext;
      case Opcode::select:
      case Opcode::select_t: {
        const auto condition = a.pop32();
        const auto second = a.pop();
        if (condition == 0)
          a.stack.back() = second;
        return kNext;
      }
      case Opcode::block:
      case Opcode::loop:
        return structured(a, i, i.body);
      case Opcode::if_:
        return structured(a, i, a.pop32() != 0 ? i.body : i.otherwise);
      case Opcode::br:
        return static_cast<std::uint32_t>(i.immediate);
      case Opcode::br_if:
        return a.pop32() != 0 ? static_cast<std::uint32_t>(i.immediate) : kNext;
      case Opcode::br_table: {
        const auto index = a.pop32();
        return i.targets[std::min<std::size_t>(index, i.targets.size() - 1)];
      }
      case Opcode::return_:
        return kReturn;
      case Opcode::call: {
        const auto target = static_cast<std::uint32_t>(i.immediate);
        a.push_many(call_any(target, a.pop_many(signature_of(target).params.size())));
        return kNext;
      }
      case Opcode::call_indirect: {
        const auto target = element(a.pop32(), i.index);
        a.push_many(call_any(target, a.pop_many(signature_of(target).params.size())));
        return kNext;
      }
      case Opcode::return_call:
      case Opcode::return_call_indirect:
        return tail_call(a, i);
      case Opcode::memory_size: {
        a.stack.push_back({memories[i.immediate].size() >> 16});
        return kNext;
      }
      case Opcode::memory_grow: {
        auto& memory = memories[i.immediate];
        const auto before = memory.size() >> 16;
        const auto delta = address(a, static_cast<std::uint32_t>(i.immediate));
        if (delta > Program::kMaxPages - before) {
          a.stack.push_back({i.immediate == 0 ? 0xffffffff : ~std::uint64_t{0}});
          return kNext;
        }
        memory.resize((before + delta) << 16);
        a.stack.push_back({before});
        return kNext;
      }
      case Opcode::memory_fill: {
        const auto memory = static_cast<std::uint32_t>(i.immediate);
        const auto count = address(a, memory);
        const auto value = a.pop32();
        std::memset(range(memory, address(a, memory), count), static_cast<int>(value & 0xff), count);
        return kNext;
      }
      case Opcode::memory_copy: {
        const auto to = static_cast<std::uint32_t>(i.immediate);
        const auto from = i.index;
        const auto count = address(a, to == 0 || from == 0 ? 0 : 1);
        const auto source = address(a, from);
        const auto destination = address(a, to);
        const auto* const source_bytes = range(from, source, count);
        std::memmove(range(to, destination, count), source_bytes, count);
        return kNext;
      }
      case Opcode::memory_init: {
        const auto count = a.pop32();
        const auto source = a.pop32();
        const auto destination = address(a, static_cast<std::uint32_t>(i.immediate));
        const std::uint64_t size = data_dropped_ ? 0 : Program::kDataBytes;
        if (source > size || count > size - source)
          throw TrapKind::out_of_bounds_memory_access;
        auto* const to = range(static_cast<std::uint32_t>(i.immediate), destination, count);
        for (std::uint32_t n = 0; n < count; ++n)
          to[n] = static_cast<std::uint8_t>((source + n) * 37 + 1);
        return kNext;
      }
      case Opcode::data_drop:
        data_dropped_ = true;
        return kNext;
      case Opcode::i8x16_shuffle: {
        const auto b = detail::from_bits<std::array<std::uint8_t, 16>>(a.pop());
        const auto first = detail::from_bits<std::array<std::uint8_t, 16>>(a.stack.back());
        std::array<std::uint8_t, 16> result{};
        for (std::size_t lane = 0; lane < 16; ++lane)
          result[lane] = i.bytes[lane] < 16 ? first[i.bytes[lane]] : b[i.bytes[lane] - 16U];
        a.stack.back() = detail::to_bits(result);
        return kNext;
      }
      default:
        data_instruction(a, i);
        return kNext;
    }
  }

  std::uint32_t element(std::uint32_t index, std::uint32_t type) {
    if (index >= program_.table.size())
      throw TrapKind::undefined_element;
    const auto target = program_.table[index];
    if (target == Program::kNoFunction)
      throw TrapKind::uninitialized_element;
    if (signature_of(target) != program_.types[type])
      throw TrapKind::indirect_call_type_mismatch;
    return target;
  }

  /// The callee takes this frame's place, in the list of calls too.
  std::uint32_t tail_call(Activation& a, const Instruction& i) {
    const auto target =
        i.opcode == Opcode::return_call ? static_cast<std::uint32_t>(i.immediate) : element(a.pop32(), i.index);
    auto arguments = a.pop_many(signature_of(target).params.size());
    if (target == 0) {
      a.push_many(call_any(target, arguments));
      return kReturn;
    }
    const auto own = calls_.back();
    calls_.pop_back();
    auto results = call_any(target, arguments);
    calls_.push_back(own);
    a.push_many(results);
    return kReturn;
  }

  void data_instruction(Activation& a, const Instruction& i) {
    if (const auto* const row = find_row(load_rows(), i.opcode)) {
      a.stack.push_back(row->read(access(i, address(a, i.index), row->bytes)));
      return;
    }
    if (const auto* const row = find_row(store_rows(), i.opcode)) {
      const auto value = a.pop();
      std::memcpy(access(i, address(a, i.index), row->bytes), &value, row->bytes);
      return;
    }
    if (const auto* const row = find_row(lane_rows(), i.opcode)) {
      auto vector = a.pop();
      auto* const at = access(i, address(a, i.index), row->bytes);
      auto* const lane = reinterpret_cast<std::uint8_t*>(&vector) + std::size_t{i.lane} * row->bytes;
      if (row->is_load) {
        std::memcpy(lane, at, row->bytes);
        a.stack.push_back(vector);
      } else {
        std::memcpy(at, lane, row->bytes);
      }
      return;
    }
    const auto& row = *find_row(numeric_rows(), i.opcode);
    const auto operands = a.pop_many(row.params.size());
    const auto result = row.apply(operands.data(), i.lane);
    if (!result)
      throw result.error();
    if (may_make_any_nan(row.text) && has_nan(row.text, *result))
      throw NotComparable{};
    a.stack.push_back(*result);
  }

  const Program& program_;
  std::uint64_t steps_left_;
  std::vector<Call> calls_;
  std::size_t depth_ = 0;
  bool data_dropped_ = false;

 public:
  std::vector<Bits> globals;
  std::array<std::vector<std::uint8_t>, 2> memories;
};

}  // namespace wzrun::fuzz
