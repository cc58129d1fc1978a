#include "baseline/vectors.h"

#include <array>
#include <cstddef>

// Lanes of vectors, orders of them, constants, and access to memory.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

/// What moves between a lane and a general register or memory: with a lane's number as an immediate byte.
struct LaneMove {
  Vex extract;
  Vex insert;
  Width width = Width::w32;
};

/// By the binary logarithm of a lane's bytes.
constexpr std::array<LaneMove, 4> kLaneMoves = {{
    {{.map = 3, .code = 0x14}, {.map = 3, .code = 0x20}},
    {{.map = 3, .code = 0x15}, {.code = 0xc4}},
    {{.map = 3, .code = 0x16}, {.map = 3, .code = 0x22}},
    {{.map = 3, .code = 0x16}, {.map = 3, .code = 0x22}, Width::w64},
}};

}  // namespace

void Translator::extract_lane(unsigned size_log2, const Place& to, Xmm from, std::uint8_t lane) {
  const auto& [move, insert, width] = kLaneMoves[size_log2];
  a_.emit_vex(move.map, move.prefix, move.code, width, number(from), 0, to);
  a_.immediate8(lane);
}

void Translator::insert_lane(unsigned size_log2, Xmm to, Xmm vector, const Place& from, std::uint8_t lane) {
  const auto& [extract, move, width] = kLaneMoves[size_log2];
  a_.emit_vex(move.map, move.prefix, move.code, width, number(to), number(vector), from);
  a_.immediate8(lane);
}

Operand Translator::lane_of(Opcode op, std::uint8_t lane, Operand vector) {
  take(vector);
  const auto from = xmm(vector, XmmWidth::w128);
  const auto length = length_of(op) + 1;
  const auto extract = [&](unsigned size_log2, bool is_signed) {
    const auto to = destination(length, nullptr, {});
    extract_lane(size_log2, to, from, lane);
    if (is_signed && size_log2 == 0)
      a_.emit_byte({0, 1, 0xbe}, number(to), to);  // movsx
    else if (is_signed)
      a_.emit({0, 1, 0xbf}, Width::w32, number(to), to);
    release(vector);
    return result(to);
  };
  switch (op) {
    case Opcode::i8x16_extract_lane_s:
      return extract(0, true);
    case Opcode::i8x16_extract_lane_u:
      return extract(0, false);
    case Opcode::i16x8_extract_lane_s:
      return extract(1, true);
    case Opcode::i16x8_extract_lane_u:
      return extract(1, false);
    case Opcode::i32x4_extract_lane:
      return extract(2, false);
    case Opcode::i64x2_extract_lane:
      return extract(3, false);
    default:
      break;
  }
  const auto to = destination_xmm(length, &vector, {});
  const Vectors v(*this);
  if (lane == 0)
    a_.move(to, from);
  else if (op == Opcode::f64x2_extract_lane)
    v.binary(kUnpackHighDoubles, to, from, from);
  else
    v.binary(kShuffleFloats, to, from, from, lane);
  release(vector);
  return result(to);
}

Operand Translator::with_lane(Opcode op, std::uint8_t lane, Operand vector, Operand value) {
  take(vector);
  take(value);
  const auto before = xmm(vector, XmmWidth::w128);
  const auto length = length_of(op) + 1;
  const bool is_float = op == Opcode::f32x4_replace_lane || op == Opcode::f64x2_replace_lane;
  if (is_float) {
    const bool is_64 = op == Opcode::f64x2_replace_lane;
    const auto from = xmm(value, is_64);
    const auto to = destination_xmm(length, &vector, {});
    const Vectors v(*this);
    if (!is_64)
      v.binary({.map = 3, .code = 0x21}, to, before, from, static_cast<std::uint8_t>(lane << 4));
    else if (lane == 0)
      v.binary({.prefix = 3, .code = 0x10}, to, before, from);
    else
      v.binary(kUnpackLowDoubles, to, before, from);
    release(value);
    release(vector);
    return result(to);
  }
  const unsigned size_log2 = op == Opcode::i8x16_replace_lane   ? 0
                             : op == Opcode::i16x8_replace_lane ? 1
                             : op == Opcode::i32x4_replace_lane ? 2
                                                                : 3;
  const auto from = gpr(value, width_of(size_log2 == 3));
  const auto to = destination_xmm(length, &vector, {});
  insert_lane(size_log2, to, before, from, lane);
  release(value);
  release(vector);
  return result(to);
}

Operand Translator::shuffle(const std::array<std::uint8_t, 16>& lanes, Operand a, Operand b) {
  constexpr std::uint8_t kFromFirst = 16, kNone = 0x80;
  Bytes from_a, from_b;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    from_a[i] = lanes[i] < kFromFirst ? lanes[i] : kNone;
    from_b[i] = lanes[i] < kFromFirst ? kNone : static_cast<std::uint8_t>(lanes[i] - kFromFirst);
  }
  return vector_result(length_of(Opcode::i8x16_shuffle) + lanes.size(), {&a, &b}, [&](Vectors v, Xmm to) {
    v.binary(kShuffleBytes, kScratchXmm, xmm(a, XmmWidth::w128), v.constant(from_a));
    v.binary(kShuffleBytes, to, xmm(b, XmmWidth::w128), v.constant(from_b));
    v.binary(kOr, to, to, kScratchXmm);
  });
}

Operand Translator::v128_const(const std::array<std::uint8_t, 16>& bytes) {
  const auto to = allocate_xmm();
  if (bytes == Bytes{})
    Vectors(*this).zero(to);
  else
    Vectors(*this).load_constant(to, bytes);
  return result(to);
}

// Memory.

Operand Translator::vector_load(Opcode op, const wasm::MemoryArgument& memory, std::uint64_t bytes, Operand index) {
  take(index);
  Operand extra;
  const auto address = address_of(memory, index, bytes, extra);
  const auto to = destination_xmm(length_of_access(op), nullptr, {});
  const Vectors v(*this);
  note_line();
  switch (op) {
    case Opcode::v128_load8x8_s:
      v.unary(kExtendSigned[1], to, address);
      break;
    case Opcode::v128_load8x8_u:
      v.unary(kExtendUnsigned[1], to, address);
      break;
    case Opcode::v128_load16x4_s:
      v.unary(kExtendSigned[2], to, address);
      break;
    case Opcode::v128_load16x4_u:
      v.unary(kExtendUnsigned[2], to, address);
      break;
    case Opcode::v128_load32x2_s:
      v.unary(kExtendSigned[3], to, address);
      break;
    case Opcode::v128_load32x2_u:
      v.unary(kExtendUnsigned[3], to, address);
      break;
    case Opcode::v128_load8_splat:
      insert_lane(0, to, to, address, 0);
      spread(Opcode::i8x16_splat, to);
      break;
    case Opcode::v128_load16_splat:
      insert_lane(1, to, to, address, 0);
      spread(Opcode::i16x8_splat, to);
      break;
    case Opcode::v128_load32_splat:
      v.unary({.map = 2, .code = 0x18}, to, address);
      break;
    case Opcode::v128_load64_splat:
      v.unary({.prefix = 3, .code = 0x12}, to, address);
      break;
    case Opcode::v128_load32_zero:
      a_.load(XmmWidth::w32, to, address);
      break;
    case Opcode::v128_load64_zero:
      a_.load(XmmWidth::w64, to, address);
      break;
    default:
      a_.load(XmmWidth::w128, to, address);
      break;
  }
  release(extra);
  release(index);
  return result(to);
}

void Translator::vector_store(const wasm::MemoryArgument& memory, Operand index, Operand value) {
  take(index);
  take(value);
  Operand extra;
  const auto from = xmm(value, XmmWidth::w128);
  const auto address = address_of(memory, index, sizeof(Bytes), extra);
  note_line();
  a_.store(XmmWidth::w128, address, from);
  release(extra);
  release(value);
  release(index);
}

Operand Translator::load_lane_from(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane,
                                   Operand index, Operand vector) {
  take(index);
  take(vector);
  Operand extra;
  const auto before = xmm(vector, XmmWidth::w128);
  const auto address = address_of(memory, index, std::uint64_t{1} << size_log2, extra);
  const auto to = allocate_xmm();
  note_line();
  insert_lane(size_log2, to, before, address, lane);
  release(extra);
  release(vector);
  release(index);
  return result(to);
}

void Translator::store_lane_to(const wasm::MemoryArgument& memory, unsigned size_log2, std::uint8_t lane, Operand index,
                               Operand vector) {
  take(index);
  take(vector);
  Operand extra;
  const auto from = xmm(vector, XmmWidth::w128);
  const auto address = address_of(memory, index, std::uint64_t{1} << size_log2, extra);
  note_line();
  extract_lane(size_log2, address, from, lane);
  release(extra);
  release(vector);
  release(index);
}

}  // namespace wzrun::baseline
