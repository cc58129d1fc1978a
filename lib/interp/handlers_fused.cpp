#include "interp/bodies.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

// Fused handlers: sequences that compilers produce all the time, run without a dispatch between their parts. Chosen by
// profiling; none has two parts that can trap, so that one position serves a sequence.
namespace wzrun::interp {

namespace {

using enum wasm::Opcode;
// Short, for the lists below.
constexpr From kS = From::slot;
constexpr From kI = From::immediate;
constexpr From kA = From::accumulator;
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
  Fusions() { entries_.reserve(kUsual); }

  void add(Handler first, Handler second, Fusion fusion) {
    auto i = place(first, second);
    while (places_[i] != 0)
      i = (i + 1) % kPlaces;
    entries_.push_back({offset(first), offset(second), offset(fusion.handler), fusion.second_can_trap});
    places_[i] = static_cast<std::uint16_t>(entries_.size());
  }

  Fusion find(Handler first, Handler second) const {
    for (auto i = place(first, second); places_[i] != 0; i = (i + 1) % kPlaces)
      if (const auto& entry = entries_[places_[i] - 1U]; entry.first == offset(first) && entry.second == offset(second))
        return {handler(entry.fused), entry.second_can_trap};
    return {};
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  static constexpr std::size_t kUsual = 1024;  ///< entries, and some to spare
  /// Handlers as offsets from one of them: a first run makes this table, and each page of it costs as much as a hundred
  /// entries.
  struct Entry {
    std::int32_t first;
    std::int32_t second;
    std::int32_t fused;
    bool second_can_trap;
  };
  static std::uintptr_t base() {
    return std::bit_cast<std::uintptr_t>(&step<BinaryBody<i32_add, kS, kI, kAccumulator>>);
  }
  static std::int32_t offset(Handler handler) {
    return static_cast<std::int32_t>(std::bit_cast<std::uintptr_t>(handler) - base());
  }
  static Handler handler(std::int32_t offset) {
    return std::bit_cast<Handler>(base() + static_cast<std::uintptr_t>(offset));
  }
  static std::size_t place(Handler first, Handler second) {
    const auto mixed =
        std::bit_cast<std::uintptr_t>(first) * 0x9e3779b97f4a7c15 ^ std::bit_cast<std::uintptr_t>(second);
    return (mixed * 0xd6e8feb86659fd93 >> 40) % kPlaces;
  }
  std::array<std::uint16_t, kPlaces> places_{};  ///< 0, or number of an entry from 1
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
  add<Address, LoadBody<opcode, kA, kAccumulator>>(table);
  add<Address, LoadBody<opcode, kA, kSlot>>(table);
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
  add<Address, StoreBody<i32_store, kA, kS>>(table);
  add<Address, StoreBody<i64_store, kA, kS>>(table);
  add<Address, StoreBody<f64_store, kA, kS>>(table);
  add<Address, StoreBody<f64_store, kA, kA>>(table);
  add<Address, StoreBody<i32_store8, kA, kS>>(table);
  add<Address, StoreBody<i32_store8, kA, kI>>(table);
}

using AddSlots = BinaryBody<i32_add, kS, kS, kAccumulator>;
using AddToAccumulator = BinaryBody<i32_add, kS, kA, kAccumulator>;
using AddImmediate = BinaryBody<i32_add, kS, kI, kAccumulator>;
using AddImmediateToAccumulator = BinaryBody<i32_add, kA, kI, kAccumulator>;
using Scale = BinaryBody<i32_shl, kS, kI, kAccumulator>;
using ScaleAccumulator = BinaryBody<i32_shl, kA, kI, kAccumulator>;
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
  add<Scale, BinaryBody<i32_add, kS, kA, kSlot>>(table);
  add<ScaleAccumulator, AddToAccumulator>(table);
  add<ScaleAccumulator, BinaryBody<i32_add, kS, kA, kSlot>>(table);
  add_loads<Scaled>(table);
  add_stores<Scaled>(table);
}

// kA loaded value and what is done with it.

template <typename First, wasm::Opcode opcode>
void add_consumer(Fusions& table) {
  add<First, BinaryBody<opcode, kS, kA, kAccumulator>>(table);
  add<First, BinaryBody<opcode, kS, kA, kSlot>>(table);
  add<First, BinaryBody<opcode, kA, kS, kAccumulator>>(table);
  add<First, BinaryBody<opcode, kA, kS, kSlot>>(table);
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
  add_consumer<BinaryBody<multiply, kS, kA, kAccumulator>, plus>(table);
  add_consumer<BinaryBody<multiply, kS, kS, kAccumulator>, plus>(table);
}

// Values that a branch looks at.

template <typename First, wasm::Opcode opcode, From b>
void add_test(Fusions& table) {
  add_branch<First, BranchBody<opcode, kA, b, false, false>>(table);
  add_branch<First, BranchBody<opcode, kA, b, false, true>>(table);
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

// kA comparison of floats has no opposite among the instructions, so compilers test its result for zero.
template <wasm::Opcode comparison, From a, From b>
void add_negated(Fusions& table) {
  using Comparison = BinaryBody<comparison, a, b, kAccumulator>;
  add_branch<Comparison, BranchBody<i32_eq, kA, kI, false, false>>(table);
  add_branch<Comparison, BranchBody<i32_eq, kA, kI, false, true>>(table);
}
template <wasm::Opcode comparison>
void add_negated_comparison(Fusions& table) {
  add_negated<comparison, kS, kS>(table);
  add_negated<comparison, kS, kA>(table);
  add_negated<comparison, kA, kS>(table);
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
  add_tests<BinaryBody<i32_add, kS, kI, kSlot>, kS>(table);
  add_tests<BinaryBody<i32_add, kS, kI, kSlot>, kI>(table);
  add_tests<BinaryBody<i32_add, kS, kS, kSlot>, kS>(table);
  add_tests<BinaryBody<i32_add, kS, kS, kSlot>, kI>(table);
  // Masked and loaded values.
  add_test<BinaryBody<i32_and, kS, kI, kAccumulator>, i32_eq, kI>(table);
  add_test<BinaryBody<i32_and, kS, kI, kAccumulator>, i32_ne, kI>(table);
  add_test<BinaryBody<i32_and, kA, kI, kAccumulator>, i32_eq, kI>(table);
  add_test<BinaryBody<i32_and, kA, kI, kAccumulator>, i32_ne, kI>(table);
  add_tests<LoadBody<i32_load, kS, kAccumulator>, kI>(table);
  add_tests<LoadBody<i32_load, kA, kAccumulator>, kI>(table);
  add_tests<LoadBody<i32_load8_u, kS, kAccumulator>, kI>(table);
  add_tests<LoadBody<i32_load8_u, kA, kAccumulator>, kI>(table);
  add_tests<LoadBody<i32_load, kS, kSlot>, kI>(table);
  add_tests<LoadBody<i32_load8_u, kS, kSlot>, kI>(table);
}

// The end of a loop that fills: a store, the step to the next element, the test.
template <typename Store, typename Step>
void add_fill(Fusions& table) {
  using Stepped = Pair<Store, Step>;
  add<Store, Step>(table);
  add_branch<Stepped, BranchBody<i32_ne, kA, kS, false, true>>(table);
  add_branch<Stepped, BranchBody<i32_ne, kA, kI, false, true>>(table);
  add_branch<Stepped, BranchBody<i32_lt_s, kA, kS, false, true>>(table);
  add_branch<Stepped, BranchBody<i32_lt_s, kA, kI, false, true>>(table);
  add_branch<Stepped, BranchBody<i32_lt_u, kA, kS, false, true>>(table);
  add_branch<Stepped, BranchBody<i32_lt_u, kA, kI, false, true>>(table);
}
template <typename Store>
void add_fills(Fusions& table) {
  add_fill<Store, BinaryBody<i32_add, kS, kI, kSlot>>(table);
  add_fill<Store, BinaryBody<i32_add, kS, kS, kSlot>>(table);
}
template <wasm::Opcode store>
void add_filling_loops(Fusions& table) {
  add_fills<StoreBody<store, kS, kS>>(table);
  add_fills<StoreBody<store, kS, kI>>(table);
  add_fills<StoreBody<store, kS, kA>>(table);
}

const Fusions& fusions() {
  static const Fusions table = [] {
    Fusions made;
    add_addresses(made);
    add_loaded<kS>(made);
    add_loaded<kA>(made);
    add_products<i32_mul, i32_add>(made);
    add_products<f64_mul, f64_add>(made);
    add_products<f64_mul, f64_sub>(made);
    add_products<f32_mul, f32_add>(made);
    add_conditions(made);
    add_filling_loops<i32_store>(made);
    add_filling_loops<i32_store8>(made);
    add_filling_loops<i64_store>(made);
    add_filling_loops<f64_store>(made);
    add_fills<Pair<AddImmediate, StoreBody<i32_store8, kA, kI>>>(made);
    add_fills<Pair<AddImmediate, StoreBody<i32_store8, kA, kS>>>(made);
    return made;
  }();
  return table;
}

}  // namespace

Fusion fusion_of(Handler first, Handler second) { return fusions().find(first, second); }

}  // namespace wzrun::interp
