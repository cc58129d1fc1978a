#pragma once

#include "wasm/module.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// Recursion groups as values, for hash-consing: two groups are the same type if they are equal part by part, where a
/// reference into the own group counts by its position and any other by the canonical type it names.
/// Source: Wasm 3.0, 3.1 (rolling), 3.3.
namespace wzrun::wasm {

/// A group whose types have consecutive indices from `first`; all references in them are canonical.
struct GroupView {
  std::span<const DefinedType> types;
  std::uint32_t first = 0;

  /// What a reference to a type index means to equality. Type indices are below 2^23.
  std::uint64_t token(std::uint32_t type_index) const {
    const auto position = type_index - first;  // wraps to a large number below `first`
    return position < types.size() ? kInside | position : type_index;
  }
  std::uint64_t token(ValueType type) const {
    if (!type.is_reference() || type.heap().is_abstract())
      return type.bits();
    return token(type.heap().type_index()) << 8 | (type.bits() & 0xff);
  }

 private:
  static constexpr std::uint64_t kInside = std::uint64_t{1} << 32;
};

std::uint64_t hash(const GroupView& group);
bool operator==(const GroupView& a, const GroupView& b);

/// Finds groups by their hash. Open addressing; the hash is seeded by the process, so that no module can prepare
/// collisions.
class GroupTable {
 public:
  /// The value of an equal group that was inserted before, or kNoIndex. `equals(value)` compares.
  template <typename Equals>
  std::uint32_t find(std::uint64_t hash, Equals&& equals) const {
    if (slots_.empty())
      return kNoIndex;
    for (auto i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i].value == kNoIndex)
        return kNoIndex;
      if (slots_[i].hash == hash && equals(slots_[i].value))
        return slots_[i].value;
    }
  }
  void insert(std::uint64_t hash, std::uint32_t value);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t value = kNoIndex;
  };
  std::uint64_t mask() const { return slots_.size() - 1; }
  void place(Slot slot);

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace wzrun::wasm
