#include "interp/bodies.h"

#include <bit>
#include <cstdint>
#include <vector>

// Fused handlers: sequences that compilers produce all the time, run without a dispatch between their parts. Chosen by
// profiling; none has two parts that can trap, so that one position serves a sequence.
namespace wzrun::interp {

namespace {

using enum wasm::Opcode;
constexpr From S = From::slot;
constexpr From I = From::immediate;
constexpr From A = From::accumulator;
constexpr To kAccumulator = To::accumulator;
constexpr To kSlot = To::slot;

/// Two bodies as one.
template <typename First, typename Second>
struct Pair {
  static_assert(!First::kCanTrap || !Second::kCanTrap);
  static constexpr bool kCanTrap = First::kCanTrap || Second::kCanTrap;
  static constexpr int kBytes = First::kBytes + Second::kBytes;
  template <int at>
  [[gnu::always_inline]] static void run(WZRUN_BODY_STATE) {
    First::template run<at>(WZRUN_BODY_VALUES);
    Second::template run<at + First::kBytes>(WZRUN_BODY_VALUES);
  }
};

template <typename First, typename Branch>
struct PairWithBranch {
  static constexpr bool kBackward = Branch::kBackward;
  static constexpr int kDistance = First::kBytes + Branch::kDistance;
  static constexpr int kBytes = First::kBytes + Branch::kBytes;
  template <int at>
  [[gnu::always_inline]] static bool taken(WZRUN_BODY_STATE) {
    First::template run<at>(WZRUN_BODY_VALUES);
    return Branch::template taken<at + First::kBytes>(WZRUN_BODY_VALUES);
  }
};

/// The table, by the addresses of both handlers. Open addressing; built once, at the first translation.
class Fusions {
 public:
  Fusions() : entries_(kCapacity) {}

  void add(Handler first, Handler second, Fusion fusion) {
    auto i = place(first, second);
    while (entries_[i].fusion.handler != nullptr)
      i = (i + 1) % kCapacity;
    entries_[i] = {first, second, fusion};
  }

  Fusion find(Handler first, Handler second) const {
    for (auto i = place(first, second); entries_[i].fusion.handler != nullptr; i = (i + 1) % kCapacity)
      if (entries_[i].first == first && entries_[i].second == second)
        return entries_[i].fusion;
    return {};
  }

 private:
  static constexpr std::size_t kCapacity = 4096;
  struct Entry {
    Handler first = nullptr;
    Handler second = nullptr;
    Fusion fusion;
  };
  static std::size_t place(Handler first, Handler second) {
    const auto mixed =
        std::bit_cast<std::uintptr_t>(first) * 0x9e3779b97f4a7c15 ^ std::bit_cast<std::uintptr_t>(second);
    return (mixed * 0xd6e8feb86659fd93 >> 40) % kCapacity;
  }
  std::vector<Entry> entries_;
};

template <typename First, typename Second>
void add(Fusions& table) {
  table.add(step<First>, step<Second>, {step<Pair<First, Second>>, Second::kCanTrap});
}
template <typename First, typename Branch>
void add_branch(Fusions& table) {
  table.add(step<First>, branch_step<Branch>, {branch_step<PairWithBranch<First, Branch>>, false});
}

// Addresses: base + index, base + (index << scale), and the access that uses it.

template <wasm::Opcode opcode, typename Address>
void add_load(Fusions& table) {
  add<Address, LoadBody<opcode, A, kAccumulator>>(table);
  add<Address, LoadBody<opcode, A, kSlot>>(table);
}
template <typename Address>
void add_loads(Fusions& table) {
  add_load<i32_load, Address>(table);
  add_load<i64_load, Address>(table);
  add_load<f32_load, Address>(table);
  add_load<f64_load, Address>(table);
  add_load<i32_load8_u, Address>(table);
  add_load<i32_load8_s, Address>(table);
  add_load<i32_load16_u, Address>(table);
  add_load<i64_load32_u, Address>(table);
}
template <typename Address>
void add_stores(Fusions& table) {
  add<Address, StoreBody<i32_store, A, S>>(table);
  add<Address, StoreBody<i64_store, A, S>>(table);
  add<Address, StoreBody<f64_store, A, S>>(table);
  add<Address, StoreBody<f64_store, A, A>>(table);
  add<Address, StoreBody<i32_store8, A, S>>(table);
  add<Address, StoreBody<i32_store8, A, I>>(table);
}

using AddSlots = BinaryBody<i32_add, S, S, kAccumulator>;
using AddToAccumulator = BinaryBody<i32_add, S, A, kAccumulator>;
using AddImmediate = BinaryBody<i32_add, S, I, kAccumulator>;
using AddImmediateToAccumulator = BinaryBody<i32_add, A, I, kAccumulator>;
using Scale = BinaryBody<i32_shl, S, I, kAccumulator>;
using ScaleAccumulator = BinaryBody<i32_shl, A, I, kAccumulator>;
using Scaled = Pair<Scale, AddToAccumulator>;

void add_addresses(Fusions& table) {
  add_loads<AddSlots>(table);
  add_loads<AddToAccumulator>(table);
  add_loads<AddImmediate>(table);
  add_loads<AddImmediateToAccumulator>(table);
  add_stores<AddSlots>(table);
  add_stores<AddToAccumulator>(table);
  add_stores<AddImmediate>(table);
  add<Scale, AddToAccumulator>(table);
  add<Scale, BinaryBody<i32_add, S, A, kSlot>>(table);
  add<ScaleAccumulator, AddToAccumulator>(table);
  add<ScaleAccumulator, BinaryBody<i32_add, S, A, kSlot>>(table);
  add_loads<Scaled>(table);
  add_stores<Scaled>(table);
}

// A loaded value and what is done with it.

template <typename First, wasm::Opcode opcode>
void add_consumer(Fusions& table) {
  add<First, BinaryBody<opcode, S, A, kAccumulator>>(table);
  add<First, BinaryBody<opcode, S, A, kSlot>>(table);
  add<First, BinaryBody<opcode, A, S, kAccumulator>>(table);
  add<First, BinaryBody<opcode, A, S, kSlot>>(table);
}

template <From address>
void add_loaded(Fusions& table) {
  using Load32 = LoadBody<i32_load, address, kAccumulator>;
  using Load64 = LoadBody<i64_load, address, kAccumulator>;
  using LoadByte = LoadBody<i32_load8_u, address, kAccumulator>;
  using LoadDouble = LoadBody<f64_load, address, kAccumulator>;
  add_consumer<Load32, i32_add>(table);
  add_consumer<Load32, i32_mul>(table);
  add_consumer<Load32, i32_xor>(table);
  add_consumer<LoadByte, i32_xor>(table);
  add_consumer<LoadByte, i32_or>(table);
  add_consumer<Load64, i64_add>(table);
  add_consumer<Load64, i64_xor>(table);
  add_consumer<LoadDouble, f64_add>(table);
  add_consumer<LoadDouble, f64_mul>(table);
  add_consumer<LoadDouble, f64_sub>(table);
}

// Products that are added up.

template <wasm::Opcode multiply, wasm::Opcode plus>
void add_products(Fusions& table) {
  add_consumer<BinaryBody<multiply, S, A, kAccumulator>, plus>(table);
  add_consumer<BinaryBody<multiply, S, S, kAccumulator>, plus>(table);
}

// Values that a branch looks at.

template <typename First, wasm::Opcode opcode, From b>
void add_test(Fusions& table) {
  add_branch<First, BranchBody<opcode, A, b, false, false>>(table);
  add_branch<First, BranchBody<opcode, A, b, false, true>>(table);
}
template <typename First, From b>
void add_tests(Fusions& table) {
  add_test<First, i32_eq, b>(table);
  add_test<First, i32_ne, b>(table);
  add_test<First, i32_lt_s, b>(table);
  add_test<First, i32_lt_u, b>(table);
  add_test<First, i32_gt_s, b>(table);
  add_test<First, i32_gt_u, b>(table);
  add_test<First, i32_le_s, b>(table);
  add_test<First, i32_le_u, b>(table);
  add_test<First, i32_ge_s, b>(table);
  add_test<First, i32_ge_u, b>(table);
}

// A comparison of floats has no opposite among the instructions, so compilers test its result for zero.
template <wasm::Opcode comparison, From a, From b>
void add_negated(Fusions& table) {
  using Comparison = BinaryBody<comparison, a, b, kAccumulator>;
  add_branch<Comparison, BranchBody<i32_eq, A, I, false, false>>(table);
  add_branch<Comparison, BranchBody<i32_eq, A, I, false, true>>(table);
}
template <wasm::Opcode comparison>
void add_negated_comparison(Fusions& table) {
  add_negated<comparison, S, S>(table);
  add_negated<comparison, S, A>(table);
  add_negated<comparison, A, S>(table);
}

void add_conditions(Fusions& table) {
  add_negated_comparison<f64_eq>(table);
  add_negated_comparison<f64_ne>(table);
  add_negated_comparison<f64_lt>(table);
  add_negated_comparison<f64_gt>(table);
  add_negated_comparison<f64_le>(table);
  add_negated_comparison<f64_ge>(table);
  add_negated_comparison<f32_lt>(table);
  add_negated_comparison<f32_gt>(table);
  add_negated_comparison<f32_le>(table);
  add_negated_comparison<f32_ge>(table);
  // Counters of loops.
  add_tests<BinaryBody<i32_add, S, I, kSlot>, S>(table);
  add_tests<BinaryBody<i32_add, S, I, kSlot>, I>(table);
  add_tests<BinaryBody<i32_add, S, S, kSlot>, S>(table);
  add_tests<BinaryBody<i32_add, S, S, kSlot>, I>(table);
  // Masked and loaded values.
  add_test<BinaryBody<i32_and, S, I, kAccumulator>, i32_eq, I>(table);
  add_test<BinaryBody<i32_and, S, I, kAccumulator>, i32_ne, I>(table);
  add_test<BinaryBody<i32_and, A, I, kAccumulator>, i32_eq, I>(table);
  add_test<BinaryBody<i32_and, A, I, kAccumulator>, i32_ne, I>(table);
  add_tests<LoadBody<i32_load, S, kAccumulator>, I>(table);
  add_tests<LoadBody<i32_load, A, kAccumulator>, I>(table);
  add_tests<LoadBody<i32_load8_u, S, kAccumulator>, I>(table);
  add_tests<LoadBody<i32_load8_u, A, kAccumulator>, I>(table);
  add_tests<LoadBody<i32_load, S, kSlot>, I>(table);
  add_tests<LoadBody<i32_load8_u, S, kSlot>, I>(table);
}

const Fusions& fusions() {
  static const Fusions table = [] {
    Fusions made;
    add_addresses(made);
    add_loaded<S>(made);
    add_loaded<A>(made);
    add_products<i32_mul, i32_add>(made);
    add_products<f64_mul, f64_add>(made);
    add_products<f64_mul, f64_sub>(made);
    add_products<f32_mul, f32_add>(made);
    add_conditions(made);
    return made;
  }();
  return table;
}

}  // namespace

Fusion fusion_of(Handler first, Handler second) { return fusions().find(first, second); }

}  // namespace wzrun::interp
