#pragma once

#include "wzrun/value_type.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wzrun::wasm {

/// The types of a function's locals, and which of those without a default value are set. Reused across functions.
///
/// A body of a few bytes can declare 50,000 locals, and a module can hold a million such bodies; so only as many
/// entries are laid out flat as the caller's `flat_limit` says, and the others are looked up by their run.
class Locals {
 public:
  void clear();
  /// Parameters: flat, and set.
  void add_params(std::span<const ValueType> types);
  /// A run of locals of one type.
  void add(std::uint32_t count, ValueType type, std::size_t flat_limit);

  std::uint32_t count() const { return count_; }
  /// All types, if flat_limit has allowed all.
  std::span<const ValueType> flat() const { return flat_; }
  /// Locals with an index below this are flat, and always set.
  std::uint32_t simple_count() const { return simple_count_; }
  const ValueType* simple_types() const { return flat_.data(); }
  /// Requires index < count().
  ValueType type(std::uint32_t index) const;

  bool is_set(std::uint32_t index) const;
  void set(std::uint32_t index);
  /// Number of locals set in the blocks now open; unset_from() forgets all but so many of them.
  std::uint32_t set_count() const { return static_cast<std::uint32_t>(set_log_.size()); }
  void unset_from(std::uint32_t set_count);

 private:
  struct Run {
    std::uint32_t end = 0;  ///< index behind the last local
    ValueType type;
  };
  std::vector<ValueType> flat_;
  std::vector<Run> runs_;  ///< of the declared locals, from params_ on
  std::uint32_t count_ = 0;
  std::uint32_t params_ = 0;
  std::uint32_t simple_count_ = 0;
  bool all_simple_ = true;              ///< so far
  std::vector<bool> is_set_;            ///< by index; only those without a default
  std::vector<std::uint32_t> set_log_;  ///< in the order they were set
};

}  // namespace wzrun::wasm
