#include "baseline/frame_layout.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace wzrun::baseline {

namespace {

constexpr std::int32_t kSlot = sizeof(std::uint64_t);

constexpr std::array kPreserved = {Gpr::rbx, Gpr::r12, Gpr::r13, Gpr::r14, kMemoryBase};
/// rax, rcx, rdx and rdi are left to operands at least.
constexpr std::array kVolatile = {Gpr::r8, Gpr::r9, Gpr::r10, Gpr::rsi};
constexpr std::array kOperandGprs = {Gpr::rax, Gpr::rcx, Gpr::rdx, Gpr::rdi, Gpr::rsi, Gpr::r8, Gpr::r9, Gpr::r10};
constexpr std::uint8_t kFirstLocalXmm = 5;
constexpr std::uint8_t kLastLocalXmm = 13;
/// Uses from which on keeping a local in a register that must be saved pays.
constexpr std::uint64_t kWorthSaving = 3;
/// Of the locals, those used most: more than there are registers of either kind.
constexpr std::size_t kConsidered = 64;

std::int32_t operand_bytes(const Needs& needs) { return needs.has_vectors ? 2 * kSlot : kSlot; }

}  // namespace

bool has_possible_frame(std::size_t locals, const Needs& needs) {
  const auto slots = std::uint64_t{locals} + needs.operands + needs.result_slots;
  return slots * operand_bytes(needs) + static_cast<std::uint64_t>(needs.stack_argument_bytes) < kMostFrameBytes;
}

std::int32_t FrameLayout::take(std::int64_t bytes) {
  size += static_cast<std::int32_t>(bytes);
  return -size;
}

FrameLayout::FrameLayout(const wasm::FunctionType& type, std::span<const ValueType> local_types, const Needs& needs,
                         bool counts) {
  take(kSlot);
  if (ArgumentPlaces::has_buffer(type))
    take(kSlot);
  for (const auto local : local_types)
    locals.push_back({.type = local});
  for (const auto reg : kOperandGprs)
    free_gprs.add(number(reg));
  for (unsigned reg = 0; reg < number(kScratchXmm); ++reg)
    free_xmms.add(reg);
  assign_registers(needs, counts && needs.has_loops);
  const bool calls = counts || needs.calls > 0;
  const auto is_zeroed = [&](std::size_t i) { return !locals[i].in_register && i >= type.params.size(); };
  for (std::size_t i = 0; i < locals.size(); ++i) {
    auto& local = locals[i];
    const bool needs_place = local.in_register ? local.is_volatile && calls : needs.locals[i] > 0;
    if (!needs_place || is_zeroed(i))
      continue;
    local.place = take(slot_bytes(local.type));
    if (local.in_register)
      volatile_locals.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = type.params.size(); i < locals.size(); ++i) {
    if (!is_zeroed(i) || needs.locals[i] == 0)
      continue;
    const auto bytes = slot_bytes(locals[i].type);
    locals[i].place = take(bytes);
    zeroed_words += static_cast<std::uint32_t>(bytes / kSlot);
  }
  zeroed = -size;
  operand_bytes = baseline::operand_bytes(needs);
  operands = take(operand_bytes);
  take(static_cast<std::int64_t>(needs.operands) * operand_bytes);
  call_results = take(static_cast<std::int64_t>(needs.result_slots) * kSlot);
  take(needs.stack_argument_bytes);
  constexpr std::int32_t kAlignment = 16;
  size = (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// The locals that are used most get registers: those that calls preserve, and then, where calls are so rare that
/// saving and loading around them takes less, others. What is left serves the count: in memory it would take each round
/// of a loop five cycles at least.
void FrameLayout::assign_registers(const Needs& needs, bool counts_loops) {
  std::vector<std::uint32_t> by_use;
  for (std::uint32_t i = 0; i < locals.size(); ++i)
    if (needs.locals[i] > 0)
      by_use.push_back(i);
  const auto considered = std::min(by_use.size(), kConsidered);
  std::ranges::partial_sort(by_use, by_use.begin() + static_cast<std::ptrdiff_t>(considered), [&](auto a, auto b) {
    return needs.locals[a] != needs.locals[b] ? needs.locals[a] > needs.locals[b] : a < b;
  });
  by_use.resize(considered);
  std::size_t preserved = 0;
  std::size_t in_volatile = 0;
  std::uint8_t next_xmm = kFirstLocalXmm;
  const auto preserved_count = kPreserved.size() - (needs.pins_memory ? 1 : 0);
  const auto save = [&](Gpr reg) { saved.push_back({reg, take(kSlot)}); };
  const auto keep_in = [&](LocalHome& local, unsigned reg, bool is_volatile) {
    local.in_register = true;
    local.is_volatile = is_volatile;
    local.reg = static_cast<std::uint8_t>(reg);
  };
  const auto keep_in_volatile = [&](LocalHome& local) {
    const auto reg = number(kVolatile[in_volatile++]);
    free_gprs.remove(reg);
    keep_in(local, reg, true);
  };
  if (needs.pins_memory)
    save(kMemoryBase);
  for (const auto index : by_use) {
    auto& local = locals[index];
    const auto uses = needs.locals[index];
    const bool outlives_calls = uses > 2 * needs.calls;
    const bool volatile_is_left = in_volatile < kVolatile.size();
    if (is_in_xmm(local.type)) {
      if (next_xmm <= kLastLocalXmm && outlives_calls) {
        free_xmms.remove(next_xmm);
        keep_in(local, next_xmm++, true);
      }
    } else if (preserved < preserved_count && uses >= kWorthSaving && !(needs.calls == 0 && volatile_is_left)) {
      save(kPreserved[preserved]);
      keep_in(local, number(kPreserved[preserved++]), false);
    } else if (volatile_is_left && outlives_calls) {
      keep_in_volatile(local);
    }
  }
  if (!counts_loops)
    return;
  if (needs.calls == 0 && in_volatile < kVolatile.size()) {
    const auto reg = kVolatile[in_volatile];
    free_gprs.remove(number(reg));
    count.emplace(reg);
  } else if (preserved < preserved_count) {
    save(kPreserved[preserved]);
    count.emplace(kPreserved[preserved]);
  } else {
    count.emplace(Address{Gpr::rbp, {}, take(kSlot)});
  }
}

}  // namespace wzrun::baseline
