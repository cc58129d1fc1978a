#pragma once

#include "wasm/byte_reader.h"
#include "wasm/function_frames.h"
#include "wasm/limits.h"
#include "wasm/locals.h"
#include "wasm/module.h"
#include "wasm/opcodes.h"
#include "wasm/type_reader.h"
#include "wasm/types.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Reading a body inside: the state of FunctionReader, and what the read_*.h headers make instructions of.
namespace wzrun::wasm {

/// The error for an instruction: its function and name are put in front.
Error instruction_error(const Module& module, std::uint32_t function_index, const std::uint8_t* instruction,
                        const std::uint8_t* end, ErrorKind kind, std::uint64_t offset, std::string_view message);

/// The members that return bool return false after setting `error`.
template <typename Sink_>
struct FunctionState {
  using Sink = Sink_;
  using Operand = typename Sink::Operand;
  using Label = typename Sink::Label;
  using Stack = OperandStack<Operand>;
  using Entry = StackEntry<Operand>;
  using Frame = ControlFrame<Label>;

  FunctionState(const Module& module, Sink& sink) : module(module), sink(sink) {}
  FunctionState(const FunctionState&) = delete;
  FunctionState& operator=(const FunctionState&) = delete;

  const Module& module;
  Sink& sink;

  // Where the reader is
  const std::uint8_t* pc = nullptr;
  const std::uint8_t* instruction = nullptr;  ///< first byte of the one being read
  const std::uint8_t* body = nullptr;
  const std::uint8_t* body_end = nullptr;
  std::uint64_t body_offset = 0;  ///< of `body` in the module
  std::uint32_t function_index = kNoIndex;
  std::uint32_t visible_globals = 0;  ///< in a constant expression; kNoIndex in a function

  // What it has found
  Stack stack;
  Entry* base = nullptr;  ///< the current frame's lowest operand
  bool live = false;      ///< of the current frame
  std::vector<Frame> frames;
  Locals locals;
  std::optional<Error> error;

  // For block types that are one reference type
  std::deque<ValueType> block_results;
  std::uint32_t branch_tables = 0;
  std::vector<ValueType> scratch;  ///< for the types of one instruction

  // ---- errors

  [[gnu::cold, gnu::noinline]] bool fail(ErrorKind kind, std::string_view message) {
    return fail_at(instruction, kind, message);
  }
  [[gnu::cold, gnu::noinline]] bool fail_at(const std::uint8_t* at, ErrorKind kind, std::string_view message) {
    error = instruction_error(module, function_index, instruction, body_end, kind,
                              body_offset + static_cast<std::size_t>(at - body), message);
    return false;
  }
  bool malformed(std::string_view message) { return fail(ErrorKind::malformed, message); }
  bool invalid(std::string_view message) { return fail(ErrorKind::invalid, message); }
  [[gnu::cold, gnu::noinline]] bool mismatch(ValueType expected, ValueType found) {
    return invalid(fmt::format("type mismatch: expected {}, found {}", to_string(expected), to_string(found)));
  }
  [[gnu::cold, gnu::noinline]] bool stack_empty(ValueType expected) {
    return invalid(fmt::format("type mismatch: expected {}, found nothing", to_string(expected)));
  }
  [[gnu::cold, gnu::noinline]] bool unknown(std::string_view what, std::uint64_t index, std::size_t count) {
    return invalid(fmt::format("unknown {} {}: there are {}", what, index, count));
  }
  /// Fails unless the feature is on.
  bool require(Feature feature, std::string_view what) {
    if (module.features.contains(feature)) [[likely]]
      return true;
    return fail(ErrorKind::unsupported, needs_feature(0, what, feature).error().message);
  }

  // ---- immediates

  template <unsigned bits, bool is_signed, typename T>
  [[gnu::noinline]] bool read_long_leb(T& value) {
    const auto* const at = pc;
    const auto status = read_leb<bits, is_signed>(pc, body_end, value);
    return status == LebStatus::ok || fail_at(at, ErrorKind::malformed, to_string(status));
  }
  bool read_u32(std::uint32_t& value) {
    if (pc != body_end && *pc < 0x80) [[likely]] {
      value = *pc++;
      return true;
    }
    return read_long_leb<32, false>(value);
  }
  bool read_u64(std::uint64_t& value) { return read_long_leb<64, false>(value); }
  bool read_s32(std::int32_t& value) { return read_long_leb<32, true>(value); }
  bool read_s64(std::int64_t& value) { return read_long_leb<64, true>(value); }
  bool read_byte(std::uint8_t& value) {
    if (pc == body_end) [[unlikely]]
      return fail_at(pc, ErrorKind::malformed, "unexpected end of section or function");
    value = *pc++;
    return true;
  }
  template <typename T>
  bool read_bytes(T& value) {
    if (static_cast<std::size_t>(body_end - pc) < sizeof value) [[unlikely]]
      return fail_at(pc, ErrorKind::malformed, "unexpected end of section or function");
    std::memcpy(&value, pc, sizeof value);
    pc += sizeof value;
    return true;
  }
  /// Takes what one of the functions of type_reader.h reads.
  template <typename T, typename Read>
  [[gnu::noinline]] bool read_with(T& value, Read&& read) {
    ByteReader in({pc, body_end}, body_offset + static_cast<std::size_t>(pc - body));
    auto result = read(in, module);
    if (!result) {
      error = instruction_error(module, function_index, instruction, body_end, result.error().kind,
                                result.error().offset, result.error().message);
      return false;
    }
    value = *result;
    pc = in.position();
    return true;
  }
  bool read_heap_type(HeapType& heap) {
    return read_with(heap, [](ByteReader& in, const Module& module) { return wasm::read_heap_type(in, module); });
  }
  bool read_value_type(ValueType& type) {
    return read_with(type, [](ByteReader& in, const Module& module) { return wasm::read_value_type(in, module); });
  }
  /// A type index of the given kind; canonical.
  bool read_type_index(CompositeKind kind, std::uint32_t& index) {
    if (!read_with(index, [](ByteReader& in, const Module& module) { return wasm::read_type_index(in, module); }))
      return false;
    if (module.types[index].kind != kind) [[unlikely]]
      return invalid(
          fmt::format("unexpected type {}: expected a {} type", index, wzrun::to_string(HeapType(abstract_of(kind)))));
    return true;
  }

  bool read_index(std::uint32_t& index, std::size_t count, std::string_view what) {
    if (!read_u32(index)) [[unlikely]]
      return false;
    if (index >= count) [[unlikely]]
      return unknown(what, index, count);
    return true;
  }
  bool read_memory(std::uint32_t& index) { return read_index(index, module.memories.size(), "memory"); }
  bool read_table(std::uint32_t& index) { return read_index(index, module.tables.size(), "table"); }
  bool read_element_segment(std::uint32_t& index) { return read_index(index, module.elements.size(), "elem segment"); }
  bool read_data_segment(std::uint32_t& index) { return read_u32(index) && check_data_segment(index); }
  bool check_data_segment(std::uint32_t index) {
    if (!module.data_count)
      return malformed("data count section required");
    return index < *module.data_count || unknown("data segment", index, *module.data_count);
  }
  /// A label's depth; the frame it means.
  bool read_label(std::uint32_t& depth) { return read_index(depth, frames.size(), "label"); }
  Frame& frame_at(std::uint32_t depth) { return frames[frames.size() - 1 - depth]; }
  Frame& frame() { return frames.back(); }

  ValueType index_type(const Limits& limits) const { return limits.index_type(); }
  ValueType memory_index_type(std::uint32_t index) const { return module.memories[index].limits.index_type(); }
  ValueType table_index_type(std::uint32_t index) const { return module.tables[index].type.limits.index_type(); }

  // ---- the operand stack

  std::size_t available() const { return static_cast<std::size_t>(stack.top - base); }

  [[gnu::noinline]] bool grow_stack(std::size_t count) {
    if (stack.size() + count > limits::kOperands)
      return fail(ErrorKind::unsupported, fmt::format("more than {} operands on the stack", limits::kOperands));
    const auto height = base - stack.begin();
    stack.reserve(count);
    base = stack.begin() + height;
    return true;
  }
  bool ensure(std::size_t count) {
    return static_cast<std::size_t>(stack.limit() - stack.top) >= count || grow_stack(count);
  }
  bool push(ValueType type, Operand operand = {}) {
    if (!ensure(1)) [[unlikely]]
      return false;
    *stack.top++ = {type, operand};
    return true;
  }
  bool pop(ValueType expected, Entry& entry) {
    if (stack.top == base) [[unlikely]] {
      entry = {ValueType(), {}};
      return frame().unreachable || stack_empty(expected);
    }
    entry = *--stack.top;
    if (matches(module, entry.type, expected)) [[likely]]
      return true;
    return mismatch(expected, entry.type);
  }
  bool pop_any(Entry& entry, std::string_view expected = "a value") {
    if (stack.top == base) [[unlikely]] {
      entry = {ValueType(), {}};
      return frame().unreachable || invalid(fmt::format("type mismatch: expected {}, found nothing", expected));
    }
    entry = *--stack.top;
    return true;
  }
  bool pop_reference(Entry& entry) {
    if (!pop_any(entry, "a reference"))
      return false;
    if (entry.type.is_reference() || entry.type.kind() == ValueKind::bottom) [[likely]]
      return true;
    return invalid(fmt::format("type mismatch: expected a reference, found {}", to_string(entry.type)));
  }

  /// Checks that the topmost operands have the types, and gives them exactly these. In dead code, operands that are
  /// missing come into being.
  bool check_operands(std::span<const ValueType> types) {
    const auto count = types.size();
    if (available() < count) [[unlikely]]
      return complete_operands(types);
    auto* const first = stack.top - count;
    bool same = true;
    for (std::size_t i = 0; i < count; ++i)
      same &= first[i].type == types[i];
    return same || match_operands(first, types);
  }
  [[gnu::noinline]] bool match_operands(Entry* first, std::span<const ValueType> types) {
    for (auto i = types.size(); i-- > 0;) {
      if (!matches(module, first[i].type, types[i]))
        return mismatch(types[i], first[i].type);
      first[i].type = types[i];
    }
    return true;
  }
  [[gnu::noinline]] bool complete_operands(std::span<const ValueType> types) {
    const auto missing = types.size() - available();
    if (!match_operands(base, types.subspan(missing)))
      return false;
    if (!frame().unreachable)
      return stack_empty(types[missing - 1]);
    if (!ensure(missing))
      return false;
    stack.top = base;
    for (const auto type : types)
      *stack.top++ = {type, {}};
    return true;
  }
  /// The same, and there are no others.
  bool check_all_operands(std::span<const ValueType> types) {
    if (available() > types.size()) [[unlikely]]
      return invalid(fmt::format("type mismatch: values remaining on stack at end of block: expected {}, found {}",
                                 types.size(), available()));
    return check_operands(types);
  }
  bool pop_all(std::span<const ValueType> types) {
    if (!check_operands(types)) [[unlikely]]
      return false;
    stack.top -= types.size();
    return true;
  }
  /// Pushes values whose operands `operand(i)` gives, if the sink is told.
  template <typename OperandOf>
  bool push_all(std::span<const ValueType> types, bool told, OperandOf&& operand_of) {
    if (!ensure(types.size())) [[unlikely]]
      return false;
    for (std::size_t i = 0; i < types.size(); ++i) {
      Operand operand{};
      if constexpr (Sink::kListens)
        if (told)
          operand = operand_of(i);
      *stack.top++ = {types[i], operand};
    }
    return true;
  }

  // ---- telling the sink

  bool listening() const {
    if constexpr (Sink::kListens)
      return live;
    return false;
  }
  std::uint64_t instruction_offset() const { return body_offset + static_cast<std::size_t>(instruction - body); }
  /// Calls `tell(operands...)` if the instruction is reachable.
  template <typename Tell>
  void tell(Tell&& tell_sink) {
    if constexpr (Sink::kListens) {
      if (live) {
        sink.at(instruction_offset());
        tell_sink();
      }
    }
  }

  template <std::size_t count>
  bool pop_operands(const std::array<ValueType, count>& params, std::array<Entry, count>& operands) {
    for (auto i = count; i-- > 0;)
      if (!pop(params[i], operands[i])) [[unlikely]]
        return false;
    return true;
  }
  /// An instruction that pops operands of these types and pushes what `tell_sink(operands...)` returns.
  template <std::size_t count, typename Tell>
  bool operate(const std::array<ValueType, count>& params, ValueType result, Tell&& tell_sink) {
    std::array<Entry, count> operands;
    if (!pop_operands(params, operands)) [[unlikely]]
      return false;
    Operand operand{};
    tell([&] {
      operand = [&]<std::size_t... i>(std::index_sequence<i...>) {
        return tell_sink(operands[i].operand...);
      }(std::make_index_sequence<count>());
    });
    return push(result, operand);
  }
  /// The same without a result.
  template <std::size_t count, typename Tell>
  bool consume(const std::array<ValueType, count>& params, Tell&& tell_sink) {
    std::array<Entry, count> operands;
    if (!pop_operands(params, operands)) [[unlikely]]
      return false;
    tell([&] {
      [&]<std::size_t... i>(std::index_sequence<i...>) {
        tell_sink(operands[i].operand...);
      }(std::make_index_sequence<count>());
    });
    return true;
  }

  // ---- frames

  bool push_frame(FrameKind kind, BlockType type) {
    if (frames.size() == limits::kControlDepth) [[unlikely]]
      return fail(ErrorKind::unsupported, fmt::format("more than {} nested blocks", limits::kControlDepth));
    if (!check_operands(type.params)) [[unlikely]]
      return false;
    if (frames.size() == frames.capacity()) [[unlikely]]  // what block_step fills without asking
      frames.reserve(std::min<std::size_t>(frames.size() * 2, limits::kControlDepth));
    auto& frame = frames.emplace_back();
    frame.kind = kind;
    frame.live = frame.was_live = live;
    frame.type = type;
    base = stack.top - type.params.size();
    frame.height = static_cast<std::size_t>(base - stack.begin());
    frame.set_locals = locals.set_count();
    return true;
  }
  /// The code that follows in this frame cannot be reached.
  void set_unreachable() {
    stack.top = base;
    frame().unreachable = true;
    frame().live = live = false;
  }
  /// A live branch goes to the frame.
  void target(Frame& frame) {
    if (live)
      frame.targeted = true;
  }
};

/// Marks an instruction in overloads: `read(state, Op<Opcode::drop>())`.
template <Opcode op>
struct Op {};

}  // namespace wzrun::wasm
