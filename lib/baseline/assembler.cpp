#include "baseline/assembler.h"

namespace wzrun::baseline {

namespace {

constexpr bool fits_8(std::int64_t value) { return value >= -128 && value <= 127; }
constexpr std::uint8_t low(unsigned reg) { return static_cast<std::uint8_t>(reg & 7); }

}  // namespace

void Assembler::encode(Encoding op, Width width, unsigned reg, const Place& rm, bool is_byte) {
  reserve();
  if (op.prefix != 0)
    put(op.prefix);
  unsigned rex = width == Width::w64 ? 0x48 : 0;
  rex |= reg >= 8 ? 0x44U : 0;
  if (rm.is_memory) {
    rex |= rm.address.index && number(*rm.address.index) >= 8 ? 0x42U : 0;
    rex |= number(rm.address.base) >= 8 ? 0x41U : 0;
    rex |= is_byte && reg >= 4 ? 0x40U : 0;
  } else {
    rex |= rm.reg >= 8 ? 0x41U : 0;
    rex |= is_byte && (reg >= 4 || rm.reg >= 4) ? 0x40U : 0;
  }
  if (rex != 0)
    put(static_cast<std::uint8_t>(rex));
  if (op.map != 0)
    put(0x0f);
  if (op.map >= 2)
    put(op.map == 2 ? 0x38 : 0x3a);
  put(op.code);
  put_operands(reg, rm);
}

void Assembler::emit_vex(std::uint8_t map, std::uint8_t pp, std::uint8_t code, Width width, unsigned reg, unsigned vvvv,
                         const Place& rm) {
  reserve();
  const bool index_is_high = rm.is_memory && rm.address.index && number(*rm.address.index) >= 8;
  const bool base_is_high = rm.is_memory ? number(rm.address.base) >= 8 : rm.reg >= 8;
  put(0xc4);
  put(static_cast<std::uint8_t>((reg >= 8 ? 0 : 0x80) | (index_is_high ? 0 : 0x40) | (base_is_high ? 0 : 0x20) | map));
  put(static_cast<std::uint8_t>((width == Width::w64 ? 0x80 : 0) | (~vvvv & 0xf) << 3 | pp));
  put(code);
  put_operands(reg, rm);
}

void Assembler::put_operands(unsigned reg, const Place& rm) {
  const auto middle = static_cast<std::uint8_t>(low(reg) << 3);
  if (!rm.is_memory) {
    put(static_cast<std::uint8_t>(0xc0 | middle | low(rm.reg)));
    return;
  }
  const auto& [base, index, displacement, scale] = rm.address;
  const auto base_bits = low(number(base));
  // rbp and r13 without a displacement mean something else.
  const std::uint8_t mode = displacement == 0 && base_bits != 5 ? 0 : fits_8(displacement) ? 0x40 : 0x80;
  constexpr std::uint8_t kWithIndex = 4;
  if (index || base_bits == kWithIndex) {
    put(static_cast<std::uint8_t>(mode | middle | kWithIndex));
    put(static_cast<std::uint8_t>(scale << 6 | (index ? low(number(*index)) : kWithIndex) << 3 | base_bits));
  } else {
    put(static_cast<std::uint8_t>(mode | middle | base_bits));
  }
  if (mode == 0x40)
    put(static_cast<std::uint8_t>(displacement));
  else if (mode == 0x80)
    put_word(static_cast<std::uint32_t>(displacement));
}

void Assembler::move_constant(Gpr to, std::uint64_t value) {
  if (value == static_cast<std::uint32_t>(value)) {
    reserve();
    if (number(to) >= 8)
      put(0x41);
    put(static_cast<std::uint8_t>(0xb8 | low(number(to))));
    put_word(static_cast<std::uint32_t>(value));
    return;
  }
  const auto as_signed = static_cast<std::int64_t>(value);
  if (as_signed == static_cast<std::int32_t>(as_signed)) {
    emit({0, 0, 0xc7}, Width::w64, 0, to);
    immediate32(as_signed);
    return;
  }
  reserve();
  put(static_cast<std::uint8_t>(0x48 | (number(to) >= 8 ? 1 : 0)));
  put(static_cast<std::uint8_t>(0xb8 | low(number(to))));
  put_word(static_cast<std::uint32_t>(value));
  put_word(static_cast<std::uint32_t>(value >> 32));
}

void Assembler::arithmetic_constant(Arithmetic operation, Width width, const Place& rm, std::int32_t value) {
  const auto number = static_cast<unsigned>(operation) >> 3;
  if (fits_8(value)) {
    emit({0, 0, 0x83}, width, number, rm);
    immediate8(value);
  } else {
    emit({0, 0, 0x81}, width, number, rm);
    immediate32(value);
  }
}

void Assembler::put_distance(CodeLabel& label) {
  if (label.is_bound()) {
    put_word(label.position - (position() + 4));
    return;
  }
  put_word(label.last_jump);
  label.last_jump = position() - 4;
}

void Assembler::jump(CodeLabel& label) {
  reserve();
  if (label.is_bound() && position() + 2 - label.position <= 128) {
    put(0xeb);
    put(static_cast<std::uint8_t>(label.position - (position() + 1)));
    return;
  }
  put(0xe9);
  put_distance(label);
}

void Assembler::jump_if(Condition condition, CodeLabel& label) {
  reserve();
  const auto bits = static_cast<std::uint8_t>(condition);
  if (label.is_bound() && position() + 2 - label.position <= 128) {
    put(static_cast<std::uint8_t>(0x70 | bits));
    put(static_cast<std::uint8_t>(label.position - (position() + 1)));
    return;
  }
  put(0x0f);
  put(static_cast<std::uint8_t>(0x80 | bits));
  put_distance(label);
}

void Assembler::call(CodeLabel& label) {
  reserve();
  put(0xe8);
  put_distance(label);
}

void Assembler::load_label(Gpr to, CodeLabel& label) {
  reserve();
  put(static_cast<std::uint8_t>(0x48 | (number(to) >= 8 ? 4 : 0)));
  put(0x8d);
  put(static_cast<std::uint8_t>(low(number(to)) << 3 | 5));
  put_distance(label);
}

void Assembler::bind(CodeLabel& label) {
  label.position = position();
  for (auto at = label.last_jump; at != CodeLabel::kNone;) {
    const auto next = word_at(at);
    patch_word(at, label.position - (at + 4));
    at = next;
  }
}

void Assembler::push(Gpr reg) {
  reserve();
  if (number(reg) >= 8)
    put(0x41);
  put(static_cast<std::uint8_t>(0x50 | low(number(reg))));
}

void Assembler::pop(Gpr reg) {
  reserve();
  if (number(reg) >= 8)
    put(0x41);
  put(static_cast<std::uint8_t>(0x58 | low(number(reg))));
}

void Assembler::trap(std::uint8_t kind) {
  reserve();
  for (const std::uint8_t value : {0x67, 0x0f, 0xb9, 0x40})
    put(value);
  put(kind);
}

void Assembler::align(std::uint32_t bytes) {
  while (position() % bytes != 0)
    byte(0xcc);
}

}  // namespace wzrun::baseline
