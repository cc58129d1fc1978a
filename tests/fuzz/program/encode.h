#pragma once

#include "tests/fuzz/program/program.h"
#include "tests/fuzz/program/rows.h"

#include <string_view>
#include <vector>

/// From a program to the bytes of a module. Every instruction's offset is noted in it.
namespace wzrun::fuzz {

class Encoder {
 public:
  explicit Encoder(const Program& program) : program_(program) {}

  std::vector<std::uint8_t> encode() {
    out_ = {0, 'a', 's', 'm', 1, 0, 0, 0};
    section(1, [&] {
      unsigned_leb(program_.types.size());
      for (const auto& type : program_.types) {
        byte(0x60);
        types(type.params);
        types(type.results);
      }
    });
    section(2, [&] {
      unsigned_leb(1);
      name("host");
      name("f");
      byte(0);
      unsigned_leb(program_.host_type);
    });
    section(3, [&] {
      unsigned_leb(program_.functions.size());
      for (const auto& function : program_.functions)
        unsigned_leb(function.type_index);
    });
    section(4, [&] {
      unsigned_leb(1);
      byte(0x70);
      byte(0);
      unsigned_leb(program_.table.size());
    });
    section(5, [&] {
      unsigned_leb(2);
      for (const std::uint8_t flags : {0x01, 0x05}) {
        byte(flags);
        unsigned_leb(Program::kPages);
        unsigned_leb(Program::kMaxPages);
      }
    });
    section(6, [&] {
      unsigned_leb(program_.globals.size());
      for (std::size_t i = 0; i < program_.globals.size(); ++i) {
        byte(static_cast<std::uint8_t>(program_.globals[i].kind()));
        byte(1);
        constant(program_.globals[i], program_.global_values[i]);
        byte(0x0b);
      }
    });
    section(7, [&] {
      unsigned_leb(3 + program_.globals.size());
      name("f");
      byte(0);
      unsigned_leb(function_index(0));
      name("m0");
      byte(2);
      unsigned_leb(0);
      name("m1");
      byte(2);
      unsigned_leb(1);
      for (std::size_t i = 0; i < program_.globals.size(); ++i) {
        name("g" + std::to_string(i));
        byte(3);
        unsigned_leb(i);
      }
    });
    elements();
    section(12, [&] { unsigned_leb(1); });
    section(10, [&] {
      unsigned_leb(program_.functions.size());
      for (const auto& function : program_.functions)
        body(function);
    });
    section(11, [&] {
      unsigned_leb(1);
      byte(1);
      unsigned_leb(Program::kDataBytes);
      for (std::uint32_t i = 0; i < Program::kDataBytes; ++i)
        byte(static_cast<std::uint8_t>(i * 37 + 1));
    });
    return std::move(out_);
  }

 private:
  void byte(std::uint8_t value) { out_.push_back(value); }
  void unsigned_leb(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void signed_leb(std::int64_t value) {
    for (; value < -64 || value > 63; value >>= 7)
      byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value & 0x7f));
  }
  void name(std::string_view text) {
    unsigned_leb(text.size());
    out_.insert(out_.end(), text.begin(), text.end());
  }
  void types(const Types& list) {
    unsigned_leb(list.size());
    for (const auto type : list)
      byte(static_cast<std::uint8_t>(type.kind()));
  }
  /// The size takes five bytes, so that offsets inside are known at once.
  template <typename F>
  void sized(F write) {
    const auto at = out_.size();
    out_.resize(at + 5);
    write();
    const auto size = out_.size() - at - 5;
    for (unsigned i = 0; i < 5; ++i)
      out_[at + i] = static_cast<std::uint8_t>((size >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
  }
  template <typename F>
  void section(std::uint8_t id, F write) {
    byte(id);
    sized(write);
  }
  void raw(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
      byte(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  void elements() {
    std::size_t count = 0;
    for (const auto entry : program_.table)
      count += entry != Program::kNoFunction ? 1 : 0;
    section(9, [&] {
      unsigned_leb(count);
      for (std::size_t i = 0; i < program_.table.size(); ++i) {
        if (program_.table[i] == Program::kNoFunction)
          continue;
        byte(0);
        byte(0x41);
        signed_leb(static_cast<std::int64_t>(i));
        byte(0x0b);
        unsigned_leb(1);
        unsigned_leb(program_.table[i]);
      }
    });
  }

  void constant(ValueType type, const Bits& bits) {
    switch (type.kind()) {
      case ValueKind::i32:
        byte(0x41);
        return signed_leb(static_cast<std::int32_t>(bits.low));
      case ValueKind::i64:
        byte(0x42);
        return signed_leb(static_cast<std::int64_t>(bits.low));
      case ValueKind::f32:
        byte(0x43);
        return raw(bits.low, 4);
      case ValueKind::f64:
        byte(0x44);
        return raw(bits.low, 8);
      default:
        byte(0xfd);
        byte(0x0c);
        raw(bits.low, 8);
        return raw(bits.high, 8);
    }
  }

  void body(const Function& function) {
    sized([&] {
      const auto params = function.signature.params.size();
      unsigned_leb(function.locals.size() - params);
      for (auto i = params; i < function.locals.size(); ++i) {
        byte(1);
        byte(static_cast<std::uint8_t>(function.locals[i].kind()));
      }
      sequence(function.body);
      byte(0x0b);
    });
  }

  void sequence(const std::vector<Instruction>& list) {
    for (const auto& instruction : list)
      write(instruction);
  }

  void opcode(Opcode op) {
    const auto code = wasm::code_of(op);
    if (code > 0xff) {
      byte(static_cast<std::uint8_t>(code >> 16));
      unsigned_leb(code & 0xffff);
      return;
    }
    byte(static_cast<std::uint8_t>(code));
  }

  void memory_argument(const Instruction& instruction) {
    if (instruction.index != 0) {
      byte(0x40);
      unsigned_leb(instruction.index);
    } else {
      byte(0);
    }
    unsigned_leb(instruction.immediate);
  }

  void write(const Instruction& instruction) {
    instruction.offset = out_.size();
    switch (instruction.opcode) {
      case Opcode::i32_const:
        return constant(value_types::i32, {instruction.immediate});
      case Opcode::i64_const:
        return constant(value_types::i64, {instruction.immediate});
      case Opcode::f32_const:
        return constant(value_types::f32, {instruction.immediate});
      case Opcode::f64_const:
        return constant(value_types::f64, {instruction.immediate});
      default:
        break;
    }
    opcode(instruction.opcode);
    switch (instruction.opcode) {
      case Opcode::v128_const:
      case Opcode::i8x16_shuffle:
        out_.insert(out_.end(), instruction.bytes.begin(), instruction.bytes.end());
        return;
      case Opcode::block:
      case Opcode::loop:
      case Opcode::if_:
        signed_leb(instruction.index);
        sequence(instruction.body);
        if (!instruction.otherwise.empty()) {
          byte(0x05);
          sequence(instruction.otherwise);
        }
        return byte(0x0b);
      case Opcode::br:
      case Opcode::br_if:
      case Opcode::call:
      case Opcode::return_call:
      case Opcode::local_get:
      case Opcode::local_set:
      case Opcode::local_tee:
      case Opcode::global_get:
      case Opcode::global_set:
      case Opcode::memory_size:
      case Opcode::memory_grow:
      case Opcode::memory_fill:
      case Opcode::data_drop:
        return unsigned_leb(instruction.immediate);
      case Opcode::memory_copy:
        unsigned_leb(instruction.immediate);
        return unsigned_leb(instruction.index);
      case Opcode::memory_init:
        unsigned_leb(0);
        return unsigned_leb(instruction.immediate);
      case Opcode::call_indirect:
      case Opcode::return_call_indirect:
        unsigned_leb(instruction.index);
        return unsigned_leb(0);
      case Opcode::br_table:
        unsigned_leb(instruction.targets.size() - 1);
        for (const auto target : instruction.targets)
          unsigned_leb(target);
        return;
      case Opcode::select_t:
        unsigned_leb(1);
        return byte(static_cast<std::uint8_t>(instruction.type.kind()));
      default:
        break;
    }
    if (find_row(load_rows(), instruction.opcode) != nullptr || find_row(store_rows(), instruction.opcode) != nullptr)
      return memory_argument(instruction);
    if (find_row(lane_rows(), instruction.opcode) != nullptr) {
      memory_argument(instruction);
      return byte(instruction.lane);
    }
    if (const auto* const row = find_row(numeric_rows(), instruction.opcode); row != nullptr && row->lanes != 0)
      byte(instruction.lane);
  }

  const Program& program_;
  std::vector<std::uint8_t> out_;
};

}  // namespace wzrun::fuzz
