#pragma once

#include "wasm/function_reader.h"

/// The steps of FunctionReader.
namespace wzrun::wasm {

/// Goes on with the next instruction.
#define WZRUN_NEXT(pc, top)                                           \
  do {                                                                \
    if ((pc) == end) [[unlikely]]                                     \
      [[clang::musttail]] return past_end_step(self, pc, top, end);   \
    const Step wzrun_step_ = self->current_steps_->plain[*(pc)];      \
    [[clang::musttail]] return wzrun_step_(self, (pc) + 1, top, end); \
  } while (false)

/// Leaves the instruction to general_step. Nothing may have been changed by now.
#define WZRUN_GENERAL(op) [[clang::musttail]] return general_step<op>(self, pc, top, end)

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::read_general() {
  auto& state = state_;
  constexpr auto row = kRow<op>;
  if constexpr (row == Row::numeric) {
    return state.operate(kSignature<op>.params, kSignature<op>.result,
                         [&](auto... operands) { return state.sink.template numeric<op>(operands...); });
  } else if constexpr (row == Row::lane) {
    std::uint8_t lane = 0;
    return read_lane_index(state, kLaneCount<op>, lane) &&
           state.operate(kSignature<op>.params, kSignature<op>.result,
                         [&](auto... operands) { return state.sink.template lane<op>(lane, operands...); });
  } else if constexpr (row == Row::shuffle) {
    std::array<std::uint8_t, 16> lanes;
    if (!state.read_bytes(lanes))
      return false;
    for (const auto lane : lanes)
      if (lane >= 32)
        return state.invalid(fmt::format("invalid lane index {}: there are 32", lane));
    return state.operate(std::array{value_types::v128, value_types::v128}, value_types::v128,
                         [&](auto... operands) { return state.sink.shuffle(lanes, operands...); });
  } else if constexpr (row == Row::constant) {
    return read_constant_value<op>();
  } else if constexpr (row == Row::load || row == Row::vector_load) {
    return read_load<op>(state);
  } else if constexpr (row == Row::store) {
    return read_store<op>(state);
  } else if constexpr (row == Row::load_lane || row == Row::store_lane) {
    return read_lane_access<op>(state);
  } else if constexpr (row == Row::special) {
    return wasm::read(state, Op<op>());
  } else {
    return read_atomic<op>(state);
  }
}

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::read_constant_value() {
  const auto push = [&](auto&& tell_sink) {
    return state_.operate(std::array<ValueType, 0>{}, kAccessType<op>, tell_sink);
  };
  if constexpr (op == Opcode::i32_const) {
    std::int32_t value = 0;
    return state_.read_s32(value) && push([&] { return state_.sink.i32_const(static_cast<std::uint32_t>(value)); });
  } else if constexpr (op == Opcode::i64_const) {
    std::int64_t value = 0;
    return state_.read_s64(value) && push([&] { return state_.sink.i64_const(static_cast<std::uint64_t>(value)); });
  } else if constexpr (op == Opcode::f32_const) {
    std::uint32_t bits = 0;
    return state_.read_bytes(bits) && push([&] { return state_.sink.f32_const(bits); });
  } else if constexpr (op == Opcode::f64_const) {
    std::uint64_t bits = 0;
    return state_.read_bytes(bits) && push([&] { return state_.sink.f64_const(bits); });
  } else {
    static_assert(op == Opcode::v128_const);
    std::array<std::uint8_t, 16> bytes;
    return state_.read_bytes(bytes) && push([&] { return state_.sink.v128_const(bytes); });
  }
}

template <typename Sink>
template <Opcode op>
[[gnu::noinline]] bool FunctionReader<Sink>::general_step(WZRUN_STEP) {
  auto& state = self->state_;
  state.pc = pc;
  state.stack.top = top;
  if constexpr (!kPrefixed<op>)
    state.instruction = pc - 1;
  if (!self->template read_general<op>()) [[unlikely]]
    return false;
  WZRUN_NEXT(state.pc, state.stack.top);
}

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::numeric_step(WZRUN_STEP) {
  constexpr const auto& signature = kSignature<op>;
  constexpr auto count = static_cast<std::ptrdiff_t>(signature.params.size());
  if (top - self->state_.base < count) [[unlikely]]
    WZRUN_GENERAL(op);
  auto* const operands = top - count;
  bool fits = true;
  for (std::ptrdiff_t i = 0; i < count; ++i)
    fits &= operands[i].type == signature.params[static_cast<std::size_t>(i)];
  if (!fits) [[unlikely]]
    WZRUN_GENERAL(op);
  Operand result{};
  if constexpr (Sink::kListens) {
    if (self->state_.live) {
      self->template before_telling<op>(pc, operands);
      result = [&]<std::size_t... i>(std::index_sequence<i...>) {
        return self->state_.sink.template numeric<op>(operands[i].operand...);
      }(std::make_index_sequence<signature.params.size()>());
    }
  }
  *operands = {signature.result, result};
  WZRUN_NEXT(pc, operands + 1);
}

// Frequent instructions. Reading ahead relies on what function_reader.h says of a body's last byte.

/// Reads a number of one or two bytes; false for longer ones.
inline bool read_short_u32(const std::uint8_t*& pc, std::uint32_t& value) {
  const auto* const at = pc;
  value = at[0];
  pc = at + 1;
  if (value < 0x80) [[likely]]
    return true;
  value = (value & 0x7f) | static_cast<std::uint32_t>(at[1]) << 7;
  pc = at + 2;
  return at[1] < 0x80;
}

/// A number in LEB128 of up to five bytes, found in a word without a jump for each byte.
struct ShortLeb {
  std::uint64_t groups = 0;  ///< the bytes, in order; zero behind the last
  unsigned bytes = 0;

  /// Nothing if the number is longer, or if a word at `pc` may reach past the end.
  static std::optional<ShortLeb> read(const std::uint8_t* pc, const std::uint8_t* end) {
    if (end - pc < 8) [[unlikely]]
      return std::nullopt;
    std::uint64_t word;
    std::memcpy(&word, pc, sizeof word);
    const std::uint64_t stops = ~word & 0x80'8080'8080;
    if (stops == 0) [[unlikely]]
      return std::nullopt;
    return ShortLeb{word & (stops ^ (stops - 1)), (static_cast<unsigned>(std::countr_zero(stops)) + 1) / 8};
  }
  std::uint64_t bits() const {
    return (groups & 0x7f) | (groups >> 1 & 0x3f80) | (groups >> 2 & 0x1f'c000) | (groups >> 3 & 0xfe0'0000) |
           (groups >> 4 & 0x7'f000'0000);
  }
  std::int64_t sign_extended() const {
    const unsigned unused = 64 - 7 * bytes;
    return static_cast<std::int64_t>(bits() << unused) >> unused;
  }
  bool is_u32() const { return groups >> 36 == 0; }
  /// The fifth byte's unused bits repeat the sign.
  bool is_s32() const {
    const auto fifth = groups >> 35;
    return bytes < 5 || fifth == 0 || fifth == 0xf;
  }
};

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::constant_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  if (top == state.stack.limit()) [[unlikely]]
    WZRUN_GENERAL(op);
  Operand result{};
  if constexpr (op == Opcode::i32_const || op == Opcode::i64_const) {
    const auto number = ShortLeb::read(pc, end);
    if (!number || (op == Opcode::i32_const && !number->is_s32())) [[unlikely]]
      WZRUN_GENERAL(op);
    next += number->bytes;
    if constexpr (Sink::kListens) {
      if (state.live) {
        self->template before_telling<op>(pc, top);
        if constexpr (op == Opcode::i32_const)
          result = state.sink.i32_const(static_cast<std::uint32_t>(number->sign_extended()));
        else
          result = state.sink.i64_const(static_cast<std::uint64_t>(number->sign_extended()));
      }
    }
  } else {
    if (Sink::kListens || static_cast<std::size_t>(end - pc) < std::size_t{1} << kAccessSizeLog2<op>) [[unlikely]]
      WZRUN_GENERAL(op);
    next += std::size_t{1} << kAccessSizeLog2<op>;
  }
  *top = {kAccessType<op>, result};
  WZRUN_NEXT(next, top + 1);
}

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::load_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto offset = ShortLeb::read(pc + 1, end);
  if (*pc > kAccessSizeLog2<op> || !offset || !offset->is_u32() || top == state.base ||
      top[-1].type != self->first_memory_index_) [[unlikely]]
    WZRUN_GENERAL(op);
  Operand result{};
  if constexpr (Sink::kListens) {
    if (state.live) {
      self->template before_telling<op>(pc, top - 1);
      result = state.sink.template load<op>(MemoryArgument{0, *pc, offset->bits()}, top[-1].operand);
    }
  }
  top[-1] = {kAccessType<op>, result};
  WZRUN_NEXT(pc + 1 + offset->bytes, top);
}

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::store_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto offset = ShortLeb::read(pc + 1, end);
  if (*pc > kAccessSizeLog2<op> || !offset || !offset->is_u32() || top - state.base < 2 ||
      top[-2].type != self->first_memory_index_ || top[-1].type != kAccessType<op>) [[unlikely]]
    WZRUN_GENERAL(op);
  if constexpr (Sink::kListens) {
    if (state.live) {
      self->template before_telling<op>(pc, top - 2);
      state.sink.template store<op>(MemoryArgument{0, *pc, offset->bits()}, top[-2].operand, top[-1].operand);
    }
  }
  WZRUN_NEXT(pc + 1 + offset->bytes, top - 2);
}

template <typename Sink>
bool FunctionReader<Sink>::local_get_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  std::uint32_t index = 0;
  if (!read_short_u32(next, index) || index >= state.locals.simple_count() || top == state.stack.limit()) [[unlikely]]
    WZRUN_GENERAL(Opcode::local_get);
  Operand result{};
  if constexpr (Sink::kListens) {
    if (state.live) {
      self->template before_telling<Opcode::local_get>(pc, top);
      result = state.sink.local_get(index);
    }
  }
  *top = {state.locals.simple_types()[index], result};
  WZRUN_NEXT(next, top + 1);
}

template <typename Sink>
bool FunctionReader<Sink>::local_set_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  std::uint32_t index = 0;
  if (!read_short_u32(next, index) || index >= state.locals.simple_count() || top == state.base ||
      top[-1].type != state.locals.simple_types()[index]) [[unlikely]]
    WZRUN_GENERAL(Opcode::local_set);
  if constexpr (Sink::kListens) {
    if (state.live) {
      self->template before_telling<Opcode::local_set>(pc, top - 1);
      state.sink.local_set(index, top[-1].operand);
    }
  }
  WZRUN_NEXT(next, top - 1);
}

template <typename Sink>
bool FunctionReader<Sink>::local_tee_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  std::uint32_t index = 0;
  if (!read_short_u32(next, index) || index >= state.locals.simple_count() || top == state.base ||
      top[-1].type != state.locals.simple_types()[index]) [[unlikely]]
    WZRUN_GENERAL(Opcode::local_tee);
  if constexpr (Sink::kListens) {
    if (state.live) {
      self->template before_telling<Opcode::local_tee>(pc, top - 1);
      top[-1].operand = state.sink.local_tee(index, top[-1].operand);
    }
  }
  WZRUN_NEXT(next, top);
}

// Control, as far as only validation goes: a sink has more to do for a block than the general way costs.

/// By byte: the number of results of a block type of no parameters and at most one number, or kNoShortBlockType.
inline constexpr std::uint8_t kNoShortBlockType = 0xff;
inline constexpr auto kShortBlockTypes = [] {
  std::array<std::uint8_t, 256> results{};
  results.fill(kNoShortBlockType);
  results[0x40] = 0;
  for (std::size_t i = 0; i < detail::kNumberTypes.size(); ++i)
    results[0x7c + i] = 1;
  return results;
}();

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::block_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto results = kShortBlockTypes[*pc];
  auto* base = top;
  if constexpr (op == Opcode::if_) {
    if (top == state.base || top[-1].type != value_types::i32) [[unlikely]]
      WZRUN_GENERAL(op);
    --base;
  }
  if (Sink::kListens || results == kNoShortBlockType || state.frames.size() == state.frames.capacity()) [[unlikely]]
    WZRUN_GENERAL(op);
  auto& frame = state.frames.emplace_back();
  frame.kind = op == Opcode::if_ ? FrameKind::if_ : op == Opcode::loop ? FrameKind::loop : FrameKind::block;
  // Their codes begin at a multiple of their number.
  frame.type.results = {&detail::kNumberTypes[*pc % detail::kNumberTypes.size()], results};
  frame.height = static_cast<std::size_t>(base - state.stack.begin());
  frame.set_locals = state.locals.set_count();
  state.base = base;
  WZRUN_NEXT(pc + 1, base);
}

/// The type of one operand, if there is one; no jump depends on it, because that is hard to predict.
inline ValueType type_if(bool exists, const ValueType* type) {
  static constexpr ValueType kNone;
  return *(exists ? type : &kNone);
}

template <typename Sink>
bool FunctionReader<Sink>::end_step(WZRUN_STEP) {
  auto& state = self->state_;
  if constexpr (!Sink::kListens) {
    const auto& frame = state.frames.back();
    const auto results = frame.type.results.size();
    const bool changes_types = (frame.kind == FrameKind::if_) & ((results | frame.type.params.size()) != 0);
    const bool other_count = (results > 1) | (static_cast<std::size_t>(top - state.base) != results);
    const bool is_function = &frame == state.frames.data();
    const bool sets_locals = frame.set_locals != state.locals.set_count();
    if (!(changes_types | other_count | is_function | sets_locals)) [[likely]] {
      if (type_if(results != 0, &top[-1].type) == type_if(results != 0, frame.type.results.data())) [[likely]] {
        state.frames.pop_back();
        state.base = state.stack.begin() + state.frames.back().height;
        WZRUN_NEXT(pc, top);
      }
    }
  }
  [[clang::musttail]] return general_end_step(self, pc, top, end);
}

template <typename Sink>
[[gnu::noinline]] bool FunctionReader<Sink>::general_end_step(WZRUN_STEP) {
  auto& state = self->state_;
  state.pc = pc;
  state.stack.top = top;
  state.instruction = pc - 1;
  if (!wasm::read(state, Op<Opcode::end>())) [[unlikely]]
    return false;
  if (state.frames.empty()) [[unlikely]] {
    if (pc == end) [[likely]]
      return true;
    state.instruction = nullptr;
    return state.fail_at(pc, ErrorKind::malformed,
                         fmt::format("END opcode expected: {} bytes follow the function's end", end - pc));
  }
  WZRUN_NEXT(pc, state.stack.top);
}

/// br and br_if to a label that takes at most one value.
template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::branch_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  auto* rest = top;
  std::uint32_t depth = 0;
  if (Sink::kListens || !read_short_u32(next, depth) || depth >= state.frames.size()) [[unlikely]]
    WZRUN_GENERAL(op);
  if constexpr (op == Opcode::br_if) {
    if (top == state.base || top[-1].type != value_types::i32) [[unlikely]]
      WZRUN_GENERAL(op);
    --rest;
  }
  const auto& target = state.frame_at(depth);
  const auto types = *(target.kind == FrameKind::loop ? &target.type.params : &target.type.results);
  const auto carried = types.size();
  if ((carried > 1) | (static_cast<std::size_t>(rest - state.base) < carried)) [[unlikely]]
    WZRUN_GENERAL(op);
  if (type_if(carried != 0, &rest[-1].type) != type_if(carried != 0, types.data())) [[unlikely]]
    WZRUN_GENERAL(op);
  if constexpr (op == Opcode::br) {
    state.frames.back().unreachable = true;
    rest = state.base;
  }
  WZRUN_NEXT(next, rest);
}

template <typename Sink>
bool FunctionReader<Sink>::call_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto number = ShortLeb::read(pc, end);
  if (Sink::kListens || !number || number->bits() >= state.module.functions.size()) [[unlikely]]
    WZRUN_GENERAL(Opcode::call);
  const auto* const next = pc + number->bytes;
  const auto& type = state.module.function_type(static_cast<std::uint32_t>(number->bits()));
  const auto count = type.params.size();
  if (static_cast<std::size_t>(top - state.base) < count || type.results.size() > 1 || top == state.stack.limit())
      [[unlikely]]
    WZRUN_GENERAL(Opcode::call);
  auto* const arguments = top - count;
  for (std::size_t i = 0; i < count; ++i)
    if (arguments[i].type != type.params[i]) [[unlikely]]
      WZRUN_GENERAL(Opcode::call);
  const bool has_result = !type.results.empty();
  *arguments = {type_if(has_result, type.results.data()), {}};
  WZRUN_NEXT(next, arguments + has_result);
}

template <typename Sink>
bool FunctionReader<Sink>::global_get_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  std::uint32_t index = 0;
  if (Sink::kListens || !read_short_u32(next, index) || index >= state.module.globals.size() ||
      top == state.stack.limit() || state.visible_globals != kNoIndex) [[unlikely]]
    WZRUN_GENERAL(Opcode::global_get);
  *top = {state.module.globals[index].type.value, {}};
  WZRUN_NEXT(next, top + 1);
}

template <typename Sink>
bool FunctionReader<Sink>::global_set_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto* next = pc;
  std::uint32_t index = 0;
  if (Sink::kListens || !read_short_u32(next, index) || index >= state.module.globals.size() || top == state.base)
      [[unlikely]]
    WZRUN_GENERAL(Opcode::global_set);
  const auto& type = state.module.globals[index].type;
  if (!type.is_mutable || top[-1].type != type.value) [[unlikely]]
    WZRUN_GENERAL(Opcode::global_set);
  WZRUN_NEXT(next, top - 1);
}

template <typename Sink>
bool FunctionReader<Sink>::drop_step(WZRUN_STEP) {
  if (Sink::kListens || top == self->state_.base) [[unlikely]]
    WZRUN_GENERAL(Opcode::drop);
  WZRUN_NEXT(pc, top - 1);
}

template <typename Sink>
template <std::uint8_t prefix>
bool FunctionReader<Sink>::prefix_step(WZRUN_STEP) {
  auto& state = self->state_;
  state.instruction = pc - 1;
  std::uint32_t number = *pc;
  if (number < 0x80) [[likely]] {
    ++pc;
  } else {
    state.pc = pc;
    if (!state.read_u32(number))
      return false;
    pc = state.pc;
  }
  if (pc == end) [[unlikely]]  // the number can be the body's last byte, 0x0b
    [[clang::musttail]] return past_end_step(self, pc, top, end);
  const auto& steps = self->current_steps_->prefixed[prefix - 0xfb];
  if (number >= steps.size()) [[unlikely]]
    [[clang::musttail]] return illegal_step(self, pc, top, end);
  [[clang::musttail]] return steps[number](self, pc, top, end);
}

template <typename Sink>
bool FunctionReader<Sink>::illegal_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto byte = pc[-1];
  if (state.instruction != nullptr && is_prefix(*state.instruction) && state.instruction < pc - 1)
    return state.malformed(fmt::format("illegal opcode {:02x} {:02x}", *state.instruction, byte));
  state.instruction = pc - 1;
  return state.malformed(fmt::format("illegal opcode {:02x}", byte));
}

template <typename Sink>
bool FunctionReader<Sink>::past_end_step(WZRUN_STEP) {
  auto& state = self->state_;
  state.instruction = nullptr;
  return state.fail_at(pc, ErrorKind::malformed, "unexpected end of section or function");
}

/// The instruction that ends at `pc`, given where a prefix may have stood.
inline Opcode opcode_before(const std::uint8_t* pc, const std::uint8_t* prefix) {
  if (prefix == nullptr || !is_prefix(*prefix) || prefix >= pc - 1)
    return opcode_of(pc[-1]);
  std::uint32_t number = 0;
  const auto* position = prefix + 1;
  if (read_leb<32, false>(position, pc, number) != LebStatus::ok || position != pc)
    return opcode_of(pc[-1]);
  return opcode_of(*prefix, number);
}

template <typename Sink>
bool FunctionReader<Sink>::disabled_step(WZRUN_STEP) {
  auto& state = self->state_;
  const auto opcode = opcode_before(pc, state.instruction);
  if (code_of(opcode) <= 0xff)
    state.instruction = pc - 1;
  const auto feature = feature_of(opcode).value_or(Feature::extended_const);
  return state.fail(ErrorKind::unsupported,
                    needs_feature(0, fmt::format("the instruction {}", to_string(opcode)), feature).error().message);
}

template <typename Sink>
bool FunctionReader<Sink>::not_constant_step(WZRUN_STEP) {
  auto& state = self->state_;
  if (code_of(opcode_before(pc, state.instruction)) <= 0xff)
    state.instruction = pc - 1;
  return state.invalid("constant expression required");
}

template <typename Sink>
template <bool constant_only>
typename FunctionReader<Sink>::Steps FunctionReader<Sink>::make_steps(CoreFeatures features) {
  Steps steps{};
  steps.plain.fill(&illegal_step);
  for (auto& prefixed : steps.prefixed)
    prefixed.fill(&illegal_step);
  const auto set = [&](Opcode op, Step step) {
    const auto code = code_of(op);
    const bool lacks_extension =
        constant_only && is_extended_constant(op) && !features.contains(Feature::extended_const);
    if (!is_enabled(op, features) || lacks_extension)
      step = &disabled_step;
    else if (constant_only && !is_constant(op))
      step = &not_constant_step;
    if (code <= 0xff)
      steps.plain[code] = step;
    else
      steps.prefixed[(code >> 16) - 0xfb][code & 0xffff] = step;
  };
#define WZRUN_NUMERIC(code, id, ...) set(Opcode::id, &numeric_step<Opcode::id>);
#define WZRUN_CONST(code, id, ...) set(Opcode::id, &constant_step<Opcode::id>);
#define WZRUN_LOAD(code, id, ...) set(Opcode::id, &load_step<Opcode::id>);
#define WZRUN_VECTOR_LOAD(code, id, ...) set(Opcode::id, &load_step<Opcode::id>);
#define WZRUN_STORE(code, id, ...) set(Opcode::id, &store_step<Opcode::id>);
#define WZRUN_OPCODE(code, id, ...) set(Opcode::id, &general_step<Opcode::id>);
#include "wasm/opcodes.def"
  set(Opcode::end, &end_step);
  set(Opcode::local_get, &local_get_step);
  set(Opcode::local_set, &local_set_step);
  set(Opcode::local_tee, &local_tee_step);
  set(Opcode::block, &block_step<Opcode::block>);
  set(Opcode::loop, &block_step<Opcode::loop>);
  set(Opcode::if_, &block_step<Opcode::if_>);
  set(Opcode::br, &branch_step<Opcode::br>);
  set(Opcode::br_if, &branch_step<Opcode::br_if>);
  set(Opcode::call, &call_step);
  set(Opcode::global_get, &global_get_step);
  set(Opcode::global_set, &global_set_step);
  set(Opcode::drop, &drop_step);
  steps.plain[0xfb] = &prefix_step<0xfb>;
  steps.plain[0xfc] = &prefix_step<0xfc>;
  steps.plain[0xfd] = &prefix_step<0xfd>;
  steps.plain[0xfe] = &prefix_step<0xfe>;
  return steps;
}

/// Made when they are needed: as constants of the program they would be 135 KiB of addresses in all, which the loader
/// would have to relocate in every start.
template <typename Sink>
template <bool constant_only>
const typename FunctionReader<Sink>::Steps& FunctionReader<Sink>::steps() {
  const auto features = state_.module.features;
  if (features == CoreFeatures::V3) {
    static const Steps steps = make_steps<constant_only>(features);
    return steps;
  }
  if (features == CoreFeatures::all) {
    static const Steps steps = make_steps<constant_only>(features);
    return steps;
  }
  auto& own = own_steps_[constant_only ? 1 : 0];
  if (own == nullptr)
    own = std::make_unique<Steps>(make_steps<constant_only>(features));
  return *own;
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::read(std::uint32_t function_index) {
  const auto& module = state_.module;
  const auto& body = module.code[function_index - module.imported_functions];
  const auto& type = module.function_type(function_index);
  state_.function_index = function_index;
  state_.visible_globals = kNoIndex;
  state_.locals.clear();
  state_.locals.add_params(type.params);
  ByteReader in(body.bytes, body.offset);
  if (auto status = read_locals(in, body.bytes.size()); !status) [[unlikely]] {
    auto& error = status.error();
    return std::unexpected(
        instruction_error(module, function_index, nullptr, nullptr, error.kind, error.offset, error.message));
  }
  current_steps_ = &steps<false>();
  const auto offset = in.offset();
  return run({in.position(), in.remaining()}, offset, {{}, type.results});
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::read_locals(ByteReader& in, std::size_t body_size) {
  const auto at = in.offset();
  const auto groups = WZRUN_TRY(in.u32());
  std::uint64_t total = state_.locals.count();
  // Short bodies cannot name many locals, and are many.
  const auto flat_limit = Sink::kListens ? limits::kLocals : std::max<std::size_t>(64, body_size);
  for (std::uint32_t i = 0; i < groups; ++i) {
    const auto count = WZRUN_TRY(in.u32());
    const auto byte = in.peek();
    const auto type = byte >= 0x7c && byte <= 0x7f ? ValueType(static_cast<ValueKind>(WZRUN_TRY(in.byte())))
                                                   : WZRUN_TRY(read_value_type(in, state_.module));
    total += count;
    if (total > 0xffffffff)
      return ByteReader::malformed(at, fmt::format("too many locals: {}", total));
    if (total <= limits::kLocals)
      state_.locals.add(count, type, flat_limit);
  }
  if (total > limits::kLocals)
    return ByteReader::unsupported(at, fmt::format("too many locals: {}, the limit is {}", total, limits::kLocals));
  return {};
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::read_constant(const ConstantExpression& expression, ValueType result,
                                                   std::uint32_t visible_globals) {
  state_.function_index = kNoIndex;
  state_.visible_globals = visible_globals;
  state_.locals.clear();
  current_steps_ = &steps<true>();
  return run(expression.code, expression.offset, {{}, {&result, 1}});
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::run(Bytes code, std::uint64_t offset, BlockType type) {
  if (!code.empty() && code.back() == 0x0b) [[likely]]
    return run_complete(code, offset, type);
  completed_.assign(code.begin(), code.end());
  completed_.push_back(0x0b);
  auto status = run_complete(completed_, offset, type);
  const bool is_before_end = !status && status.error().offset < offset + code.size();
  if (is_before_end && state_.instruction != &completed_.back())
    return status;
  return std::unexpected(instruction_error(state_.module, state_.function_index, nullptr, nullptr, ErrorKind::malformed,
                                           offset + code.size(),
                                           "unexpected end of section or function: END opcode expected"));
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::run_complete(Bytes code, std::uint64_t offset, BlockType type) {
  auto& state = state_;
  state.body = state.pc = code.data();
  state.body_end = code.data() + code.size();
  state.body_offset = offset;
  state.instruction = nullptr;
  state.error.reset();
  if (!state.block_results.empty()) [[unlikely]]
    state.block_results.clear();
  state.branch_tables = 0;
  state.frames.clear();
  state.stack.top = state.stack.begin();
  state.base = state.stack.begin();
  auto& frame = state.frames.emplace_back();
  frame.kind = FrameKind::function;
  frame.type = type;
  frame.live = frame.was_live = state.live = true;
  if constexpr (Sink::kListens)
    state.sink.begin(state.module, state.function_index, state.locals.flat(), state.stack, frame);
  const auto* const end = state.body_end;
  if (!current_steps_->plain[code[0]](this, code.data() + 1, state.stack.top, end))
    return std::unexpected(std::move(*state.error));
  return {};
}

#undef WZRUN_STEP
#undef WZRUN_NEXT
#undef WZRUN_GENERAL

}  // namespace wzrun::wasm
