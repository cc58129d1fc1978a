#include "codegen/numerics.h"

#include <llvm/ADT/APFloat.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>
#include <llvm/TargetParser/Triple.h>

#include <cmath>

namespace wzrun::codegen {

using llvm::APFloat;
using llvm::APInt;
using llvm::ConstantFP;
using llvm::ConstantInt;
using llvm::Intrinsic::ID;
using Value = llvm::Value;

namespace {

bool is_constant(Value* value, double wanted) {
  auto* const type = value->getType();
  if (!type->isFPOrFPVectorTy())
    return false;
  const auto* constant = llvm::dyn_cast<llvm::Constant>(value);
  if (constant != nullptr && type->isVectorTy())
    constant = constant->getSplatValue();
  const auto* const number = llvm::dyn_cast_or_null<ConstantFP>(constant);
  return number != nullptr && number->isExactlyValue(wanted);
}

unsigned lane_bits(Value* vector) { return vector->getType()->getScalarSizeInBits(); }
unsigned lane_count(Value* vector) { return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements(); }

const llvm::Triple& triple_of(llvm::IRBuilder<>& builder) {
  return builder.GetInsertBlock()->getModule()->getTargetTriple();
}

}  // namespace

llvm::Type* Numerics::vector(unsigned bits, unsigned count, bool is_float) {
  llvm::Type* const lane = !is_float ? b_.getIntNTy(bits) : bits == 32 ? b_.getFloatTy() : b_.getDoubleTy();
  return llvm::FixedVectorType::get(lane, count);
}

Value* Numerics::lanes(Value* value, unsigned bits, bool is_float) {
  return b_.CreateBitCast(value, vector(bits, 128 / bits, is_float));
}

Value* Numerics::compare(llvm::CmpInst::Predicate integers, llvm::CmpInst::Predicate floats, Value* a, Value* b) {
  return flag(a->getType()->isFloatingPointTy() ? b_.CreateFCmp(floats, a, b) : b_.CreateICmp(integers, a, b));
}

Value* Numerics::compare_lanes(llvm::CmpInst::Predicate predicate, Value* a, Value* b, unsigned bits) {
  const bool is_float = llvm::CmpInst::isFPPredicate(predicate);
  auto* const result = b_.CreateCmp(predicate, lanes(a, bits, is_float), lanes(b, bits, is_float));
  return b_.CreateSExt(result, vector(bits, 128 / bits));
}

Value* Numerics::intrinsic(ID id, llvm::ArrayRef<Value*> operands) {
  return b_.CreateIntrinsic(id, {operands[0]->getType()}, operands);
}

// LLVM takes x + -0.0, x - 0.0, x * 1.0 and x / 1.0 for x, but the specification wants a signalling NaN made quiet.
// `canonicalize` is that and nothing else.

Value* Numerics::add(Value* a, Value* b) {
  if (!a->getType()->isFPOrFPVectorTy())
    return b_.CreateAdd(a, b);
  if (is_constant(b, -0.0))
    return quieted(a);
  if (is_constant(a, -0.0))
    return quieted(b);
  return b_.CreateFAdd(a, b);
}

Value* Numerics::sub(Value* a, Value* b) {
  if (!a->getType()->isFPOrFPVectorTy())
    return b_.CreateSub(a, b);
  if (is_constant(b, 0.0))
    return quieted(a);
  if (is_constant(a, -0.0))
    return quieted(b_.CreateFNeg(b));
  return b_.CreateFSub(a, b);
}

Value* Numerics::mul(Value* a, Value* b) {
  if (!a->getType()->isFPOrFPVectorTy())
    return b_.CreateMul(a, b);
  if (is_constant(a, 1.0) || is_constant(a, -1.0))
    std::swap(a, b);
  if (is_constant(b, 1.0))
    return quieted(a);
  if (is_constant(b, -1.0))
    return quieted(b_.CreateFNeg(a));
  return b_.CreateFMul(a, b);
}

Value* Numerics::div(Value* a, Value* b) {
  if (is_constant(b, 1.0))
    return quieted(a);
  if (is_constant(b, -1.0))
    return quieted(b_.CreateFNeg(a));
  return b_.CreateFDiv(a, b);
}

Value* Numerics::demote(Value* a) {
  auto* type = a->getType()->getWithNewType(b_.getFloatTy());
  if (auto* const promoted = llvm::dyn_cast<llvm::FPExtInst>(a))
    return quieted(promoted->getOperand(0));
  return b_.CreateFPTrunc(a, type);
}

Value* Numerics::quiet_minimum(ID id, Value* a, Value* b) {
  return b_.CreateSelect(b_.CreateFCmpUNO(a, b), b_.CreateFAdd(a, b), intrinsic(id, {a, b}));
}
Value* Numerics::min(Value* a, Value* b) { return quiet_minimum(llvm::Intrinsic::minimum, a, b); }
Value* Numerics::max(Value* a, Value* b) { return quiet_minimum(llvm::Intrinsic::maximum, a, b); }

Value* Numerics::lesser(Value* a, Value* b, bool smaller) {
  auto* const less = b_.CreateFCmpOLT(a, b);
  return smaller ? b_.CreateSelect(less, a, b) : b_.CreateSelect(less, b, a);
}

Value* Numerics::div_s(Value* a, Value* b) {
  auto* const type = llvm::cast<llvm::IntegerType>(a->getType());
  trap_if_(b_.CreateIsNull(b), TrapKind::integer_divide_by_zero);
  auto* const minimum = ConstantInt::get(type, APInt::getSignedMinValue(type->getBitWidth()));
  auto* const overflows =
      b_.CreateAnd(b_.CreateICmpEQ(a, minimum), b_.CreateICmpEQ(b, ConstantInt::getAllOnesValue(type)));
  trap_if_(overflows, TrapKind::integer_overflow);
  return b_.CreateSDiv(a, b);
}

Value* Numerics::div_u(Value* a, Value* b) {
  trap_if_(b_.CreateIsNull(b), TrapKind::integer_divide_by_zero);
  return b_.CreateUDiv(a, b);
}

Value* Numerics::rem_s(Value* a, Value* b) {
  trap_if_(b_.CreateIsNull(b), TrapKind::integer_divide_by_zero);
  // The remainder by -1 is 0, and so is that by 1; the processor's division of the minimum by -1 faults.
  auto* const is_minus_one = b_.CreateICmpEQ(b, ConstantInt::getAllOnesValue(b->getType()));
  return b_.CreateSRem(a, b_.CreateSelect(is_minus_one, ConstantInt::get(b->getType(), 1), b));
}

Value* Numerics::rem_u(Value* a, Value* b) {
  trap_if_(b_.CreateIsNull(b), TrapKind::integer_divide_by_zero);
  return b_.CreateURem(a, b);
}

Value* Numerics::shift_count(Value* count) {
  auto* const type = count->getType();
  return b_.CreateAnd(count, ConstantInt::get(type, type->getIntegerBitWidth() - 1));
}

Value* Numerics::shift_lanes(Value* count, unsigned bits) {
  return splat(b_.CreateZExtOrTrunc(b_.CreateAnd(count, b_.getInt32(bits - 1)), b_.getIntNTy(bits)), bits);
}

Value* Numerics::sign_extend(Value* a, unsigned bits) {
  return b_.CreateSExt(b_.CreateTrunc(a, b_.getIntNTy(bits)), a->getType());
}

Value* Numerics::truncate(Value* a, unsigned bits, bool is_signed) {
  auto* const type = a->getType();
  const auto& semantics = type->getFltSemantics();
  trap_if_(b_.CreateFCmpUNO(a, a), TrapKind::invalid_conversion_to_integer);
  // Both bounds are powers of two or beside one. Below a minimum that has no float between it and the integer below,
  // only what is less than the minimum itself is outside.
  const double end = std::ldexp(1.0, static_cast<int>(bits - (is_signed ? 1 : 0)));
  const double minimum = is_signed ? -end : 0.0;
  APFloat below(minimum - 1);
  bool loses = false;
  below.convert(semantics, APFloat::rmTowardZero, &loses);
  const bool exact = !loses && (minimum - 1) != minimum;
  auto* const lower = exact ? b_.CreateFCmpOLE(a, ConstantFP::get(type, minimum - 1))
                            : b_.CreateFCmpOLT(a, ConstantFP::get(type, minimum));
  trap_if_(b_.CreateOr(lower, b_.CreateFCmpOGE(a, ConstantFP::get(type, end))), TrapKind::integer_overflow);
  auto* const result = b_.getIntNTy(bits);
  return is_signed ? b_.CreateFPToSI(a, result) : b_.CreateFPToUI(a, result);
}

Value* Numerics::saturate(Value* a, llvm::Type* type, bool is_signed) {
  const auto id = is_signed ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
  return b_.CreateIntrinsic(id, {type, a->getType()}, {a});
}

Value* Numerics::reinterpret(Value* a) {
  auto* const type = a->getType();
  const bool is_64 = type->getPrimitiveSizeInBits() == 64;
  if (type->isIntegerTy())
    return b_.CreateBitCast(a, is_64 ? b_.getDoubleTy() : b_.getFloatTy());
  return b_.CreateBitCast(a, b_.getIntNTy(is_64 ? 64 : 32));
}

Value* Numerics::v128_bitselect(Value* a, Value* b, Value* mask) {
  a = bits64(a);
  b = bits64(b);
  mask = bits64(mask);
  return b_.CreateOr(b_.CreateAnd(a, mask), b_.CreateAnd(b, b_.CreateNot(mask)));
}

Value* Numerics::v128_any_true(Value* a) { return flag(b_.CreateIsNotNull(b_.CreateBitCast(a, b_.getIntNTy(128)))); }

Value* Numerics::all_true(Value* a) {
  auto* const zeros = b_.CreateICmpEQ(a, llvm::Constant::getNullValue(a->getType()));
  return flag(b_.CreateIsNull(b_.CreateBitCast(zeros, b_.getIntNTy(lane_count(a)))));
}

Value* Numerics::bitmask(Value* a) {
  auto* const negative = b_.CreateICmpSLT(a, llvm::Constant::getNullValue(a->getType()));
  return b_.CreateZExt(b_.CreateBitCast(negative, b_.getIntNTy(lane_count(a))), b_.getInt32Ty());
}

Value* Numerics::i8x16_swizzle(Value* a, Value* numbers) {
  a = lanes(a, 8);
  numbers = lanes(numbers, 8);
  if (triple_of(b_).isAArch64())
    return b_.CreateIntrinsic(llvm::Intrinsic::aarch64_neon_tbl1, {a->getType()}, {a, numbers});
  // pshufb gives 0 where bit 7 is set, which this makes so above 15.
  auto* const bias = ConstantInt::get(numbers->getType(), 0x70);
  return b_.CreateIntrinsic(llvm::Intrinsic::x86_ssse3_pshuf_b_128, {},
                            {a, intrinsic(llvm::Intrinsic::uadd_sat, {numbers, bias})});
}

Value* Numerics::shuffle(Value* a, Value* b, const std::array<std::uint8_t, 16>& numbers) {
  const llvm::SmallVector<int, 16> mask(numbers.begin(), numbers.end());
  return b_.CreateShuffleVector(lanes(a, 8), lanes(b, 8), mask);
}

Value* Numerics::splat(Value* value, unsigned bits) {
  if (value->getType()->isIntegerTy())
    value = b_.CreateTrunc(value, b_.getIntNTy(bits));
  return b_.CreateVectorSplat(128 / bits, value);
}

Value* Numerics::replace(Value* vector, Value* value, unsigned bits, unsigned lane) {
  const bool is_float = value->getType()->isFloatingPointTy();
  if (!is_float)
    value = b_.CreateTrunc(value, b_.getIntNTy(bits));
  return b_.CreateInsertElement(lanes(vector, bits, is_float), value, std::uint64_t{lane});
}

Value* Numerics::with_zeros(Value* half) {
  return b_.CreateShuffleVector(half, llvm::Constant::getNullValue(half->getType()), {0, 1, 2, 3});
}

Value* Numerics::average(Value* a, Value* b) {
  auto* const wide = llvm::VectorType::getExtendedElementVectorType(llvm::cast<llvm::VectorType>(a->getType()));
  auto* const one = ConstantInt::get(wide, 1);
  auto* const sum = b_.CreateAdd(b_.CreateAdd(b_.CreateZExt(a, wide), b_.CreateZExt(b, wide)), one);
  return b_.CreateTrunc(b_.CreateLShr(sum, one), a->getType());
}

Value* Numerics::i16x8_q15mulr_sat_s(Value* a, Value* b) {
  auto* const wide = vector(32, 8);
  auto* const product = b_.CreateMul(b_.CreateSExt(lanes(a, 16), wide), b_.CreateSExt(lanes(b, 16), wide));
  auto* const rounded =
      b_.CreateAShr(b_.CreateAdd(product, ConstantInt::get(wide, 0x4000)), ConstantInt::get(wide, 15));
  auto* const limited = intrinsic(llvm::Intrinsic::smin, {rounded, ConstantInt::get(wide, 0x7fff)});
  return b_.CreateTrunc(limited, vector(16, 8));
}

Value* Numerics::dot(Value* a, Value* b) {
  auto* const wide = llvm::VectorType::getExtendedElementVectorType(llvm::cast<llvm::VectorType>(a->getType()));
  auto* const product = b_.CreateMul(b_.CreateSExt(a, wide), b_.CreateSExt(b, wide));
  llvm::SmallVector<int, 8> even;
  llvm::SmallVector<int, 8> odd;
  for (unsigned i = 0; i < lane_count(a); i += 2) {
    even.push_back(static_cast<int>(i));
    odd.push_back(static_cast<int>(i + 1));
  }
  return b_.CreateAdd(b_.CreateShuffleVector(product, even), b_.CreateShuffleVector(product, odd));
}

Value* Numerics::i32x4_relaxed_dot_i8x16_i7x16_add_s(Value* a, Value* b, Value* c) {
  return add(i32x4_extadd_pairwise_i16x8_s(i16x8_relaxed_dot_i8x16_i7x16_s(a, b)), lanes(c, 32));
}

Value* Numerics::narrow(Value* a, Value* b, bool is_signed) {
  const unsigned bits = lane_bits(a) / 2;
  const auto minimum = is_signed ? APInt::getSignedMinValue(bits).sext(2 * bits) : APInt(2 * bits, 0);
  const auto maximum = (is_signed ? APInt::getSignedMaxValue(bits) : APInt::getMaxValue(bits)).zext(2 * bits);
  const auto cut = [&](Value* wide) {
    wide = intrinsic(llvm::Intrinsic::smax, {wide, ConstantInt::get(wide->getType(), minimum)});
    wide = intrinsic(llvm::Intrinsic::smin, {wide, ConstantInt::get(wide->getType(), maximum)});
    return b_.CreateTrunc(wide, vector(bits, lane_count(wide)));
  };
  llvm::SmallVector<int, 16> all;
  for (unsigned i = 0; i < 2 * lane_count(a); ++i)
    all.push_back(static_cast<int>(i));
  return b_.CreateShuffleVector(cut(a), cut(b), all);
}

Value* Numerics::half(Value* a, bool high) {
  const auto count = static_cast<int>(lane_count(a) / 2);
  llvm::SmallVector<int, 8> mask;
  for (int i = 0; i < count; ++i)
    mask.push_back(high ? count + i : i);
  return b_.CreateShuffleVector(a, mask);
}

Value* Numerics::extend(Value* a, bool high, bool is_signed) {
  auto* const type = vector(2 * lane_bits(a), lane_count(a) / 2);
  auto* const part = half(a, high);
  return is_signed ? b_.CreateSExt(part, type) : b_.CreateZExt(part, type);
}

Value* Numerics::add_pairs(Value* wide, bool is_signed) {
  auto* const bits = ConstantInt::get(wide->getType(), lane_bits(wide) / 2);
  auto* const low = b_.CreateShl(wide, bits);
  return is_signed ? b_.CreateAdd(b_.CreateAShr(low, bits), b_.CreateAShr(wide, bits))
                   : b_.CreateAdd(b_.CreateLShr(low, bits), b_.CreateLShr(wide, bits));
}

}  // namespace wzrun::codegen
