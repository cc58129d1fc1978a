#pragma once

#include "wzrun/error.h"

#include <llvm/IR/IRBuilder.h>

#include <array>
#include <cstdint>
#include <functional>
#include <utility>

namespace wzrun::codegen {

/// What the instructions on numbers and vectors become, named as the rows of opcodes.def name them; the counterpart of
/// wasm/numeric.h and wasm/simd.h. Operands are i32, i64, float, double, or any vector of 128 bits; a result vector has
/// the shape that suits the instruction.
class Numerics {
 public:
  using Value = llvm::Value;
  /// Ends the run with a trap where `condition` holds; code goes on behind it.
  using TrapIf = std::function<void(Value* condition, TrapKind kind)>;

  Numerics(llvm::IRBuilder<>& builder, TrapIf trap_if) : b_(builder), trap_if_(std::move(trap_if)) {}

  /// The vector with other lanes: the same bits.
  Value* lanes(Value* vector, unsigned bits, bool is_float = false);

  // Comparisons, i32 0 or 1.
  Value* eqz(Value* a) { return flag(b_.CreateIsNull(a)); }
  Value* eq(Value* a, Value* b) { return compare(llvm::CmpInst::ICMP_EQ, llvm::CmpInst::FCMP_OEQ, a, b); }
  Value* ne(Value* a, Value* b) { return compare(llvm::CmpInst::ICMP_NE, llvm::CmpInst::FCMP_UNE, a, b); }
  Value* lt_s(Value* a, Value* b) { return flag(b_.CreateICmpSLT(a, b)); }
  Value* lt_u(Value* a, Value* b) { return flag(b_.CreateICmpULT(a, b)); }
  Value* gt_s(Value* a, Value* b) { return flag(b_.CreateICmpSGT(a, b)); }
  Value* gt_u(Value* a, Value* b) { return flag(b_.CreateICmpUGT(a, b)); }
  Value* le_s(Value* a, Value* b) { return flag(b_.CreateICmpSLE(a, b)); }
  Value* le_u(Value* a, Value* b) { return flag(b_.CreateICmpULE(a, b)); }
  Value* ge_s(Value* a, Value* b) { return flag(b_.CreateICmpSGE(a, b)); }
  Value* ge_u(Value* a, Value* b) { return flag(b_.CreateICmpUGE(a, b)); }
  Value* lt(Value* a, Value* b) { return flag(b_.CreateFCmpOLT(a, b)); }
  Value* gt(Value* a, Value* b) { return flag(b_.CreateFCmpOGT(a, b)); }
  Value* le(Value* a, Value* b) { return flag(b_.CreateFCmpOLE(a, b)); }
  Value* ge(Value* a, Value* b) { return flag(b_.CreateFCmpOGE(a, b)); }

  // Integers; add, sub and mul of floats too.
  Value* add(Value* a, Value* b);
  Value* sub(Value* a, Value* b);
  Value* mul(Value* a, Value* b);
  Value* div_s(Value* a, Value* b);
  Value* div_u(Value* a, Value* b);
  Value* rem_s(Value* a, Value* b);
  Value* rem_u(Value* a, Value* b);
  Value* and_(Value* a, Value* b) { return b_.CreateAnd(a, b); }
  Value* or_(Value* a, Value* b) { return b_.CreateOr(a, b); }
  Value* xor_(Value* a, Value* b) { return b_.CreateXor(a, b); }
  Value* shl(Value* a, Value* count) { return b_.CreateShl(a, shift_count(count)); }
  Value* shr_s(Value* a, Value* count) { return b_.CreateAShr(a, shift_count(count)); }
  Value* shr_u(Value* a, Value* count) { return b_.CreateLShr(a, shift_count(count)); }
  Value* rotl(Value* a, Value* count) { return intrinsic(llvm::Intrinsic::fshl, {a, a, count}); }
  Value* rotr(Value* a, Value* count) { return intrinsic(llvm::Intrinsic::fshr, {a, a, count}); }
  Value* clz(Value* a) { return intrinsic(llvm::Intrinsic::ctlz, {a, b_.getFalse()}); }
  Value* ctz(Value* a) { return intrinsic(llvm::Intrinsic::cttz, {a, b_.getFalse()}); }
  Value* popcnt(Value* a) { return intrinsic(llvm::Intrinsic::ctpop, {a}); }
  Value* extend8_s(Value* a) { return sign_extend(a, 8); }
  Value* extend16_s(Value* a) { return sign_extend(a, 16); }
  Value* extend32_s(Value* a) { return sign_extend(a, 32); }

  // Floats, scalars or lanes.
  Value* div(Value* a, Value* b);
  Value* min(Value* a, Value* b);
  Value* max(Value* a, Value* b);
  Value* abs(Value* a) { return intrinsic(llvm::Intrinsic::fabs, {a}); }
  Value* neg(Value* a) { return b_.CreateFNeg(a); }
  Value* copysign(Value* a, Value* b) { return intrinsic(llvm::Intrinsic::copysign, {a, b}); }
  Value* sqrt(Value* a) { return intrinsic(llvm::Intrinsic::sqrt, {a}); }
  Value* ceil(Value* a) { return intrinsic(llvm::Intrinsic::ceil, {a}); }
  Value* floor(Value* a) { return intrinsic(llvm::Intrinsic::floor, {a}); }
  Value* trunc(Value* a) { return intrinsic(llvm::Intrinsic::trunc, {a}); }
  Value* nearest(Value* a) { return intrinsic(llvm::Intrinsic::roundeven, {a}); }

  // Conversions.
  Value* wrap(Value* a) { return b_.CreateTrunc(a, b_.getInt32Ty()); }
  Value* extend_s(Value* a) { return b_.CreateSExt(a, b_.getInt64Ty()); }
  Value* extend_u(Value* a) { return b_.CreateZExt(a, b_.getInt64Ty()); }
  Value* i32_trunc_s(Value* a) { return truncate(a, 32, true); }
  Value* i32_trunc_u(Value* a) { return truncate(a, 32, false); }
  Value* i64_trunc_s(Value* a) { return truncate(a, 64, true); }
  Value* i64_trunc_u(Value* a) { return truncate(a, 64, false); }
  Value* i32_trunc_sat_s(Value* a) { return saturate(a, b_.getInt32Ty(), true); }
  Value* i32_trunc_sat_u(Value* a) { return saturate(a, b_.getInt32Ty(), false); }
  Value* i64_trunc_sat_s(Value* a) { return saturate(a, b_.getInt64Ty(), true); }
  Value* i64_trunc_sat_u(Value* a) { return saturate(a, b_.getInt64Ty(), false); }
  Value* f32_convert_s(Value* a) { return b_.CreateSIToFP(a, b_.getFloatTy()); }
  Value* f32_convert_u(Value* a) { return b_.CreateUIToFP(a, b_.getFloatTy()); }
  Value* f64_convert_s(Value* a) { return b_.CreateSIToFP(a, b_.getDoubleTy()); }
  Value* f64_convert_u(Value* a) { return b_.CreateUIToFP(a, b_.getDoubleTy()); }
  Value* demote(Value* a);
  Value* promote(Value* a) { return b_.CreateFPExt(a, b_.getDoubleTy()); }
  Value* reinterpret(Value* a);

  // Whole vectors.
  Value* v128_not(Value* a) { return b_.CreateNot(bits64(a)); }
  Value* v128_and(Value* a, Value* b) { return b_.CreateAnd(bits64(a), bits64(b)); }
  Value* v128_andnot(Value* a, Value* b) { return b_.CreateAnd(bits64(a), b_.CreateNot(bits64(b))); }
  Value* v128_or(Value* a, Value* b) { return b_.CreateOr(bits64(a), bits64(b)); }
  Value* v128_xor(Value* a, Value* b) { return b_.CreateXor(bits64(a), bits64(b)); }
  Value* v128_bitselect(Value* a, Value* b, Value* mask);
  Value* v128_any_true(Value* a);
  Value* i8x16_swizzle(Value* a, Value* numbers);
  Value* i8x16_relaxed_swizzle(Value* a, Value* numbers) { return i8x16_swizzle(a, numbers); }
  Value* shuffle(Value* a, Value* b, const std::array<std::uint8_t, 16>& numbers);
  Value* i8x16_popcnt(Value* a) { return popcnt(lanes(a, 8)); }

#define WZRUN_COMMON(shape, bits)                                                                           \
  Value* shape##_add(Value* a, Value* b) { return add(lanes(a, bits), lanes(b, bits)); }                    \
  Value* shape##_sub(Value* a, Value* b) { return sub(lanes(a, bits), lanes(b, bits)); }                    \
  Value* shape##_neg(Value* a) { return b_.CreateNeg(lanes(a, bits)); }                                     \
  Value* shape##_abs(Value* a) { return intrinsic(llvm::Intrinsic::abs, {lanes(a, bits), b_.getFalse()}); } \
  Value* shape##_shl(Value* a, Value* n) { return b_.CreateShl(lanes(a, bits), shift_lanes(n, bits)); }     \
  Value* shape##_shr_s(Value* a, Value* n) { return b_.CreateAShr(lanes(a, bits), shift_lanes(n, bits)); }  \
  Value* shape##_shr_u(Value* a, Value* n) { return b_.CreateLShr(lanes(a, bits), shift_lanes(n, bits)); }  \
  Value* shape##_eq(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_EQ, a, b, bits); }       \
  Value* shape##_ne(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_NE, a, b, bits); }       \
  Value* shape##_lt_s(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_SLT, a, b, bits); }    \
  Value* shape##_gt_s(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_SGT, a, b, bits); }    \
  Value* shape##_le_s(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_SLE, a, b, bits); }    \
  Value* shape##_ge_s(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_SGE, a, b, bits); }    \
  Value* shape##_all_true(Value* a) { return all_true(lanes(a, bits)); }                                    \
  Value* shape##_bitmask(Value* a) { return bitmask(lanes(a, bits)); }                                      \
  Value* shape##_splat(Value* a) { return splat(a, bits); }                                                 \
  Value* shape##_relaxed_laneselect(Value* a, Value* b, Value* mask) { return v128_bitselect(a, b, mask); }
  WZRUN_COMMON(i8x16, 8)
  WZRUN_COMMON(i16x8, 16)
  WZRUN_COMMON(i32x4, 32)
  WZRUN_COMMON(i64x2, 64)
#undef WZRUN_COMMON

#define WZRUN_TO_32(shape, bits)                                                                         \
  Value* shape##_lt_u(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_ULT, a, b, bits); } \
  Value* shape##_gt_u(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_UGT, a, b, bits); } \
  Value* shape##_le_u(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_ULE, a, b, bits); } \
  Value* shape##_ge_u(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::ICMP_UGE, a, b, bits); } \
  Value* shape##_min_s(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::smin, a, b, bits); }       \
  Value* shape##_min_u(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::umin, a, b, bits); }       \
  Value* shape##_max_s(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::smax, a, b, bits); }       \
  Value* shape##_max_u(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::umax, a, b, bits); }
  WZRUN_TO_32(i8x16, 8)
  WZRUN_TO_32(i16x8, 16)
  WZRUN_TO_32(i32x4, 32)
#undef WZRUN_TO_32

#define WZRUN_TO_16(shape, bits)                                                                           \
  Value* shape##_add_sat_s(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::sadd_sat, a, b, bits); } \
  Value* shape##_add_sat_u(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::uadd_sat, a, b, bits); } \
  Value* shape##_sub_sat_s(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::ssub_sat, a, b, bits); } \
  Value* shape##_sub_sat_u(Value* a, Value* b) { return on_lanes(llvm::Intrinsic::usub_sat, a, b, bits); } \
  Value* shape##_avgr_u(Value* a, Value* b) { return average(lanes(a, bits), lanes(b, bits)); }
  WZRUN_TO_16(i8x16, 8)
  WZRUN_TO_16(i16x8, 16)
#undef WZRUN_TO_16

  Value* i16x8_mul(Value* a, Value* b) { return mul(lanes(a, 16), lanes(b, 16)); }
  Value* i32x4_mul(Value* a, Value* b) { return mul(lanes(a, 32), lanes(b, 32)); }
  Value* i64x2_mul(Value* a, Value* b) { return mul(lanes(a, 64), lanes(b, 64)); }
  Value* i16x8_q15mulr_sat_s(Value* a, Value* b);
  Value* i16x8_relaxed_q15mulr_s(Value* a, Value* b) { return i16x8_q15mulr_sat_s(a, b); }
  Value* i32x4_dot_i16x8_s(Value* a, Value* b) { return dot(lanes(a, 16), lanes(b, 16)); }
  Value* i16x8_relaxed_dot_i8x16_i7x16_s(Value* a, Value* b) { return dot(lanes(a, 8), lanes(b, 8)); }
  Value* i32x4_relaxed_dot_i8x16_i7x16_add_s(Value* a, Value* b, Value* c);

  Value* i8x16_narrow_i16x8_s(Value* a, Value* b) { return narrow(lanes(a, 16), lanes(b, 16), true); }
  Value* i8x16_narrow_i16x8_u(Value* a, Value* b) { return narrow(lanes(a, 16), lanes(b, 16), false); }
  Value* i16x8_narrow_i32x4_s(Value* a, Value* b) { return narrow(lanes(a, 32), lanes(b, 32), true); }
  Value* i16x8_narrow_i32x4_u(Value* a, Value* b) { return narrow(lanes(a, 32), lanes(b, 32), false); }

#define WZRUN_EXTEND_SIGN(wide, narrow, bits, sign, is_signed)                                              \
  Value* wide##_extend_low_##narrow##_##sign(Value* a) { return extend(lanes(a, bits), false, is_signed); } \
  Value* wide##_extend_high_##narrow##_##sign(Value* a) { return extend(lanes(a, bits), true, is_signed); } \
  Value* wide##_extmul_low_##narrow##_##sign(Value* a, Value* b) {                                          \
    return mul(wide##_extend_low_##narrow##_##sign(a), wide##_extend_low_##narrow##_##sign(b));             \
  }                                                                                                         \
  Value* wide##_extmul_high_##narrow##_##sign(Value* a, Value* b) {                                         \
    return mul(wide##_extend_high_##narrow##_##sign(a), wide##_extend_high_##narrow##_##sign(b));           \
  }
#define WZRUN_EXTEND(wide, narrow, bits)         \
  WZRUN_EXTEND_SIGN(wide, narrow, bits, s, true) \
  WZRUN_EXTEND_SIGN(wide, narrow, bits, u, false)
  WZRUN_EXTEND(i16x8, i8x16, 8)
  WZRUN_EXTEND(i32x4, i16x8, 16)
  WZRUN_EXTEND(i64x2, i32x4, 32)
#undef WZRUN_EXTEND
#undef WZRUN_EXTEND_SIGN
  Value* i16x8_extadd_pairwise_i8x16_s(Value* a) { return add_pairs(lanes(a, 16), true); }
  Value* i16x8_extadd_pairwise_i8x16_u(Value* a) { return add_pairs(lanes(a, 16), false); }
  Value* i32x4_extadd_pairwise_i16x8_s(Value* a) { return add_pairs(lanes(a, 32), true); }
  Value* i32x4_extadd_pairwise_i16x8_u(Value* a) { return add_pairs(lanes(a, 32), false); }

#define WZRUN_FLOATS(shape, bits)                                                                               \
  Value* shape##_eq(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_OEQ, a, b, bits); }          \
  Value* shape##_ne(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_UNE, a, b, bits); }          \
  Value* shape##_lt(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_OLT, a, b, bits); }          \
  Value* shape##_gt(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_OGT, a, b, bits); }          \
  Value* shape##_le(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_OLE, a, b, bits); }          \
  Value* shape##_ge(Value* a, Value* b) { return compare_lanes(llvm::CmpInst::FCMP_OGE, a, b, bits); }          \
  Value* shape##_abs(Value* a) { return abs(lanes(a, bits, true)); }                                            \
  Value* shape##_neg(Value* a) { return neg(lanes(a, bits, true)); }                                            \
  Value* shape##_sqrt(Value* a) { return sqrt(lanes(a, bits, true)); }                                          \
  Value* shape##_ceil(Value* a) { return ceil(lanes(a, bits, true)); }                                          \
  Value* shape##_floor(Value* a) { return floor(lanes(a, bits, true)); }                                        \
  Value* shape##_trunc(Value* a) { return trunc(lanes(a, bits, true)); }                                        \
  Value* shape##_nearest(Value* a) { return nearest(lanes(a, bits, true)); }                                    \
  Value* shape##_add(Value* a, Value* b) { return add(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_sub(Value* a, Value* b) { return sub(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_mul(Value* a, Value* b) { return mul(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_div(Value* a, Value* b) { return div(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_min(Value* a, Value* b) { return min(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_max(Value* a, Value* b) { return max(lanes(a, bits, true), lanes(b, bits, true)); }            \
  Value* shape##_pmin(Value* a, Value* b) { return lesser(lanes(b, bits, true), lanes(a, bits, true), true); }  \
  Value* shape##_pmax(Value* a, Value* b) { return lesser(lanes(a, bits, true), lanes(b, bits, true), false); } \
  Value* shape##_relaxed_min(Value* a, Value* b) { return shape##_pmin(a, b); }                                 \
  Value* shape##_relaxed_max(Value* a, Value* b) { return shape##_pmax(a, b); }                                 \
  Value* shape##_relaxed_madd(Value* a, Value* b, Value* c) { return shape##_add(shape##_mul(a, b), c); }       \
  Value* shape##_relaxed_nmadd(Value* a, Value* b, Value* c) {                                                  \
    return shape##_add(shape##_mul(shape##_neg(a), b), c);                                                      \
  }                                                                                                             \
  Value* shape##_splat(Value* a) { return splat(a, bits); }
  WZRUN_FLOATS(f32x4, 32)
  WZRUN_FLOATS(f64x2, 64)
#undef WZRUN_FLOATS

  Value* f32x4_convert_i32x4_s(Value* a) { return b_.CreateSIToFP(lanes(a, 32), vector(32, 4, true)); }
  Value* f32x4_convert_i32x4_u(Value* a) { return b_.CreateUIToFP(lanes(a, 32), vector(32, 4, true)); }
  Value* f64x2_convert_low_i32x4_s(Value* a) { return b_.CreateSIToFP(half(lanes(a, 32), false), vector(64, 2, true)); }
  Value* f64x2_convert_low_i32x4_u(Value* a) { return b_.CreateUIToFP(half(lanes(a, 32), false), vector(64, 2, true)); }
  Value* f64x2_promote_low_f32x4(Value* a) {
    return b_.CreateFPExt(half(lanes(a, 32, true), false), vector(64, 2, true));
  }
  Value* f32x4_demote_f64x2_zero(Value* a) { return with_zeros(demote(lanes(a, 64, true))); }
  Value* i32x4_trunc_sat_f32x4_s(Value* a) { return saturate(lanes(a, 32, true), vector(32, 4), true); }
  Value* i32x4_trunc_sat_f32x4_u(Value* a) { return saturate(lanes(a, 32, true), vector(32, 4), false); }
  Value* i32x4_trunc_sat_f64x2_s_zero(Value* a) {
    return with_zeros(saturate(lanes(a, 64, true), vector(32, 2), true));
  }
  Value* i32x4_trunc_sat_f64x2_u_zero(Value* a) {
    return with_zeros(saturate(lanes(a, 64, true), vector(32, 2), false));
  }
  Value* i32x4_relaxed_trunc_f32x4_s(Value* a) { return i32x4_trunc_sat_f32x4_s(a); }
  Value* i32x4_relaxed_trunc_f32x4_u(Value* a) { return i32x4_trunc_sat_f32x4_u(a); }
  Value* i32x4_relaxed_trunc_f64x2_s_zero(Value* a) { return i32x4_trunc_sat_f64x2_s_zero(a); }
  Value* i32x4_relaxed_trunc_f64x2_u_zero(Value* a) { return i32x4_trunc_sat_f64x2_u_zero(a); }

  // Lanes by number; `lane` comes last, as in the rows.
  Value* i8x16_extract_lane_s(Value* a, std::uint8_t lane) {
    return b_.CreateSExt(extract(a, 8, lane), b_.getInt32Ty());
  }
  Value* i8x16_extract_lane_u(Value* a, std::uint8_t lane) {
    return b_.CreateZExt(extract(a, 8, lane), b_.getInt32Ty());
  }
  Value* i16x8_extract_lane_s(Value* a, std::uint8_t lane) {
    return b_.CreateSExt(extract(a, 16, lane), b_.getInt32Ty());
  }
  Value* i16x8_extract_lane_u(Value* a, std::uint8_t lane) {
    return b_.CreateZExt(extract(a, 16, lane), b_.getInt32Ty());
  }
  Value* i32x4_extract_lane(Value* a, std::uint8_t lane) { return extract(a, 32, lane); }
  Value* i64x2_extract_lane(Value* a, std::uint8_t lane) { return extract(a, 64, lane); }
  Value* f32x4_extract_lane(Value* a, std::uint8_t lane) { return extract(a, 32, lane, true); }
  Value* f64x2_extract_lane(Value* a, std::uint8_t lane) { return extract(a, 64, lane, true); }
  Value* i8x16_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 8, lane); }
  Value* i16x8_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 16, lane); }
  Value* i32x4_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 32, lane); }
  Value* i64x2_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 64, lane); }
  Value* f32x4_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 32, lane); }
  Value* f64x2_replace_lane(Value* a, Value* v, std::uint8_t lane) { return replace(a, v, 64, lane); }

  /// The value in every lane of `bits`; a wider integer is cut.
  Value* splat(Value* value, unsigned bits);
  /// The vector with a lane set; a wider integer is cut.
  Value* replace(Value* vector, Value* value, unsigned bits, unsigned lane);
  Value* extract(Value* vector, unsigned bits, unsigned lane, bool is_float = false) {
    return b_.CreateExtractElement(lanes(vector, bits, is_float), std::uint64_t{lane});
  }
  /// A vector of 64 bits, zero lanes behind it.
  Value* with_zeros(Value* half);
  llvm::Type* vector(unsigned bits, unsigned count, bool is_float = false);

 private:
  Value* flag(Value* condition) { return b_.CreateZExt(condition, b_.getInt32Ty()); }
  Value* compare(llvm::CmpInst::Predicate integers, llvm::CmpInst::Predicate floats, Value* a, Value* b);
  Value* compare_lanes(llvm::CmpInst::Predicate predicate, Value* a, Value* b, unsigned bits);
  Value* intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<Value*> operands);
  Value* on_lanes(llvm::Intrinsic::ID id, Value* a, Value* b, unsigned bits) {
    return intrinsic(id, {lanes(a, bits), lanes(b, bits)});
  }
  Value* shift_count(Value* count);
  Value* shift_lanes(Value* count, unsigned bits);
  Value* sign_extend(Value* a, unsigned bits);
  Value* quieted(Value* a) { return intrinsic(llvm::Intrinsic::canonicalize, {a}); }
  Value* quiet_minimum(llvm::Intrinsic::ID id, Value* a, Value* b);
  /// `b` where a < b is `of_second`... : a < b ? (smaller ? a : b) : (smaller ? b : a).
  Value* lesser(Value* a, Value* b, bool smaller);
  Value* truncate(Value* a, unsigned bits, bool is_signed);
  Value* saturate(Value* a, llvm::Type* type, bool is_signed);
  Value* bits64(Value* a) { return lanes(a, 64); }
  Value* all_true(Value* a);
  Value* bitmask(Value* a);
  Value* average(Value* a, Value* b);
  Value* dot(Value* a, Value* b);
  Value* narrow(Value* a, Value* b, bool is_signed);
  Value* half(Value* a, bool high);
  Value* extend(Value* a, bool high, bool is_signed);
  Value* add_pairs(Value* wide, bool is_signed);

  llvm::IRBuilder<>& b_;
  TrapIf trap_if_;
};

}  // namespace wzrun::codegen
