#pragma once

#include "wasm/module.h"
#include "wasm/rec_group.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace wzrun::wasm {

/// The types of all modules of a runtime: equal types of different modules get the same id.
///
/// Thread-safe. An id may be used by any thread that got it from intern(), or from a thread that did. Types stay until
/// the registry goes.
class TypeRegistry {
 public:
  TypeRegistry() = default;
  TypeRegistry(const TypeRegistry&) = delete;
  TypeRegistry& operator=(const TypeRegistry&) = delete;

  /// The ids of the module's types, by type index.
  /// Errors: unsupported, if all modules together have more than 2^23 different types.
  Expected<std::vector<std::uint32_t>> intern(const Module& module);

  /// Whether the type is the other or one of its declared subtypes; constant time.
  bool is_subtype(std::uint32_t sub, std::uint32_t super) const {
    if (sub == super)
      return true;
    const auto& lower = at(sub);
    const auto depth = at(super).type.depth;
    return depth < lower.type.depth && lower.supertypes[depth] == super;
  }

  /// The type, whose indices are ids.
  const DefinedType& type(std::uint32_t id) const { return at(id).type; }

  /// A type of a module with the ids of that module in place of its indices.
  static ValueType translate(ValueType type, std::span<const std::uint32_t> ids);

  /// Whether a value of type `sub` may stand where `super` is expected; both by ids.
  bool matches(ValueType sub, ValueType super) const;
  bool matches(HeapType sub, HeapType super) const;

 private:
  struct Entry {
    DefinedType type;
    std::unique_ptr<std::uint32_t[]> supertypes;  ///< all those above, by depth
  };
  static constexpr std::uint32_t kFirstChunk = 16;
  static constexpr std::uint32_t kMaxTypes = 1U << 23;  ///< what a HeapType can name

  /// Chunks double in size and never move, so that readers need no lock.
  struct Place {
    std::uint32_t chunk = 0;
    std::uint32_t offset = 0;
  };
  static constexpr Place place(std::uint32_t id) {
    const auto chunk = static_cast<std::uint32_t>(std::bit_width(id / kFirstChunk));
    return {chunk, chunk == 0 ? id : id - (kFirstChunk << (chunk - 1))};
  }
  static constexpr std::size_t chunk_size(std::uint32_t chunk) {
    return chunk == 0 ? kFirstChunk : std::size_t{kFirstChunk} << (chunk - 1);
  }
  static constexpr std::size_t kChunks = std::bit_width((kMaxTypes - 1) / kFirstChunk) + 1;

  const Entry& at(std::uint32_t id) const {
    const auto [chunk, offset] = place(id);
    return chunks_[chunk][offset];
  }
  Expected<std::uint32_t> intern_group(const Module& module, RecGroup group, std::span<std::uint32_t> ids);
  void store(const DefinedType& type);
  std::vector<DefinedType> stored(RecGroup group) const;

  std::mutex mutex_;
  std::array<std::unique_ptr<Entry[]>, kChunks> chunks_;
  std::uint32_t count_ = 0;
  std::vector<RecGroup> stored_groups_;
  GroupTable groups_;
  Arena<ValueType> value_types_;
  Arena<FieldType> field_types_;
};

}  // namespace wzrun::wasm
