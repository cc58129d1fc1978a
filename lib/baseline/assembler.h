#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

/// Machine instructions of x86-64 as bytes.
/// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
namespace wzrun::baseline {

enum class Gpr : std::uint8_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };
/// By number, as there is nothing else to say of them.
enum class Xmm : std::uint8_t {};

constexpr unsigned number(Gpr reg) { return static_cast<unsigned>(reg); }
constexpr unsigned number(Xmm reg) { return static_cast<unsigned>(reg); }

/// Of operands, in bits.
enum class Width : std::uint8_t { w32, w64 };
constexpr Width width_of(bool is_64) { return is_64 ? Width::w64 : Width::w32; }
/// Of what is in an Xmm, in bits.
enum class XmmWidth : std::uint8_t { w32, w64, w128 };
constexpr XmmWidth xmm_width(bool is_64) { return is_64 ? XmmWidth::w64 : XmmWidth::w32; }

/// Conditions by their encoding; the lowest bit negates.
enum class Condition : std::uint8_t {
  overflow = 0x0,
  below = 0x2,
  above_equal = 0x3,
  equal = 0x4,
  not_equal = 0x5,
  below_equal = 0x6,
  above = 0x7,
  sign = 0x8,
  not_sign = 0x9,
  parity = 0xa,
  not_parity = 0xb,
  less = 0xc,
  greater_equal = 0xd,
  less_equal = 0xe,
  greater = 0xf,
};
constexpr Condition negated(Condition condition) {
  return static_cast<Condition>(static_cast<std::uint8_t>(condition) ^ 1);
}

/// By the opcodes of the forms with a register and a register or memory.
enum class Arithmetic : std::uint8_t { add = 0x03, or_ = 0x0b, and_ = 0x23, sub = 0x2b, xor_ = 0x33, compare = 0x3b };

/// base + (index << scale) + displacement.
struct Address {
  Gpr base{};
  std::optional<Gpr> index;
  std::int32_t displacement = 0;
  std::uint8_t scale = 0;
};

/// An operand that is a register, of either kind, or memory.
struct Place {
  Place(Gpr reg) : reg(static_cast<std::uint8_t>(number(reg))) {}   // NOLINT(google-explicit-constructor)
  Place(Xmm reg) : reg(static_cast<std::uint8_t>(number(reg))) {}   // NOLINT(google-explicit-constructor)
  Place(const Address& place) : address(place), is_memory(true) {}  // NOLINT(google-explicit-constructor)
  Address address;
  std::uint8_t reg = 0;
  bool is_memory = false;
};

/// An opcode with what stands before it.
struct Encoding {
  std::uint8_t prefix;  ///< 0, 0x66, 0xf2 or 0xf3
  std::uint8_t map;     ///< 0: none, 1: 0f, 2: 0f 38, 3: 0f 3a
  std::uint8_t code;
};

/// A place in the code that jumps go to. Jumps to a label that is not bound yet form a chain through their own
/// displacements.
struct CodeLabel {
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::uint32_t position = kNone;
  std::uint32_t last_jump = kNone;
  bool is_bound() const { return position != kNone; }
  bool is_used() const { return last_jump != kNone; }
};

class Assembler {
 public:
  std::uint32_t position() const { return static_cast<std::uint32_t>(end_); }
  const std::uint8_t* data() const { return bytes_.data(); }

  /// `reg` is the register operand or a part of the opcode; `width` sets REX.W.
  void emit(Encoding op, Width width, unsigned reg, const Place& rm) { encode(op, width, reg, rm, false); }
  /// The same for registers of 8 bits, of which the low byte is meant.
  void emit_byte(Encoding op, unsigned reg, const Place& rm, Width width = Width::w32) {
    encode(op, width, reg, rm, true);
  }
  /// With three operands: dst = op(a, b). `pp`: 1 for 0x66, 2 for 0xf3, 3 for 0xf2.
  void emit_vex(std::uint8_t map, std::uint8_t pp, std::uint8_t code, Width width, unsigned reg, unsigned vvvv,
                const Place& rm);
  void byte(std::uint8_t value) {
    reserve();
    put(value);
  }
  void immediate8(std::int64_t value) { byte(static_cast<std::uint8_t>(value)); }
  void immediate32(std::int64_t value) {
    reserve();
    put_word(static_cast<std::uint32_t>(value));
  }

  // Moves.
  void move(Width width, Gpr to, Gpr from) { emit({0, 0, 0x8b}, width, number(to), from); }
  void load(Width width, Gpr to, const Address& from) { emit({0, 0, 0x8b}, width, number(to), from); }
  void store(Width width, const Address& to, Gpr from) { emit({0, 0, 0x89}, width, number(from), to); }
  /// Leaves the flags alone.
  void move_constant(Gpr to, std::uint64_t value);
  void store_constant(Width width, const Address& to, std::int32_t value) {
    emit({0, 0, 0xc7}, width, 0, to);
    immediate32(value);
  }
  void load_address(Width width, Gpr to, const Address& address) { emit({0, 0, 0x8d}, width, number(to), address); }
  void move(Xmm to, Xmm from) { emit({0, 1, 0x28}, Width::w32, number(to), from); }
  /// The bits above are zero then.
  void load(XmmWidth width, Xmm to, const Address& from) {
    emit({prefix(width), 1, 0x10}, Width::w32, number(to), from);
  }
  void store(XmmWidth width, const Address& to, Xmm from) {
    emit({prefix(width), 1, 0x11}, Width::w32, number(from), to);
  }
  /// The bits as they are.
  void move_bits(Width width, Xmm to, Gpr from) { emit({0x66, 1, 0x6e}, width, number(to), from); }
  void move_bits(Width width, Gpr to, Xmm from) { emit({0x66, 1, 0x7e}, width, number(from), to); }
  static constexpr std::uint8_t scalar(bool is_64) { return is_64 ? 0xf2 : 0xf3; }
  static constexpr std::uint8_t prefix(XmmWidth width) {
    return width == XmmWidth::w128 ? 0 : scalar(width == XmmWidth::w64);
  }

  // Arithmetic.
  void arithmetic(Arithmetic operation, Width width, Gpr reg, const Place& rm) {
    emit({0, 0, static_cast<std::uint8_t>(operation)}, width, number(reg), rm);
  }
  void arithmetic_constant(Arithmetic operation, Width width, const Place& rm, std::int32_t value);
  void test(Width width, Gpr a, Gpr b) { emit({0, 0, 0x85}, width, number(b), a); }
  void set(Condition condition, Gpr reg) {
    emit_byte({0, 1, static_cast<std::uint8_t>(0x90 | static_cast<std::uint8_t>(condition))}, 0, reg);
  }
  void zero_extend_byte(Gpr to, Gpr from) { emit_byte({0, 1, 0xb6}, number(to), from); }
  void conditional_move(Condition condition, Width width, Gpr to, const Place& from) {
    emit({0, 1, static_cast<std::uint8_t>(0x40 | static_cast<std::uint8_t>(condition))}, width, number(to), from);
  }

  // Control.
  void jump(CodeLabel& label);
  void jump_if(Condition condition, CodeLabel& label);
  void call(CodeLabel& label);
  void call(const Place& callee) { emit({0, 0, 0xff}, Width::w32, 2, callee); }
  void jump(const Place& target) { emit({0, 0, 0xff}, Width::w32, 4, target); }
  void bind(CodeLabel& label);
  /// lea to, [label]
  void load_label(Gpr to, CodeLabel& label);
  void push(Gpr reg);
  void pop(Gpr reg);
  void leave() { byte(0xc9); }
  void ret() { byte(0xc3); }
  /// What fault.cpp takes for a trap.
  void trap(std::uint8_t kind);
  /// Fills with traps up to a multiple.
  void align(std::uint32_t bytes);
  void word(std::uint32_t value) {
    reserve();
    put_word(value);
  }

 private:
  static constexpr std::size_t kLongestInstruction = 24;
  void reserve() {
    if (bytes_.size() - end_ < kLongestInstruction)
      bytes_.resize(std::max<std::size_t>(2 * bytes_.size(), 4096));
  }
  void put(std::uint8_t value) { bytes_[end_++] = value; }
  void put_word(std::uint32_t value) {
    std::memcpy(bytes_.data() + end_, &value, sizeof value);
    end_ += sizeof value;
  }
  void patch_word(std::uint32_t at, std::uint32_t value) { std::memcpy(bytes_.data() + at, &value, sizeof value); }
  std::uint32_t word_at(std::uint32_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  void encode(Encoding op, Width width, unsigned reg, const Place& rm, bool is_byte);
  void put_operands(unsigned reg, const Place& rm);
  void put_distance(CodeLabel& label);

  std::vector<std::uint8_t> bytes_;
  std::size_t end_ = 0;
};

}  // namespace wzrun::baseline
