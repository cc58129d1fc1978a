#pragma once

#include "wasm/module.h"
#include "wasm/rec_group.h"

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <vector>

namespace wzrun::wasm {

/// The defined types of many modules under ids of their own: equal types have equal ids, whichever module they came
/// from. Types are never forgotten. All members may be called from several threads.
/// Source: Wasm 3.0, 3.1 (rolling), 3.3.
class TypeRegistry {
 public:
  /// The id of each of the module's types, by type index.
  /// Errors: unsupported when there are 2^23 different types.
  Expected<std::vector<std::uint32_t>> intern(const Module& module);

  /// Whether the first type is the second or declares it, directly or not, as a supertype.
  bool is_subtype(std::uint32_t sub, std::uint32_t super) const;

 private:
  /// One recursion group in terms of ids.
  struct Group {
    std::vector<DefinedType> types;
    std::vector<ValueType> values;  ///< what the types' params and results are views of
    std::vector<FieldType> fields;
    std::uint32_t first = 0;
    GroupView view() const { return {types, first}; }
  };

  std::unique_ptr<Group> translate(const Module& module, RecGroup group, const std::vector<std::uint32_t>& ids) const;
  void add_lineage(const DefinedType& type);

  /// A type's place in its tree of supertypes. `jump` is some ancestor, chosen so that any other is O(log depth) steps
  /// away: a module may declare chains of 10^5 subtypes, and tables of all ancestors would grow with the square.
  struct Lineage {
    std::uint32_t parent = 0;
    std::uint32_t jump = 0;
    std::uint32_t depth = 0;
  };

  mutable std::shared_mutex mutex_;
  GroupTable table_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Lineage> lineages_;  ///< by id
};

}  // namespace wzrun::wasm
