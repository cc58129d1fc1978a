#include "codegen/loop_versioning.h"

#include "runtime/instance.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Support/KnownBits.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/LoopUtils.h>
#include <llvm/Transforms/Utils/ScalarEvolutionExpander.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <utility>
#include <vector>

// What holds of every access of a loop that is taken, n counting its iterations from 0 to the backedge-taken count:
//
//     address(n) = zext32(start + step * n) + offset        start, step: i32, invariant; 0 <= offset < 2^33
//
// Accesses whose steps are equal and whose starts differ by constants are a family. With `leader` the least of their
// starts each is at leader + distance, and if nothing wraps
//
//     address(n) = zext(leader) + sext(step) * n + distance + offset
//
// in 64 bits. Nothing wraps if zext(leader) + sext(step) * n is never negative and the last byte accessed is inside
// the memory, since that has at most 2^32 bytes.

namespace wzrun::codegen {
namespace {

using namespace llvm;                // NOLINT: a file about LLVM
using namespace llvm::PatternMatch;  // NOLINT
using Value = llvm::Value;

constexpr char kPassName[] = "wzrun-loop-versioning";
constexpr std::int64_t kAddressSpace = std::int64_t{1} << 32;
/// Members of a family that are farther apart than this are ranges of their own: something may lie between them.
constexpr std::int64_t kLargestGap = 512;

struct Access {
  Instruction* instruction = nullptr;
  const SCEV* start = nullptr;
  const SCEV* step = nullptr;
  std::int64_t offset = 0;
  std::int64_t size = 0;  ///< in bytes
};

/// Accessed together: bytes [begin, end) from a family's leader, in every iteration.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool written = false;
  unsigned family = 0;
  SmallVector<std::pair<Instruction*, std::int64_t>, 4> members = {};  ///< and their distance from the leader
};

struct Family {
  const SCEV* leader = nullptr;
  const SCEV* step = nullptr;
  std::int64_t end = 0;  ///< of its last range
};

/// A loop that can be versioned.
struct Candidate {
  Loop* loop = nullptr;
  LoadInst* memory_base = nullptr;
  const SCEV* backedge_taken = nullptr;
  SmallVector<const SCEVPredicate*, 4> predicates;  ///< under which that is exact
  std::vector<Family> families;
  std::vector<Range> ranges;
  std::vector<std::pair<unsigned, unsigned>> apart;  ///< ranges that must be disjoint
};

/// Why a loop is left as it is.
using Refusal = const char*;

LoadInst* memory_base_of(const SCEV* pointer, ScalarEvolution& evolution) {
  if (!pointer->getType()->isPointerTy())
    return nullptr;
  const auto* base = dyn_cast<SCEVUnknown>(evolution.getPointerBase(pointer));
  auto* load = base ? dyn_cast<LoadInst>(base->getValue()) : nullptr;
  return load && load->getMetadata(kMemoryBaseMetadata) ? load : nullptr;
}

bool is_volatile_access(const Instruction& instruction) {
  if (const auto* load = dyn_cast<LoadInst>(&instruction))
    return load->isVolatile() && !load->isAtomic();
  const auto* store = dyn_cast<StoreInst>(&instruction);
  return store && store->isVolatile() && !store->isAtomic();
}

/// Neither touches what a program can see nor ends or traps.
bool is_pure(const Instruction& instruction) {
  if (const auto* call = dyn_cast<CallBase>(&instruction))
    return isa<IntrinsicInst>(call) && call->doesNotAccessMemory() && call->willReturn() && !call->mayThrow();
  if (const auto* load = dyn_cast<LoadInst>(&instruction))
    return load->isSimple();
  return !instruction.mayHaveSideEffects() && !instruction.mayReadFromMemory();
}

/// `expression` without its constant summand, which is added to `constant`.
const SCEV* without_constant(const SCEV* expression, std::int64_t& constant, ScalarEvolution& evolution) {
  const SCEV* part = expression;
  if (const auto* sum = dyn_cast<SCEVAddExpr>(expression))
    part = sum->getOperand(0);
  const auto* value = dyn_cast<SCEVConstant>(part);
  if (!value || value->getAPInt().getActiveBits() > 34)
    return expression;
  constant += value->getAPInt().getSExtValue();
  return evolution.getMinusSCEV(expression, value);
}

/// A 64-bit value that is never above 2^32 - 1, in 32 bits; null if that is not known.
const SCEV* narrow(const SCEV* value, ScalarEvolution& evolution) {
  auto* type = Type::getInt32Ty(value->getType()->getContext());
  if (const auto* extended = dyn_cast<SCEVZeroExtendExpr>(value); extended && extended->getOperand()->getType() == type)
    return extended->getOperand();
  return evolution.getUnsignedRangeMax(value).getActiveBits() <= 32 ? evolution.getTruncateExpr(value, type) : nullptr;
}

/// Where the bits that C lacks are known to be zero in x, x ^ C is C - x, which ScalarEvolution can follow.
bool subtract_instead_of_xor(Loop& loop, ScalarEvolution& evolution) {
  bool changed = false;
  for (auto* block : loop.blocks())
    for (auto& instruction : make_early_inc_range(*block)) {
      Value* x = nullptr;
      const APInt* constant = nullptr;
      if (!match(&instruction, m_Xor(m_Value(x), m_APInt(constant))) || constant->isAllOnes() ||
          !constant->isNegative())
        continue;
      if (!(~*constant).isSubsetOf(computeKnownBits(x, instruction.getDataLayout()).Zero))
        continue;
      IRBuilder<> builder(&instruction);
      evolution.forgetValue(&instruction);
      instruction.replaceAllUsesWith(builder.CreateSub(ConstantInt::get(x->getType(), *constant), x));
      instruction.eraseFromParent();
      changed = true;
    }
  return changed;
}

class LoopExamination {
 public:
  LoopExamination(Loop& loop, ScalarEvolution& evolution, const LoopVersioningOptions& options)
      : loop_(loop), evolution_(evolution), options_(options) {}

  std::expected<Candidate, Refusal> run() {
    if (const auto refusal = check_shape())
      return std::unexpected(refusal);
    if (const auto refusal = check_trip_count())
      return std::unexpected(refusal);
    if (const auto refusal = collect_accesses())
      return std::unexpected(refusal);
    form_families();
    if (const auto refusal = pair_ranges())
      return std::unexpected(refusal);
    return std::move(candidate_);
  }

 private:
  Refusal check_shape() {
    candidate_.loop = &loop_;
    if (!loop_.isInnermost() || !loop_.isLoopSimplifyForm())
      return "is not an innermost loop in simplified form";
    if (loop_.getExitingBlock() != loop_.getLoopLatch())
      return "leaves at another place than its end";
    std::size_t instructions = 0;
    for (const auto* block : loop_.blocks()) {
      instructions += block->size();
      for (const auto& instruction : *block)
        if (!is_pure(instruction) && !is_volatile_access(instruction))
          return "calls, traps or synchronises";
    }
    return instructions > options_.max_instructions ? "is too large" : nullptr;
  }

  Refusal check_trip_count() {
    const auto limit = evolution_.getSmallConstantMaxTripCount(&loop_);
    if (limit != 0 && limit < options_.min_trip_count)
      return "runs few iterations";
    candidate_.backedge_taken = evolution_.getPredicatedBackedgeTakenCount(&loop_, candidate_.predicates);
    if (isa<SCEVCouldNotCompute>(candidate_.backedge_taken))
      return "has no computable trip count";
    if (evolution_.getTypeSizeInBits(candidate_.backedge_taken->getType()) > 64)
      return "has a trip count of more than 64 bits";
    const auto* one = evolution_.getOne(candidate_.backedge_taken->getType());
    const auto* count = evolution_.applyLoopGuards(evolution_.getAddExpr(candidate_.backedge_taken, one), &loop_);
    if (evolution_.getUnsignedRangeMax(count).ult(options_.min_trip_count))
      return "runs few iterations";
    return can_expand(candidate_.backedge_taken) ? nullptr : "has a trip count that may not be computed in advance";
  }

  Refusal collect_accesses() {
    for (auto* block : loop_.blocks())
      for (auto& instruction : *block) {
        if (is_pure(instruction))
          continue;
        const auto access = affine_access(instruction);
        if (!access)
          return "accesses memory at an address that is not affine";
        // LLVM would compute such addresses in vectors, and take them apart again to store: slower than the loop was.
        if (isa<StoreInst>(instruction) && !isa<SCEVConstant>(access->step))
          return "stores with a stride that only the running program knows";
        accesses_.push_back(*access);
      }
    return accesses_.empty() ? "accesses no memory" : nullptr;
  }

  std::optional<Access> affine_access(Instruction& instruction) {
    const auto* pointer = evolution_.getSCEV(getLoadStorePointerOperand(&instruction));
    auto* base = memory_base_of(pointer, evolution_);
    if (!base || (candidate_.memory_base && candidate_.memory_base != base))
      return std::nullopt;
    candidate_.memory_base = base;
    const auto size = instruction.getDataLayout().getTypeStoreSize(getLoadStoreType(&instruction));
    Access access{.instruction = &instruction, .size = static_cast<std::int64_t>(size.getFixedValue())};
    if (!set_recurrence(access, evolution_.removePointerBase(pointer)) || access.offset < 0)
      return std::nullopt;
    return can_expand(access.start) && can_expand(access.step) ? std::optional{access} : std::nullopt;
  }

  /// Sets start, step and offset from an address relative to the memory's base.
  bool set_recurrence(Access& access, const SCEV* address) {
    address = without_constant(address, access.offset, evolution_);
    if (const auto* sum = dyn_cast<SCEVAddRecExpr>(address)) {
      if (sum->getLoop() != &loop_ || !sum->isAffine())
        return false;
      const auto steps = evolution_.getSignedRange(sum->getStepRecurrence(evolution_));
      if (steps.getSignedMin().getSignificantBits() > 32 || steps.getSignedMax().getSignificantBits() > 32)
        return false;
      access.start = narrow(without_constant(sum->getStart(), access.offset, evolution_), evolution_);
      access.step = evolution_.getTruncateExpr(sum->getStepRecurrence(evolution_), i32());
      return access.start != nullptr;
    }
    access.start = narrow(address, evolution_);
    if (!access.start)
      return false;
    access.step = evolution_.getZero(i32());
    if (const auto* sum = dyn_cast<SCEVAddRecExpr>(access.start); sum && sum->getLoop() == &loop_) {
      if (!sum->isAffine())
        return false;
      access.start = sum->getStart();
      access.step = sum->getStepRecurrence(evolution_);
    }
    return true;
  }

  void form_families() {
    std::vector<std::vector<std::pair<const Access*, std::int64_t>>> groups;
    for (const auto& access : accesses_) {
      const auto place = std::ranges::find_if(groups, [&](auto& group) {
        const auto distance = distance_between(*group.front().first, access);
        if (distance)
          group.emplace_back(&access, *distance);
        return distance.has_value();
      });
      if (place == groups.end())
        groups.push_back({{&access, 0}});
    }
    for (auto& group : groups)
      add_family(group);
  }

  std::optional<std::int64_t> distance_between(const Access& a, const Access& b) {
    if (a.step != b.step)
      return std::nullopt;
    const auto* difference = dyn_cast<SCEVConstant>(evolution_.getMinusSCEV(b.start, a.start));
    return difference ? std::optional{difference->getAPInt().getSExtValue()} : std::nullopt;
  }

  void add_family(std::vector<std::pair<const Access*, std::int64_t>>& group) {
    const auto least = *std::ranges::min_element(group, {}, [](const auto& member) { return member.second; });
    Family family{.leader = least.first->start, .step = least.first->step};
    for (auto& [access, distance] : group)
      distance += access->offset - least.second;
    std::ranges::sort(group, {}, [](const auto& member) { return member.second; });
    const auto first_range = candidate_.ranges.size();
    for (const auto& [access, begin] : group) {
      auto& ranges = candidate_.ranges;
      if (ranges.size() == first_range || begin > ranges.back().end + kLargestGap)
        ranges.push_back({.begin = begin, .family = static_cast<unsigned>(candidate_.families.size())});
      auto& range = ranges.back();
      range.end = std::max(range.end, begin + access->size);
      range.written |= isa<StoreInst>(access->instruction);
      range.members.emplace_back(access->instruction, begin);
      family.end = std::max(family.end, range.end);
    }
    candidate_.families.push_back(family);
  }

  /// Within a family distances are constants, which LLVM's own analysis understands.
  Refusal pair_ranges() {
    const auto& ranges = candidate_.ranges;
    for (unsigned a = 0; a < ranges.size(); ++a)
      for (unsigned b = a + 1; b < ranges.size(); ++b)
        if (ranges[a].family != ranges[b].family && (ranges[a].written || ranges[b].written))
          candidate_.apart.emplace_back(a, b);
    return candidate_.apart.size() > options_.max_comparisons ? "has too many address ranges" : nullptr;
  }

  bool can_expand(const SCEV* expression) {
    SCEVExpander expander(evolution_, kPassName);
    return evolution_.isLoopInvariant(expression, &loop_) &&
           expander.isSafeToExpandAt(expression, loop_.getLoopPreheader()->getTerminator());
  }

  Type* i32() { return Type::getInt32Ty(evolution_.getContext()); }

  Loop& loop_;
  ScalarEvolution& evolution_;
  const LoopVersioningOptions& options_;
  Candidate candidate_;
  std::vector<Access> accesses_;
};

/// The addresses of a family, relative to the memory's base.
struct FamilyAddresses {
  Value* start = nullptr;    ///< i64: the leader's first
  Value* step = nullptr;     ///< i64
  Value* lowest = nullptr;   ///< i64: the leader's least and greatest over all iterations
  Value* highest = nullptr;  ///< i64
  bool may_descend = false;
};

class LoopTransformation {
 public:
  LoopTransformation(const Candidate& candidate, LoopInfo& loops, DominatorTree& dominators, ScalarEvolution& evolution,
                     const LoopVersioningOptions& options)
      : candidate_(candidate),
        loop_(*candidate.loop),
        loops_(loops),
        dominators_(dominators),
        evolution_(evolution),
        options_(options) {}

  void run() {
    split_preheader();
    auto* worthwhile = emit_trip_count_check();
    auto* safe = emit_range_checks();
    clone();
    branch(entry_, worthwhile, checks_);
    branch(checks_, safe, fast_->getLoopPreheader());
    dominators_.changeImmediateDominator(loop_.getLoopPreheader(), entry_);
    join_exits();
    rewrite_fast_loop();
    leave_slow_loop_alone();
    formDedicatedExitBlocks(&loop_, &dominators_, &loops_, nullptr, true);
    formDedicatedExitBlocks(fast_, &dominators_, &loops_, nullptr, true);
    evolution_.forgetBlockAndLoopDispositions();
  }

 private:
  /// entry_ -> checks_ -> the loop's preheader
  void split_preheader() {
    entry_ = loop_.getLoopPreheader();
    checks_ = SplitBlock(entry_, entry_->getTerminator(), &dominators_, &loops_, nullptr, "version.checks");
    SplitBlock(checks_, checks_->getTerminator(), &dominators_, &loops_, nullptr, "version.original");
  }

  /// The backedge is taken at least min_trip_count - 1 and less than 2^32 times.
  Value* emit_trip_count_check() {
    SCEVExpander expander(evolution_, kPassName);
    auto* count = expander.expandCodeFor(candidate_.backedge_taken, nullptr, entry_->getTerminator());
    IRBuilder<> builder(entry_->getTerminator());
    backedge_taken_ = builder.CreateZExt(count, builder.getInt64Ty());
    trip_count_ = builder.CreateAdd(backedge_taken_, builder.getInt64(1), "trip.count", true, true);
    const auto least = static_cast<std::int64_t>(options_.min_trip_count) - 1;
    return builder.CreateICmpULT(builder.CreateSub(backedge_taken_, builder.getInt64(least)),
                                 builder.getInt64(kAddressSpace - least), "worthwhile");
  }

  Value* emit_range_checks() {
    IRBuilder<> builder(checks_->getTerminator());
    SCEVExpander expander(evolution_, kPassName);
    for (const auto& family : candidate_.families)
      addresses_.push_back(emit_addresses(family, expander, builder));
    auto* size = emit_memory_size(builder);
    Value* safe = builder.getTrue();
    for (const auto* predicate : candidate_.predicates) {
      auto* violated = expander.expandCodeForPredicate(predicate, checks_->getTerminator());
      safe = builder.CreateAnd(safe, builder.CreateNot(violated));
    }
    for (const auto& [family, addresses] : llvm::zip_equal(candidate_.families, addresses_)) {
      auto* end = builder.CreateAdd(addresses.highest, builder.getInt64(family.end));
      safe = builder.CreateAnd(safe, builder.CreateICmpULE(end, size, "inside"));
      if (addresses.may_descend)
        safe = builder.CreateAnd(safe, builder.CreateICmpSGE(addresses.lowest, builder.getInt64(0), "no.wrap"));
    }
    for (const auto& [a, b] : candidate_.apart)
      safe = builder.CreateAnd(safe, emit_apart(candidate_.ranges[a], candidate_.ranges[b], builder));
    return isGuaranteedNotToBeUndefOrPoison(safe) ? safe : builder.CreateFreeze(safe, "safe");
  }

  /// None of it overflows: |step| <= 2^31 and the backedge is taken less than 2^32 times, so that the product is at
  /// most 2^63 - 2^31 away from zero and only a positive one may reach 2^63 when more is added; comparisons with the
  /// memory's size are unsigned for that.
  FamilyAddresses emit_addresses(const Family& family, SCEVExpander& expander, IRBuilder<>& builder) {
    auto* terminator = checks_->getTerminator();
    const auto expand = [&](const SCEV* value) { return expander.expandCodeFor(value, nullptr, terminator); };
    FamilyAddresses result;
    result.start = result.lowest = result.highest =
        expand(evolution_.getZeroExtendExpr(family.leader, builder.getInt64Ty()));
    if (family.step->isZero())
      return result;
    result.step = expand(evolution_.getSignExtendExpr(family.step, builder.getInt64Ty()));
    auto* last = builder.CreateAdd(result.start, builder.CreateMul(result.step, backedge_taken_));
    if (evolution_.isKnownNonNegative(family.step)) {
      result.highest = last;
      return result;
    }
    result.may_descend = true;
    result.lowest = last;
    if (evolution_.isKnownNegative(family.step))
      return result;
    auto* descends = builder.CreateICmpSLT(result.step, builder.getInt64(0));
    result.lowest = builder.CreateSelect(descends, last, result.start);
    result.highest = builder.CreateSelect(descends, result.start, last);
    return result;
  }

  Value* emit_memory_size(IRBuilder<>& builder) {
    auto* base = candidate_.memory_base;
    const auto load = [&](Type* type, Value* from, std::uint64_t offset) {
      auto* place = builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), from, offset);
      auto* value = builder.CreateAlignedLoad(type, place, Align(8));
      value->setMetadata(LLVMContext::MD_tbaa, base->getMetadata(LLVMContext::MD_tbaa));
      return value;
    };
    auto* memory = load(builder.getPtrTy(), base->getPointerOperand(), offsetof(runtime::InstanceContext, memory0));
    for (const auto kind : {LLVMContext::MD_invariant_load, LLVMContext::MD_nonnull})
      memory->setMetadata(kind, MDNode::get(memory->getContext(), {}));
    return load(builder.getInt64Ty(), memory, runtime::LinearMemory::kSizeOffset);
  }

  Value* emit_apart(const Range& a, const Range& b, IRBuilder<>& builder) {
    const auto begins_after = [&](const Range& later, const Range& earlier) {
      auto* begin = builder.CreateAdd(addresses_[later.family].lowest, builder.getInt64(later.begin));
      auto* end = builder.CreateAdd(addresses_[earlier.family].highest, builder.getInt64(earlier.end));
      return builder.CreateICmpULE(end, begin);
    };
    return builder.CreateOr(begins_after(a, b), begins_after(b, a), "apart");
  }

  void clone() {
    SmallVector<BasicBlock*, 16> blocks;
    fast_ = cloneLoopWithPreheader(loop_.getLoopPreheader(), checks_, &loop_, copies_, ".fast", &loops_, &dominators_,
                                   blocks);
    remapInstructionsInBlocks(blocks, copies_);
    fast_->getLoopPreheader()->setName("version.fast");
  }

  void branch(BasicBlock* from, Value* condition, BasicBlock* to) {
    auto* old = from->getTerminator();
    const DebugLoc location = old->getDebugLoc();
    old->eraseFromParent();
    auto* jump = BranchInst::Create(to, loop_.getLoopPreheader(), condition, from);
    jump->setDebugLoc(location);
    jump->setMetadata(LLVMContext::MD_prof, MDBuilder(jump->getContext()).createLikelyBranchWeights());
  }

  /// Both loops go on at the same place.
  void join_exits() {
    auto* latch = loop_.getLoopLatch();
    auto* fast_latch = cast<BasicBlock>(copies_[latch]);
    for (auto& phi : loop_.getExitBlock()->phis()) {
      Value* value = phi.getIncomingValueForBlock(latch);
      if (auto copy = copies_.find(value); copy != copies_.end())
        value = copy->second;
      phi.addIncoming(value, fast_latch);
      evolution_.forgetValue(&phi);
    }
    SmallVector<DomTreeNode*, 8> joined;
    for (auto* block : loop_.blocks())
      for (auto* node : dominators_.getNode(block)->children())
        if (!loop_.contains(node->getBlock()))
          joined.push_back(node);
    for (auto* node : joined)
      dominators_.changeImmediateDominator(node, dominators_.getNode(entry_));
  }

  void rewrite_fast_loop() {
    auto* header = fast_->getHeader();
    IRBuilder<> builder(header, header->begin());
    auto* iteration = builder.CreatePHI(builder.getInt64Ty(), 2, "iteration");
    rewrite_exit(iteration);
    SmallVector<Value*, 8> places;
    builder.SetInsertPoint(header, header->getFirstInsertionPt());
    for (const auto& addresses : addresses_)
      places.push_back(emit_place(addresses, iteration, builder));
    SmallVector<MDNode*, 8> scopes = make_scopes();
    for (const auto& [index, range] : enumerate(candidate_.ranges))
      for (const auto& [original, distance] : range.members)
        rewrite_access(cast<Instruction>(copies_[original]), places[range.family], distance,
                       static_cast<unsigned>(index), scopes);
    DeleteDeadPHIs(header);
  }

  void rewrite_exit(PHINode* iteration) {
    auto* latch = fast_->getLoopLatch();
    auto* jump = cast<BranchInst>(latch->getTerminator());
    IRBuilder<> builder(jump);
    auto* next = builder.CreateAdd(iteration, builder.getInt64(1), "iteration.next", true, true);
    iteration->addIncoming(builder.getInt64(0), fast_->getLoopPreheader());
    iteration->addIncoming(next, latch);
    const bool stays_if_true = fast_->contains(jump->getSuccessor(0));
    auto* old = jump->getCondition();
    jump->setCondition(builder.CreateICmp(stays_if_true ? CmpInst::ICMP_NE : CmpInst::ICMP_EQ, next, trip_count_));
    RecursivelyDeleteTriviallyDeadInstructions(old);
  }

  /// Where the family's leader is in this iteration.
  Value* emit_place(const FamilyAddresses& addresses, PHINode* iteration, IRBuilder<>& builder) {
    IRBuilder<> before(fast_->getLoopPreheader()->getTerminator());
    const auto ascending = GEPNoWrapFlags::inBounds() | GEPNoWrapFlags::noUnsignedWrap();
    auto* start = before.CreateGEP(before.getInt8Ty(), candidate_.memory_base, addresses.start, "", ascending);
    if (!addresses.step)
      return start;
    auto* advance = builder.CreateMul(iteration, addresses.step, "", !addresses.may_descend, true);
    return builder.CreateGEP(builder.getInt8Ty(), start, advance, "",
                             addresses.may_descend ? GEPNoWrapFlags::inBounds() : ascending);
  }

  /// One alias scope for each range that has to be apart from another, declared before the loop: it holds only while
  /// the loop runs, not from one time to the next.
  SmallVector<MDNode*, 8> make_scopes() {
    SmallVector<MDNode*, 8> scopes(candidate_.ranges.size(), nullptr);
    if (candidate_.apart.empty())
      return scopes;
    MDBuilder metadata(entry_->getContext());
    auto* domain = metadata.createAnonymousAliasScopeDomain("loop");
    IRBuilder<> builder(fast_->getLoopPreheader()->getTerminator());
    for (const auto& [a, b] : candidate_.apart)
      for (const auto index : {a, b})
        if (!scopes[index]) {
          scopes[index] = metadata.createAnonymousAliasScope(domain, "range");
          builder.CreateNoAliasScopeDeclaration(MDNode::get(domain->getContext(), scopes[index]));
        }
    return scopes;
  }

  void rewrite_access(Instruction* access, Value* place, std::int64_t distance, unsigned range,
                      ArrayRef<MDNode*> scopes) {
    IRBuilder<> builder(access);
    auto* address = builder.CreateGEP(builder.getInt8Ty(), place, builder.getInt64(distance), "",
                                      GEPNoWrapFlags::inBounds() | GEPNoWrapFlags::noUnsignedWrap());
    auto& operand = access->getOperandUse(isa<LoadInst>(access) ? LoadInst::getPointerOperandIndex()
                                                                : StoreInst::getPointerOperandIndex());
    auto* old = operand.get();
    operand.set(address);
    RecursivelyDeleteTriviallyDeadInstructions(old);
    if (auto* load = dyn_cast<LoadInst>(access))
      load->setVolatile(false);
    else
      cast<StoreInst>(access)->setVolatile(false);
    annotate(access, range, scopes);
  }

  void annotate(Instruction* access, unsigned range, ArrayRef<MDNode*> scopes) {
    if (!scopes[range])
      return;
    SmallVector<Metadata*, 8> others;
    for (const auto& [a, b] : candidate_.apart)
      if (a == range || b == range)
        others.push_back(scopes[a == range ? b : a]);
    const auto add = [&](unsigned kind, MDNode* more) {
      access->setMetadata(kind, MDNode::concatenate(access->getMetadata(kind), more));
    };
    add(LLVMContext::MD_alias_scope, MDNode::get(access->getContext(), scopes[range]));
    add(LLVMContext::MD_noalias, MDNode::get(access->getContext(), others));
  }

  /// Nothing is to be gained there.
  void leave_slow_loop_alone() {
    addStringMetadataToLoop(&loop_, "llvm.loop.isvectorized", 1);
    addStringMetadataToLoop(&loop_, "llvm.loop.unroll.disable", 1);
  }

  const Candidate& candidate_;
  Loop& loop_;
  LoopInfo& loops_;
  DominatorTree& dominators_;
  ScalarEvolution& evolution_;
  const LoopVersioningOptions& options_;

  BasicBlock* entry_ = nullptr;
  BasicBlock* checks_ = nullptr;
  Loop* fast_ = nullptr;
  ValueToValueMapTy copies_;
  Value* backedge_taken_ = nullptr;
  Value* trip_count_ = nullptr;
  std::vector<FamilyAddresses> addresses_;
};

}  // namespace

llvm::PreservedAnalyses LinearMemoryLoopVersioning::run(llvm::Function& function,
                                                        llvm::FunctionAnalysisManager& analyses) {
  auto& loops = analyses.getResult<llvm::LoopAnalysis>(function);
  if (loops.empty())
    return PreservedAnalyses::all();
  auto& dominators = analyses.getResult<DominatorTreeAnalysis>(function);
  auto& evolution = analyses.getResult<ScalarEvolutionAnalysis>(function);
  auto& remarks = analyses.getResult<OptimizationRemarkEmitterAnalysis>(function);

  SmallVector<Loop*, 16> innermost;
  for (auto* loop : loops.getLoopsInPreorder())
    if (loop->isInnermost())
      innermost.push_back(loop);

  bool changed = false;
  for (auto* loop : innermost) {
    changed |= subtract_instead_of_xor(*loop, evolution);
    const auto candidate = LoopExamination(*loop, evolution, options_).run();
    if (!candidate) {
      remarks.emit([&] {
        return OptimizationRemarkMissed(kPassName, "NotVersioned", loop->getStartLoc(), loop->getHeader())
               << "loop not versioned: it " << candidate.error();
      });
      continue;
    }
    LoopTransformation(*candidate, loops, dominators, evolution, options_).run();
    changed = true;
    remarks.emit([&] {
      return OptimizationRemark(kPassName, "Versioned", loop->getStartLoc(), loop->getHeader()) << "loop versioned";
    });
  }
  if (!changed)
    return PreservedAnalyses::all();
  PreservedAnalyses preserved;
  preserved.preserve<DominatorTreeAnalysis>();
  preserved.preserve<llvm::LoopAnalysis>();
  if (next_.isEmpty())
    return preserved;
  analyses.invalidate(function, preserved);
  next_.run(function, analyses);
  return PreservedAnalyses::none();
}

}  // namespace wzrun::codegen
