#pragma once

#include "wasm/function_reader.h"

/// The steps of FunctionReader.
namespace wzrun::wasm {

/// Goes on with the next instruction.
#define WZRUN_NEXT(pc, top)                                           \
  do {                                                                \
    if ((pc) == end) [[unlikely]]                                     \
      [[clang::musttail]] return past_end_step(self, pc, top, end);   \
    const Step wzrun_step_ = self->steps_->plain[*(pc)];              \
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
  auto* const operands = top - count;
  bool fits = top - self->state_.base >= count;
  if (!fits) [[unlikely]]
    WZRUN_GENERAL(op);
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

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::special_step(WZRUN_STEP) {
  WZRUN_GENERAL(op);
}

template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::load_step(WZRUN_STEP) {
  WZRUN_GENERAL(op);
}
template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::store_step(WZRUN_STEP) {
  WZRUN_GENERAL(op);
}
template <typename Sink>
template <Opcode op>
bool FunctionReader<Sink>::constant_step(WZRUN_STEP) {
  WZRUN_GENERAL(op);
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
  const auto& steps = self->steps_->prefixed[prefix - 0xfb];
  if (number >= steps.size()) [[unlikely]]
    [[clang::musttail]] return illegal_step(self, pc, top, end);
  [[clang::musttail]] return steps[number](self, pc, top, end);
}

template <typename Sink>
bool FunctionReader<Sink>::end_step(WZRUN_STEP) {
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
  const auto feature = *feature_of(opcode);
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
constexpr typename FunctionReader<Sink>::Steps FunctionReader<Sink>::make_steps(CoreFeatures features,
                                                                                bool constant_only) {
  Steps steps{};
  steps.plain.fill(&illegal_step);
  for (auto& prefixed : steps.prefixed)
    prefixed.fill(&illegal_step);
  const auto set = [&](Opcode op, Step step) {
    const auto code = code_of(op);
    if (!is_enabled(op, features))
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
#define WZRUN_SPECIAL(code, id, ...) set(Opcode::id, &special_step<Opcode::id>);
#define WZRUN_OPCODE(code, id, ...) set(Opcode::id, &general_step<Opcode::id>);
#include "wasm/opcodes.def"
  steps.plain[0xfb] = &prefix_step<0xfb>;
  steps.plain[0xfc] = &prefix_step<0xfc>;
  steps.plain[0xfd] = &prefix_step<0xfd>;
  steps.plain[0xfe] = &prefix_step<0xfe>;
  steps.plain[0x0b] = &end_step;
  return steps;
}

template <typename Sink>
const typename FunctionReader<Sink>::Steps FunctionReader<Sink>::kFunctionSteps =
    FunctionReader<Sink>::make_steps(CoreFeatures::all, false);
template <typename Sink>
const typename FunctionReader<Sink>::Steps FunctionReader<Sink>::kConstantSteps =
    FunctionReader<Sink>::make_steps(CoreFeatures::all, true);

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
  steps_ = function_steps_;
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
    const auto type = WZRUN_TRY(read_value_type(in, state_.module));
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
  Steps limited;
  steps_ = &kConstantSteps;
  if (state_.module.features != CoreFeatures::all) {
    limited = make_steps(state_.module.features, true);
    steps_ = &limited;
  }
  return run(expression.code, expression.offset, {{}, {&result, 1}});
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::run(Bytes code, std::uint64_t offset, BlockType type) {
  if (!code.empty() && code.back() == 0x0b) [[likely]]
    return run_complete(code, offset, type);
  completed_.assign(code.begin(), code.end());
  completed_.push_back(0x0b);
  auto status = run_complete(completed_, offset, type);
  if (!status)
    return status;
  return std::unexpected(instruction_error(state_.module, state_.function_index, nullptr, nullptr, ErrorKind::malformed,
                                           offset + code.size(), "END opcode expected: the body ends without it"));
}

template <typename Sink>
Expected<void> FunctionReader<Sink>::run_complete(Bytes code, std::uint64_t offset, BlockType type) {
  auto& state = state_;
  state.body = state.pc = code.data();
  state.body_end = code.data() + code.size();
  state.body_offset = offset;
  state.instruction = nullptr;
  state.error.reset();
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
  if (!steps_->plain[code[0]](this, code.data() + 1, state.stack.top, end))
    return std::unexpected(std::move(*state.error));
  return {};
}

#undef WZRUN_STEP
#undef WZRUN_NEXT
#undef WZRUN_GENERAL

}  // namespace wzrun::wasm
