#pragma once

#include "wzrun/error.h"
#include "wzrun/features.h"
#include "wzrun/value_type.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a decoded module is. Names and bodies are views into the module's bytes, which must outlive it.
/// Every index space lists its imports first. A type index that is stored anywhere is canonical: equal types of one
/// module have equal indices, so types are compared by their bits.
namespace wzrun::wasm {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::uint32_t kPageSizeLog2 = 16;
inline constexpr std::uint64_t kPageSize = 1U << kPageSizeLog2;
inline constexpr std::uint32_t kNoIndex = 0xffffffff;

enum class ExternKind : std::uint8_t { function, table, memory, global, tag };
std::string_view to_string(ExternKind kind);  // "func", "table", "memory", "global", "tag"

struct FunctionType {
  std::span<const ValueType> params;
  std::span<const ValueType> results;
};

struct FieldType {
  ValueType storage;  ///< i8 and i16 are possible
  bool is_mutable = false;
};

enum class CompositeKind : std::uint8_t { function, structure, array };

/// A defined type. An array has one field.
struct DefinedType {
  CompositeKind kind{};
  bool is_final = true;
  bool is_shared = false;
  std::uint32_t supertype = kNoIndex;  ///< canonical, or none
  std::uint32_t canonical = 0;         ///< the lowest type index of this module that denotes the same type
  std::uint32_t group = 0;             ///< index in Module::rec_groups
  std::uint32_t depth = 0;             ///< number of supertypes above
  FunctionType function;               ///< if kind is function
  std::span<const FieldType> fields;   ///< otherwise
};

struct RecGroup {
  std::uint32_t first = 0;  ///< type index
  std::uint32_t count = 0;
};

/// In units of pages or elements.
struct Limits {
  std::uint64_t min = 0;
  std::optional<std::uint64_t> max;
  bool is_64 = false;  ///< addressed with i64
  bool is_shared = false;
  ValueType index_type() const { return is_64 ? value_types::i64 : value_types::i32; }
};

/// A validated constant expression: its bytes with the final `end`.
struct ConstantExpression {
  Bytes code;
  std::uint64_t offset = 0;          ///< of its first byte in the module
  std::optional<std::uint32_t> i32;  ///< what it is worth, if it is one i32.const
};

struct TableType {
  ValueType element;
  Limits limits;
};
struct Table {
  TableType type;
  std::optional<ConstantExpression> init;
};

struct MemoryType {
  Limits limits;
};

struct GlobalType {
  ValueType value;
  bool is_mutable = false;
};
struct Global {
  GlobalType type;
  ConstantExpression init;  ///< empty for an import
};

struct Tag {
  std::uint32_t type_index = 0;
};

struct Import {
  std::string_view module;
  std::string_view name;
  ExternKind kind{};
  std::uint32_t index = 0;  ///< in the index space of its kind
  std::uint64_t offset = 0;
};

struct Export {
  std::string_view name;
  ExternKind kind{};
  std::uint32_t index = 0;
};

enum class SegmentMode : std::uint8_t { active, passive, declarative };

struct ElementSegment {
  SegmentMode mode{};
  ValueType type;
  std::uint32_t table_index = 0;
  ConstantExpression table_offset;  ///< if active
  bool has_expressions = false;
  std::vector<std::uint32_t> function_indices;  ///< without expressions
  std::vector<ConstantExpression> expressions;  ///< with expressions
  std::size_t size() const { return has_expressions ? expressions.size() : function_indices.size(); }
};

struct DataSegment {
  SegmentMode mode{};
  std::uint32_t memory_index = 0;
  ConstantExpression memory_offset;  ///< if active
  Bytes bytes;
};

/// The body of a defined function: locals and code, without the leading size.
struct FunctionBody {
  Bytes bytes;
  std::uint64_t offset = 0;  ///< of bytes[0] in the module
};

struct CustomSection {
  std::string_view name;
  Bytes bytes;
  std::uint64_t offset = 0;
};

struct Function {
  std::uint32_t type_index = 0;
  bool is_declared = false;  ///< named outside of bodies, so that ref.func may name it inside of them
};

/// Arrays that stay where they are while the arena grows or moves.
template <typename T>
class Arena {
 public:
  /// An array to be filled by the caller.
  std::span<T> allocate(std::size_t count) {
    if (count > chunk_size_ - used_) {
      chunk_size_ = std::max(count, std::clamp(chunk_size_ * 2, kFirstChunk, kLastChunk));
      used_ = 0;
      chunks_.push_back(std::make_unique<T[]>(chunk_size_));
    }
    T* const first = chunks_.empty() ? nullptr : chunks_.back().get() + used_;
    used_ += count;
    return {first, count};
  }

 private:
  static constexpr std::size_t kFirstChunk = 64, kLastChunk = 1024;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t chunk_size_ = 0;  ///< of the last chunk
  std::size_t used_ = 0;        ///< elements of the last chunk
};

/// Movable, not copyable: its types are views into its arenas.
struct Module {
  Bytes bytes;
  CoreFeatures features;

  std::vector<DefinedType> types;
  std::vector<RecGroup> rec_groups;
  std::vector<Import> imports;
  std::vector<Function> functions;
  std::vector<Table> tables;
  std::vector<MemoryType> memories;
  std::vector<Global> globals;
  std::vector<Tag> tags;
  std::vector<Export> exports;
  std::optional<std::uint32_t> start;
  std::vector<ElementSegment> elements;
  std::optional<std::uint32_t> data_count;
  std::vector<DataSegment> data;
  std::vector<FunctionBody> code;  ///< of function imported_functions + i; empty if the bodies are absent
  std::vector<CustomSection> custom_sections;

  Arena<ValueType> value_types;  ///< what types' params and results are views of
  Arena<FieldType> field_types;

  std::uint32_t imported_functions = 0;
  std::uint32_t imported_tables = 0;
  std::uint32_t imported_memories = 0;
  std::uint32_t imported_globals = 0;
  std::uint32_t imported_tags = 0;

  std::uint32_t defined_functions() const { return static_cast<std::uint32_t>(functions.size()) - imported_functions; }
  /// Requires a valid function index, or the index of a function type.
  const FunctionType& function_type(std::uint32_t function_index) const {
    return types[functions[function_index].type_index].function;
  }
};

}  // namespace wzrun::wasm
