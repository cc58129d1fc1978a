#pragma once

#include "wzrun/value_type.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

/// What a FunctionReader and its sink look at together: the operand stack and the control frames.
namespace wzrun::wasm {

template <typename Operand_>
struct StackEntry {
  ValueType type;
  [[no_unique_address]] Operand_ operand;
};

/// The operands of the instructions read so far. In dead code, and only there, entries carry Operand{}.
template <typename Operand>
class OperandStack {
 public:
  using Entry = StackEntry<Operand>;

  OperandStack() { reserve(kFirstCapacity); }

  std::size_t size() const { return static_cast<std::size_t>(top - first_); }
  bool empty() const { return size() == 0; }
  /// Counts from the bottom.
  Entry& operator[](std::size_t index) { return first_[index]; }
  const Entry& operator[](std::size_t index) const { return first_[index]; }
  Entry& back() { return top[-1]; }
  /// The topmost entries, the lowest of them first.
  std::span<Entry> last(std::size_t count) { return {top - count, count}; }

  // For the reader: the entries are changed through `top`, which it keeps within capacity by reserve(). There is an
  // entry below the first that nobody looks at, so that top[-1] may always be named.
  Entry* begin() { return first_; }
  Entry* limit() { return limit_; }
  /// Makes room for `count` more entries; moves them, and `top` with them.
  void reserve(std::size_t count) {
    const auto used = size();
    const auto capacity = std::max(used + count, 2 * static_cast<std::size_t>(limit_ - first_));
    auto larger = std::make_unique_for_overwrite<Entry[]>(capacity + 1);
    std::copy(first_, top, larger.get() + 1);
    storage_ = std::move(larger);
    first_ = storage_.get() + 1;
    top = first_ + used;
    limit_ = first_ + capacity;
  }

  Entry* top = nullptr;  ///< behind the last entry

 private:
  static constexpr std::size_t kFirstCapacity = 256;

  std::unique_ptr<Entry[]> storage_;
  Entry* first_ = nullptr;
  Entry* limit_ = nullptr;
};

enum class FrameKind : std::uint8_t { function, block, loop, if_, else_, try_table, try_, catch_, catch_all };

struct BlockType {
  std::span<const ValueType> params;
  std::span<const ValueType> results;
};

template <typename Label_>
struct ControlFrame {
  FrameKind kind{};
  bool unreachable = false;  ///< the rest of the block is dead code: its operand stack is polymorphic
  bool live = false;         ///< the instructions now read are reachable, so the sink is told of them
  bool was_live = false;     ///< the block was entered live: the sink knows of this frame
  bool targeted = false;     ///< a live branch goes to the label, or an earlier arm falls through to the end
  BlockType type;
  std::size_t height = 0;                ///< of the operand stack below the parameters
  [[no_unique_address]] Label_ label{};  ///< the sink's own

  // For the reader:
  std::uint32_t set_locals = 0;  ///< height of the log of locals set
  std::uint32_t last_table = 0;  ///< the last br_table that named this frame

  /// What a branch to the frame carries.
  std::span<const ValueType> label_types() const { return kind == FrameKind::loop ? type.params : type.results; }
};

struct MemoryArgument {
  std::uint32_t memory_index = 0;
  std::uint8_t align_log2 = 0;
  std::uint64_t offset = 0;
};

enum class CatchKind : std::uint8_t { catch_, catch_ref, catch_all, catch_all_ref };

/// A clause of try_table.
template <typename Label>
struct Catch {
  CatchKind kind{};
  std::uint32_t tag_index = 0;  ///< not for catch_all and catch_all_ref
  ControlFrame<Label>* target = nullptr;
};

}  // namespace wzrun::wasm
