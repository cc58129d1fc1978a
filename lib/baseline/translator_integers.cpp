#include "baseline/translator.h"

#include <cstddef>

// Instructions on integers, and the choice between all that are on numbers.
namespace wzrun::baseline {

using wasm::Opcode;

namespace {

/// Whether the constant is what an immediate of 32 bits, whose sign is extended, says.
bool is_immediate(const Operand& operand, Width width) {
  if (!operand.is(Operand::Kind::constant))
    return false;
  const auto value = static_cast<std::int64_t>(operand.value);
  return width == Width::w32 || value == static_cast<std::int32_t>(value);
}

std::int32_t immediate(const Operand& operand) { return static_cast<std::int32_t>(operand.value); }

/// The condition that holds for the operands the other way round.
constexpr Condition swapped(Condition condition) {
  switch (condition) {
    case Condition::less:
      return Condition::greater;
    case Condition::greater:
      return Condition::less;
    case Condition::less_equal:
      return Condition::greater_equal;
    case Condition::greater_equal:
      return Condition::less_equal;
    case Condition::below:
      return Condition::above;
    case Condition::above:
      return Condition::below;
    case Condition::below_equal:
      return Condition::above_equal;
    case Condition::above_equal:
      return Condition::below_equal;
    default:
      return condition;
  }
}

}  // namespace

Operand Translator::arithmetic(Arithmetic operation, Width width, Operand a, Operand b, bool is_commutative) {
  take(a);
  take(b);
  const bool b_is_better = b.is(Kind::gpr) && !a.is(Kind::gpr);
  if (is_commutative && (a.is(Kind::constant) || (b_is_better && !b.is(Kind::constant))))
    std::swap(a, b);
  if (const auto wanted = wanted_gpr(1); wanted && is_commutative && is_in(b, *wanted))
    std::swap(a, b);
  const bool has_immediate = is_immediate(b, width);
  if (b.is(Kind::constant) && !has_immediate)
    gpr(b, width);
  const bool a_is_own = a.is(Kind::gpr);
  const auto to = destination(1, &a, {&b});
  const bool is_elsewhere = !is_in(a, to);
  const bool a_is_in_register = a_is_own || (a.is(Kind::local) && layout_->locals[a.index].in_register);
  if (operation == Arithmetic::add && is_elsewhere && a_is_in_register && has_immediate) {
    a_.load_address(width, to, {gpr(a, width), {}, immediate(b)});
  } else if (has_immediate) {
    load_into(to, a, width);
    a_.arithmetic_constant(operation, width, to, immediate(b));
  } else {
    const auto right = place(b, width);
    if (operation == Arithmetic::add && is_elsewhere && a_is_in_register && !right.is_memory) {
      a_.load_address(width, to, {gpr(a, width), static_cast<Gpr>(right.reg), 0});
    } else {
      load_into(to, a, width);
      a_.arithmetic(operation, width, to, right);
    }
  }
  release(b);
  release(a);
  return result(to);
}

Operand Translator::multiply(Width width, Operand a, Operand b) {
  take(a);
  take(b);
  if (a.is(Kind::constant) || (b.is(Kind::gpr) && !a.is(Kind::gpr)))
    std::swap(a, b);
  if (const auto wanted = wanted_gpr(1); wanted && is_in(b, *wanted))
    std::swap(a, b);
  if (is_immediate(b, width)) {
    const auto left = place(a, width);
    const auto to = destination(1, &a, {});
    a_.emit({0, 0, 0x69}, width, number(to), left);
    a_.immediate32(immediate(b));
    release(a);
    return result(to);
  }
  const auto right = place(b, width);
  const auto to = destination(1, &a, {&b});
  load_into(to, a, width);
  a_.emit({0, 1, 0xaf}, width, number(to), right);
  release(b);
  release(a);
  return result(to);
}

Operand Translator::divide(Width width, bool is_signed, bool is_remainder, Operand a, Operand b) {
  take(a);
  take(b);
  clear_gpr(Gpr::rax);
  clear_gpr(Gpr::rdx);
  const bool is_constant = b.is(Kind::constant);
  const auto divisor = is_constant ? b.value : 0;
  load_into(kScratch, b, width);
  release(b);
  load_into(Gpr::rax, a, width);
  release(a);
  for (const auto reg : {Gpr::rax, Gpr::rdx}) {
    used_gprs_.add(number(reg));
    gpr_owners_[number(reg)] = kTaken;
  }
  if (!is_constant || divisor == 0) {
    a_.test(width, kScratch, kScratch);
    trap_if(Condition::equal, TrapKind::integer_divide_by_zero);
  }
  CodeLabel done;
  const auto minus_one = width == Width::w64 ? ~std::uint64_t{0} : 0xffffffff;
  if (is_signed && (!is_constant || divisor == minus_one)) {
    CodeLabel usual;
    a_.arithmetic_constant(Arithmetic::compare, width, kScratch, -1);
    a_.jump_if(Condition::not_equal, usual);
    if (is_remainder) {
      a_.arithmetic(Arithmetic::xor_, Width::w32, Gpr::rdx, Gpr::rdx);
    } else {
      a_.emit({0, 0, 0xf7}, width, 3, Gpr::rax);  // neg
      trap_if(Condition::overflow, TrapKind::integer_overflow);
    }
    a_.jump(done);
    a_.bind(usual);
  }
  if (is_signed) {
    if (width == Width::w64)
      a_.byte(0x48);
    a_.byte(0x99);  // cdq, cqo
  } else {
    a_.arithmetic(Arithmetic::xor_, Width::w32, Gpr::rdx, Gpr::rdx);
  }
  a_.emit({0, 0, 0xf7}, width, is_signed ? 7 : 6, kScratch);
  a_.bind(done);
  used_gprs_.remove(number(Gpr::rax));
  used_gprs_.remove(number(Gpr::rdx));
  return result(is_remainder ? Gpr::rdx : Gpr::rax);
}

/// `operation`: 4 left, 5 right, 7 right with the sign.
Operand Translator::shift(unsigned operation, Width width, Operand a, Operand b) {
  take(a);
  take(b);
  if (b.is(Kind::constant)) {
    const auto to = destination(1, &a, {});
    load_into(to, a, width);
    a_.emit({0, 0, 0xc1}, width, operation, to);
    a_.immediate8(static_cast<std::int64_t>(b.value & (width == Width::w64 ? 63 : 31)));
    release(a);
    return result(to);
  }
  const auto count = gpr(b, width);
  const auto value = place(a, width);
  const auto to = destination(1, &a, {});
  const std::uint8_t prefix = operation == 4 ? 1 : operation == 5 ? 3 : 2;
  a_.emit_vex(2, prefix, 0xf7, width, number(to), number(count), value);  // shlx, shrx, sarx
  release(b);
  release(a);
  return result(to);
}

Operand Translator::rotate(bool is_left, Width width, Operand a, Operand b) {
  take(a);
  take(b);
  if (b.is(Kind::constant)) {
    const auto to = destination(1, &a, {});
    load_into(to, a, width);
    a_.emit({0, 0, 0xc1}, width, is_left ? 0 : 1, to);
    a_.immediate8(static_cast<std::int64_t>(b.value & (width == Width::w64 ? 63 : 31)));
    release(a);
    return result(to);
  }
  // Of a rotation by register there is only one by cl: two shifts, by the count and by what it lacks, do without.
  constexpr std::uint8_t kShiftLeft = 1, kShiftRight = 3;
  const auto count = gpr(b, width);
  const auto value = gpr(a, width);
  const auto to = destination(1, &a, {});
  a_.move(width, kScratch, count);
  a_.emit({0, 0, 0xf7}, width, 3, kScratch);  // neg
  a_.emit_vex(2, is_left ? kShiftRight : kShiftLeft, 0xf7, width, number(kScratch), number(kScratch), value);
  a_.emit_vex(2, is_left ? kShiftLeft : kShiftRight, 0xf7, width, number(to), number(count), value);
  a_.arithmetic(Arithmetic::or_, width, to, kScratch);
  release(b);
  release(a);
  return result(to);
}

/// `code`: 0xb8 popcnt, 0xbc tzcnt, 0xbd lzcnt.
Operand Translator::count_bits(std::uint8_t code, Width width, Operand a) {
  take(a);
  const auto from = place(a, width);
  const auto to = destination(1, &a, {});
  a_.emit({0xf3, 1, code}, width, number(to), from);
  release(a);
  return result(to);
}

Operand Translator::extend(Encoding op, bool is_byte, Width width, Operand a) {
  take(a);
  const auto from = place(a, width);
  const auto to = destination(1, &a, {});
  if (is_byte)
    a_.emit_byte(op, number(to), from, width);
  else
    a_.emit(op, width, number(to), from);
  release(a);
  return result(to);
}

Operand Translator::wrap(Operand a) {
  take(a);
  if (a.is(Kind::constant))
    return Operand::constant(static_cast<std::uint32_t>(a.value));
  const auto from = place(a, Width::w32);
  const auto to = destination(1, &a, {});
  a_.emit({0, 0, 0x8b}, Width::w32, number(to), from);
  release(a);
  return result(to);
}

// Comparisons.

bool Translator::next_takes_flags(std::size_t length) const {
  auto at = offset_ - body_offset_ + length;
  const auto opcode_at = [&](std::uint64_t index) {
    return index < body_.size() ? wasm::opcode_of(body_[index]) : wasm::kNoOpcode;
  };
  if (opcode_at(at) == Opcode::i32_eqz)
    ++at;
  const auto next = opcode_at(at);
  return next == Opcode::br_if || next == Opcode::if_ || next == Opcode::select || next == Opcode::select_t;
}

Operand Translator::condition_result(Condition condition, std::size_t length) {
  if (next_takes_flags(length)) {
    flushed_ = std::min(flushed_, stack_->size());
    return {.kind = Kind::flags, .reg = static_cast<std::uint8_t>(condition)};
  }
  const auto to = destination(length, nullptr, {});
  a_.set(condition, to);
  a_.zero_extend_byte(to, to);
  return result(to);
}

Operand Translator::compare(Condition condition, Width width, Operand a, Operand b) {
  take(a);
  take(b);
  if (a.is(Kind::constant)) {
    std::swap(a, b);
    condition = swapped(condition);
  }
  if (is_immediate(b, width)) {
    if (a.is(Kind::constant))
      gpr(a, width);
    const auto left = place(a, width);
    if (b.value == 0 && !left.is_memory)
      a_.test(width, static_cast<Gpr>(left.reg), static_cast<Gpr>(left.reg));
    else
      a_.arithmetic_constant(Arithmetic::compare, width, left, immediate(b));
  } else {
    const auto left = gpr(a, width);
    a_.arithmetic(Arithmetic::compare, width, left, place(b, width));
  }
  release(a);
  release(b);
  return condition_result(condition, 1);
}

Operand Translator::equals_zero(Width width, Operand a) {
  if (a.is(Kind::flags))
    return condition_result(negated(a.condition()), 1);
  return compare(Condition::equal, width, a, Operand::constant(0));
}

Operand Translator::ref_is_null(Operand reference) { return equals_zero(Width::w64, reference); }

Operand Translator::ref_eq(Operand a, Operand b) { return compare(Condition::equal, Width::w64, a, b); }

// All numbers.

Operand Translator::unary(Opcode op, Operand a) {
  constexpr auto w32 = Width::w32, w64 = Width::w64;
  switch (op) {
    case Opcode::i32_eqz:
      return equals_zero(w32, a);
    case Opcode::i64_eqz:
      return equals_zero(w64, a);
    case Opcode::i32_clz:
      return count_bits(0xbd, w32, a);
    case Opcode::i64_clz:
      return count_bits(0xbd, w64, a);
    case Opcode::i32_ctz:
      return count_bits(0xbc, w32, a);
    case Opcode::i64_ctz:
      return count_bits(0xbc, w64, a);
    case Opcode::i32_popcnt:
      return count_bits(0xb8, w32, a);
    case Opcode::i64_popcnt:
      return count_bits(0xb8, w64, a);
    case Opcode::i32_wrap_i64:
      return wrap(a);
    case Opcode::i64_extend_i32_u:
      take(a);
      return pushed_again(a);
    case Opcode::i64_extend_i32_s:
    case Opcode::i64_extend32_s:
      return extend({0, 0, 0x63}, false, w64, a);
    case Opcode::i32_extend8_s:
      return extend({0, 1, 0xbe}, true, w32, a);
    case Opcode::i64_extend8_s:
      return extend({0, 1, 0xbe}, true, w64, a);
    case Opcode::i32_extend16_s:
      return extend({0, 1, 0xbf}, false, w32, a);
    case Opcode::i64_extend16_s:
      return extend({0, 1, 0xbf}, false, w64, a);
    case Opcode::f32_abs:
    case Opcode::f64_abs:
      return float_sign(6, op == Opcode::f64_abs, a);
    case Opcode::f32_neg:
    case Opcode::f64_neg:
      return float_sign(7, op == Opcode::f64_neg, a);
    case Opcode::f32_nearest:
    case Opcode::f64_nearest:
      return round(0, op == Opcode::f64_nearest, a);
    case Opcode::f32_floor:
    case Opcode::f64_floor:
      return round(1, op == Opcode::f64_floor, a);
    case Opcode::f32_ceil:
    case Opcode::f64_ceil:
      return round(2, op == Opcode::f64_ceil, a);
    case Opcode::f32_trunc:
    case Opcode::f64_trunc:
      return round(3, op == Opcode::f64_trunc, a);
    case Opcode::f32_sqrt:
    case Opcode::f64_sqrt:
      return square_root(op == Opcode::f64_sqrt, a);
    case Opcode::f32_demote_f64:
    case Opcode::f64_promote_f32:
      return convert_float(op == Opcode::f32_demote_f64, a);
    case Opcode::f32_convert_i32_s:
    case Opcode::f64_convert_i32_s:
      return convert_integer(op == Opcode::f64_convert_i32_s, w32, true, a);
    case Opcode::f32_convert_i32_u:
    case Opcode::f64_convert_i32_u:
      return convert_integer(op == Opcode::f64_convert_i32_u, w32, false, a);
    case Opcode::f32_convert_i64_s:
    case Opcode::f64_convert_i64_s:
      return convert_integer(op == Opcode::f64_convert_i64_s, w64, true, a);
    case Opcode::f32_convert_i64_u:
    case Opcode::f64_convert_i64_u:
      return convert_integer(op == Opcode::f64_convert_i64_u, w64, false, a);
#define WZRUN_TRUNCATION(integer, width)              \
  case Opcode::integer##_trunc_f32_s:                 \
    return truncate({false, width, true, false}, a);  \
  case Opcode::integer##_trunc_f64_s:                 \
    return truncate({true, width, true, false}, a);   \
  case Opcode::integer##_trunc_f32_u:                 \
    return truncate({false, width, false, false}, a); \
  case Opcode::integer##_trunc_f64_u:                 \
    return truncate({true, width, false, false}, a);  \
  case Opcode::integer##_trunc_sat_f32_s:             \
    return truncate({false, width, true, true}, a);   \
  case Opcode::integer##_trunc_sat_f64_s:             \
    return truncate({true, width, true, true}, a);    \
  case Opcode::integer##_trunc_sat_f32_u:             \
    return truncate({false, width, false, true}, a);  \
  case Opcode::integer##_trunc_sat_f64_u:             \
    return truncate({true, width, false, true}, a);
      WZRUN_TRUNCATION(i32, w32)
      WZRUN_TRUNCATION(i64, w64)
#undef WZRUN_TRUNCATION
    case Opcode::i32_reinterpret_f32:
    case Opcode::i64_reinterpret_f64:
    case Opcode::f32_reinterpret_i32:
    case Opcode::f64_reinterpret_i64:
      return reinterpret(op, a);
    default:
      std::unreachable();
  }
}

Operand Translator::binary(Opcode op, Operand a, Operand b) {
  switch (op) {
#define WZRUN_INTEGERS(integer, width)                      \
  case Opcode::integer##_add:                               \
    return arithmetic(Arithmetic::add, width, a, b, true);  \
  case Opcode::integer##_sub:                               \
    return arithmetic(Arithmetic::sub, width, a, b, false); \
  case Opcode::integer##_and:                               \
    return arithmetic(Arithmetic::and_, width, a, b, true); \
  case Opcode::integer##_or:                                \
    return arithmetic(Arithmetic::or_, width, a, b, true);  \
  case Opcode::integer##_xor:                               \
    return arithmetic(Arithmetic::xor_, width, a, b, true); \
  case Opcode::integer##_mul:                               \
    return multiply(width, a, b);                           \
  case Opcode::integer##_div_s:                             \
    return divide(width, true, false, a, b);                \
  case Opcode::integer##_div_u:                             \
    return divide(width, false, false, a, b);               \
  case Opcode::integer##_rem_s:                             \
    return divide(width, true, true, a, b);                 \
  case Opcode::integer##_rem_u:                             \
    return divide(width, false, true, a, b);                \
  case Opcode::integer##_shl:                               \
    return shift(4, width, a, b);                           \
  case Opcode::integer##_shr_u:                             \
    return shift(5, width, a, b);                           \
  case Opcode::integer##_shr_s:                             \
    return shift(7, width, a, b);                           \
  case Opcode::integer##_rotl:                              \
    return rotate(true, width, a, b);                       \
  case Opcode::integer##_rotr:                              \
    return rotate(false, width, a, b);                      \
  case Opcode::integer##_eq:                                \
    return compare(Condition::equal, width, a, b);          \
  case Opcode::integer##_ne:                                \
    return compare(Condition::not_equal, width, a, b);      \
  case Opcode::integer##_lt_s:                              \
    return compare(Condition::less, width, a, b);           \
  case Opcode::integer##_lt_u:                              \
    return compare(Condition::below, width, a, b);          \
  case Opcode::integer##_gt_s:                              \
    return compare(Condition::greater, width, a, b);        \
  case Opcode::integer##_gt_u:                              \
    return compare(Condition::above, width, a, b);          \
  case Opcode::integer##_le_s:                              \
    return compare(Condition::less_equal, width, a, b);     \
  case Opcode::integer##_le_u:                              \
    return compare(Condition::below_equal, width, a, b);    \
  case Opcode::integer##_ge_s:                              \
    return compare(Condition::greater_equal, width, a, b);  \
  case Opcode::integer##_ge_u:                              \
    return compare(Condition::above_equal, width, a, b);
    WZRUN_INTEGERS(i32, Width::w32)
    WZRUN_INTEGERS(i64, Width::w64)
#undef WZRUN_INTEGERS
#define WZRUN_FLOATS(type, wide)               \
  case Opcode::type##_add:                     \
    return float_arithmetic(0x58, wide, a, b); \
  case Opcode::type##_sub:                     \
    return float_arithmetic(0x5c, wide, a, b); \
  case Opcode::type##_mul:                     \
    return float_arithmetic(0x59, wide, a, b); \
  case Opcode::type##_div:                     \
    return float_arithmetic(0x5e, wide, a, b); \
  case Opcode::type##_min:                     \
    return float_minimum(false, wide, a, b);   \
  case Opcode::type##_max:                     \
    return float_minimum(true, wide, a, b);    \
  case Opcode::type##_copysign:                \
    return copy_sign(wide, a, b);              \
  case Opcode::type##_eq:                      \
  case Opcode::type##_ne:                      \
  case Opcode::type##_lt:                      \
  case Opcode::type##_gt:                      \
  case Opcode::type##_le:                      \
  case Opcode::type##_ge:                      \
    return compare_floats(op, wide, a, b);
    WZRUN_FLOATS(f32, false)
    WZRUN_FLOATS(f64, true)
#undef WZRUN_FLOATS
    default:
      std::unreachable();
  }
}

}  // namespace wzrun::baseline
