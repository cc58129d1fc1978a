#include "baseline/translator.h"

#include "runtime/instance.h"

#include <cstddef>
#include <limits>

// A function's beginning and end, and its other beginnings.
namespace wzrun::baseline {

using runtime::FunctionInstance;
using runtime::InstanceContext;

void Translator::begin(const wasm::Module&, std::uint32_t function_index, std::span<const ValueType> locals,
                       Stack& stack, Frame& frame) {
  function_index_ = function_index;
  type_ = &wasm_.function_type(function_index);
  const auto& body = wasm_.code[function_index - wasm_.imported_functions];
  body_ = body.bytes;
  body_offset_ = body.offset;
  offset_ = body_offset_;
  layout_.emplace(*type_, locals, *needs_, unit_.patience > 0);
  stack_ = &stack;
  references_.assign(locals.size(), {});
  epoch_ = 0;
  forget(0);
  blocks_.clear();
  traps_.clear();
  slow_calls_.clear();
  tables_.clear();
  vector_constants_.clear();
  loop_counts_.clear();
  call_count_end_ = called_ = return_with_count_ = {};
  leave_for_loop_entry_ = {};
  loops_to_enter_.clear();
  loop_entries_.clear();
  loops_ = 0;
  branch_tables_ = 0;
  open(frame);

  a_.align(16);
  unit_.ranges.push_back({a_.position(), 0, function_index});
  a_.bind(unit_.members.at(function_index));
  make_frame_record(a_);
  count_call();
  extend_frame(a_, layout_->size);
  save_registers(Gpr::rdi, Gpr::rsi);
  take_parameters();
  zero_locals();
  zero_count();
}

/// The registers that must be preserved, and what the whole function needs.
void Translator::save_registers(Gpr instance, Gpr results) {
  for (const auto& [reg, place] : layout_->saved)
    a_.store(Width::w64, {Gpr::rbp, {}, place}, reg);
  a_.store(Width::w64, FrameLayout::instance(), instance);
  if (ArgumentPlaces::has_buffer(*type_))
    a_.store(Width::w64, FrameLayout::results(), results);
  if (needs_->pins_memory)
    a_.load(Width::w64, kMemoryBase, {instance, {}, offsetof(InstanceContext, memory_base)});
}

void make_frame_record(Assembler& code) {
  code.push(Gpr::rbp);
  code.move(Width::w64, Gpr::rbp, Gpr::rsp);
}

void begin_frame(Assembler& code, std::int32_t size) {
  make_frame_record(code);
  extend_frame(code, size);
}

void extend_frame(Assembler& code, std::int32_t size) {
  constexpr std::int32_t kPage = 4096;
  if (size < kPage) {
    code.arithmetic_constant(Arithmetic::sub, Width::w64, Gpr::rsp, size);
    return;
  }
  // Each page is touched, so that the guard below the stack cannot be stepped over.
  code.load_address(Width::w64, kScratch, {Gpr::rsp, {}, -size});
  CodeLabel next;
  code.bind(next);
  code.arithmetic_constant(Arithmetic::sub, Width::w64, Gpr::rsp, kPage);
  code.store_constant(Width::w64, {Gpr::rsp, {}, 0}, 0);
  code.arithmetic(Arithmetic::compare, Width::w64, Gpr::rsp, kScratch);
  code.jump_if(Condition::above, next);
  code.move(Width::w64, Gpr::rsp, kScratch);
}

void Translator::take_parameters() {
  // Bits above an i32 are whatever the caller left there.
  ArgumentPlaces places(*type_);
  gpr_moves_.clear();
  xmm_moves_.clear();
  std::vector<std::pair<const LocalHome*, std::int32_t>> on_stack;
  for (std::size_t i = 0; i < type_->params.size(); ++i) {
    const auto type = type_->params[i];
    const auto from = places.next(type);
    const auto& home = layout_->locals[i];
    const Address place{Gpr::rbp, {}, home.place};
    const bool is_used = needs_->locals[i] > 0;
    if (!is_used)
      continue;
    if (from.kind == ArgumentPlace::Kind::stack) {
      on_stack.emplace_back(&home, from.stack_offset);
    } else if (from.kind == ArgumentPlace::Kind::xmm) {
      if (home.in_register)
        xmm_moves_.push_back({home.xmm(), Operand::in(from.xmm()), xmm_width(type)});
      else
        a_.store(xmm_width(type), place, from.xmm());
    } else {
      if (!is_64(type))
        a_.move(Width::w32, from.gpr(), from.gpr());
      if (home.in_register)
        gpr_moves_.push_back({home.gpr(), Operand::in(from.gpr()), width_of(type)});
      else
        a_.store(Width::w64, place, from.gpr());
    }
  }
  move_xmms();
  move_gprs();
  constexpr std::int32_t kFirstOnStack = 16;  // above the frame record
  for (const auto& [home, offset] : on_stack)
    load_home(*home, {Gpr::rbp, {}, kFirstOnStack + offset});
}

/// Gives a local the value at an address.
void Translator::load_home(const LocalHome& home, const Address& from) {
  if (is_in_xmm(home.type)) {
    const auto reg = home.in_register ? home.xmm() : kScratchXmm;
    a_.load(xmm_width(home.type), reg, from);
    if (!home.in_register)
      a_.store(xmm_width(home.type), {Gpr::rbp, {}, home.place}, reg);
    return;
  }
  const auto reg = home.in_register ? home.gpr() : kScratch;
  a_.load(width_of(home.type), reg, from);
  if (!home.in_register)
    a_.store(Width::w64, {Gpr::rbp, {}, home.place}, reg);
}

void Translator::zero_locals() {
  for (std::size_t i = type_->params.size(); i < layout_->locals.size(); ++i) {
    const auto& home = layout_->locals[i];
    if (!home.in_register)
      continue;
    if (is_in_xmm(home.type))
      a_.emit({0, 1, 0x57}, Width::w32, home.reg, home.xmm());
    else
      a_.arithmetic(Arithmetic::xor_, Width::w32, home.gpr(), home.gpr());
  }
  constexpr std::uint32_t kOneByOne = 8;
  const auto count = layout_->zeroed_words;
  if (count <= kOneByOne) {
    for (std::uint32_t i = 0; i < count; ++i)
      a_.store_constant(Width::w64, {Gpr::rbp, {}, layout_->zeroed + static_cast<std::int32_t>(i * 8)}, 0);
    return;
  }
  a_.load_address(Width::w64, Gpr::rdi, {Gpr::rbp, {}, layout_->zeroed});
  a_.move_constant(Gpr::rcx, count);
  a_.arithmetic(Arithmetic::xor_, Width::w32, Gpr::rax, Gpr::rax);
  for (const std::uint8_t byte : {0xf3, 0x48, 0xab})  // rep stosq
    a_.byte(byte);
}

void Translator::emit_return() {
  if (layout_->count) {
    constexpr std::uint32_t kWorthKeeping = 256;
    const auto rounds = static_cast<std::int32_t>(std::min(kWorthKeeping, unit_.patience / 2));
    a_.arithmetic_constant(Arithmetic::compare, Width::w32, *layout_->count, rounds * count_step());
    a_.jump_if(Condition::above_equal, return_with_count_);
  }
  leave_frame();
}

void Translator::leave_frame() {
  for (const auto& [reg, place] : layout_->saved)
    a_.load(Width::w64, reg, {Gpr::rbp, {}, place});
  a_.leave();
  a_.ret();
}

/// What lies behind the code of a function: whatever is rare.
void Translator::emit_rest() {
  for (auto& call : slow_calls_) {
    offset_ = call.offset;
    a_.bind(call.enter);
    if (call.displacement != 0)
      a_.load_address(Width::w64, Gpr::rax, {Gpr::rax, {}, call.displacement});
    note_line();
    a_.call(unit_.call_thunks[wasm_.types[call.type].canonical]);
    a_.jump(call.back);
  }
  emit_call_count_end();
  if (return_with_count_.is_used())
    emit_return_with_count();
  for (auto& count : loop_counts_)
    emit_loop_count_end(count);
  for (auto& trap : traps_) {
    offset_ = trap.offset;
    a_.bind(trap.label);
    note_line();
    a_.trap(static_cast<std::uint8_t>(trap.kind));
  }
  for (auto& table : tables_) {
    a_.align(4);
    a_.bind(table.label);
    for (const auto block : table.blocks)
      a_.word(blocks_[block].label.position - table.label.position);
  }
  for (auto& [bytes, label] : vector_constants_) {
    a_.align(16);
    a_.bind(label);
    for (const auto byte : bytes)
      a_.byte(byte);
  }
  unit_.ranges.back().end = a_.position();
  if (leave_for_loop_entry_.is_used())
    emit_leaving_for_loop_entry();
  for (const auto& loop : loops_to_enter_)
    emit_loop_entry(loop);
}

Address Translator::shared_count(Gpr counts) const {
  return {counts, {}, static_cast<std::int32_t>((function_index_ - wasm_.imported_functions) * sizeof(std::uint32_t))};
}

/// One more call. The arguments are where the caller has put them; only the frame record is made.
void Translator::count_call() {
  if (unit_.patience == 0)
    return;
  a_.load(Width::w64, kScratch, {Gpr::rdi, {}, offsetof(InstanceContext, counts)});
  a_.arithmetic_constant(Arithmetic::add, Width::w32, shared_count(kScratch), count_step());
  a_.jump_if(Condition::sign, call_count_end_);
  a_.bind(called_);
}

/// Loops are counted from here on.
void Translator::zero_count() {
  if (!layout_->count)
    return;
  if (const auto& count = *layout_->count; count.is_memory)
    a_.store_constant(Width::w32, count.address, 0);
  else
    a_.emit({0, 0, 0x33}, Width::w32, count.reg, count);  // xor
}

/// If there is other code of the function, that is what runs from now on: the count stays negative, so that this one
/// comes here with each call.
void Translator::emit_call_count_end() {
  if (unit_.patience == 0)
    return;
  constexpr auto kOther = Gpr::rax;
  constexpr auto kCounts = Gpr::r10;
  const auto number = static_cast<std::int32_t>(function_index_ - wasm_.imported_functions);
  const auto native = number * static_cast<std::int32_t>(sizeof(FunctionInstance)) +
                      static_cast<std::int32_t>(offsetof(FunctionInstance, native));
  CodeLabel stay;
  offset_ = body_offset_;
  a_.bind(call_count_end_);
  a_.load(Width::w64, kCounts, {Gpr::rdi, {}, offsetof(InstanceContext, counts)});
  a_.load(Width::w64, kOther, {Gpr::rdi, {}, offsetof(InstanceContext, own_functions)});
  a_.load(Width::w64, kOther, {kOther, {}, native});
  a_.load_label(kScratch, unit_.members.at(function_index_));
  a_.arithmetic(Arithmetic::compare, Width::w64, kOther, kScratch);
  a_.jump_if(Condition::equal, stay);
  a_.test(Width::w64, kOther, kOther);
  a_.jump_if(Condition::equal, stay);
  a_.store_constant(Width::w32, shared_count(kCounts), std::numeric_limits<std::int32_t>::min());
  a_.pop(Gpr::rbp);
  a_.jump(Place(kOther));
  a_.bind(stay);
  a_.store_constant(Width::w32, shared_count(kCounts), 0);
  a_.move_constant(Gpr::rax, function_index_);
  note_line();
  a_.call(unit_.count_thunk);
  a_.jump(called_);
}

/// Loops that went round often count as calls, unless there is other code.
void Translator::emit_return_with_count() {
  CodeLabel done;
  a_.bind(return_with_count_);
  a_.load(Width::w64, kScratch, FrameLayout::instance());
  a_.load(Width::w64, kScratch, {kScratch, {}, offsetof(InstanceContext, counts)});
  a_.arithmetic_constant(Arithmetic::compare, Width::w32, shared_count(kScratch), 0);
  a_.jump_if(Condition::sign, done);
  auto count = number(Gpr::rcx);
  if (layout_->count->is_memory)
    a_.load(Width::w32, Gpr::rcx, layout_->count->address);
  else
    count = layout_->count->reg;
  a_.emit({0, 0, 0x01}, Width::w32, count, shared_count(kScratch));  // add
  a_.bind(done);
  leave_frame();
}

/// One more time round a loop, whose operands are in their places.
void Translator::count_loop(std::uint32_t loop) {
  if (unit_.patience == 0)
    return;
  auto& place = loop_counts_.emplace_back();
  place.loop = loop;
  place.operands = stack_->size();
  place.offset = offset_;
  a_.arithmetic_constant(Arithmetic::add, Width::w32, *layout_->count, count_step());
  a_.jump_if(Condition::sign, place.enter);
  a_.bind(place.back);
}

void Translator::emit_loop_count_end(LoopCount& count) {
  offset_ = count.offset;
  a_.bind(count.enter);
  save_volatile_locals();
  a_.move_constant(Gpr::rdx, count.loop);
  a_.move_constant(Gpr::rsi, function_index_);
  call_through_instance(NativeHelper::is_hot);
  load_volatile_locals();
  zero_count();
  if (needs_->has_vectors && count.operands > 0) {  // which may be vectors, and take two words in the other's frame
    a_.jump(count.back);
    return;
  }
  a_.test(Width::w64, Gpr::rax, Gpr::rax);
  a_.jump_if(Condition::equal, count.back);
  a_.move_constant(Gpr::rcx, count.operands);
  a_.jump(leave_for_loop_entry_);
}

/// Better code goes on at a loop: its LoopEntry is in rax, the number of operands on the stack in rcx. It returns when
/// the function does. This is no code of the function, so that backtraces show it once.
void Translator::emit_leaving_for_loop_entry() {
  const auto window = std::max({slot_bytes(type_->params), slot_bytes(type_->results), 8});
  std::int32_t others = 0;
  for (std::size_t i = type_->params.size(); i < layout_->locals.size(); ++i)
    others += slot_bytes(layout_->locals[i].type);
  const auto bytes = (window + others + static_cast<std::int32_t>(needs_->operands * 8) + 15) / 16 * 16;
  a_.align(16);
  unit_.ranges.push_back({a_.position(), 0, Range::kNone});
  a_.bind(leave_for_loop_entry_);
  extend_frame(a_, bytes);
  store_frame(window, others);
  a_.load_address(Width::w64, Gpr::rdi, {Gpr::rsp, {}, window});
  a_.load(Width::w64, Gpr::rsi, FrameLayout::instance());
  a_.move(Width::w64, Gpr::rdx, Gpr::rsp);
  a_.call(Place(Gpr::rax));
  if (type_->results.size() == 1 && is_in_xmm(type_->results[0]))
    a_.load(xmm_width(type_->results[0]), Xmm{0}, {Gpr::rsp, {}, 0});
  else if (type_->results.size() == 1)
    a_.load(Width::w64, Gpr::rax, {Gpr::rsp, {}, 0});
  const auto in_buffer = ArgumentPlaces::has_buffer(*type_) ? slot_bytes(type_->results) : 0;
  for (std::int32_t slot = 0; slot < in_buffer; slot += 8) {
    a_.load(Width::w64, Gpr::rcx, FrameLayout::results());
    a_.load(Width::w64, kScratch, {Gpr::rsp, {}, slot});
    a_.store(Width::w64, {Gpr::rcx, {}, slot}, kScratch);
  }
  leave_frame();
  unit_.ranges.back().end = a_.position();
}

/// Puts what a LoopEntry takes over above rsp: parameters, behind them at `window` the `others` bytes of the other
/// locals, and the operands, of which there are as many as rcx says.
void Translator::store_frame(std::int32_t window, std::int32_t others) {
  std::int32_t slot = 0;
  for (std::size_t i = 0; i < layout_->locals.size(); ++i) {
    if (i == type_->params.size())
      slot = window;
    const auto type = layout_->locals[i].type;
    if (needs_->locals[i] > 0)
      store_in_frame({Gpr::rsp, {}, slot}, {.kind = Kind::local, .index = static_cast<std::uint32_t>(i)}, type);
    slot += slot_bytes(type);
  }
  CodeLabel next, done;
  a_.load_address(Width::w64, Gpr::rsi, layout_->operand(0));
  a_.load_address(Width::w64, Gpr::rdi, {Gpr::rsp, {}, window + others});
  a_.test(Width::w64, Gpr::rcx, Gpr::rcx);
  a_.jump_if(Condition::equal, done);
  a_.bind(next);
  a_.load(Width::w64, kScratch, {Gpr::rsi, {}, 0});
  a_.store(Width::w64, {Gpr::rdi, {}, 0}, kScratch);
  a_.arithmetic_constant(Arithmetic::sub, Width::w64, Gpr::rsi, 8);
  a_.arithmetic_constant(Arithmetic::add, Width::w64, Gpr::rdi, 8);
  a_.arithmetic_constant(Arithmetic::sub, Width::w64, Gpr::rcx, 1);
  a_.jump_if(Condition::not_equal, next);
  a_.bind(done);
}

/// A LoopEntry calls a second beginning of the function, which makes the same frame and goes on in the loop; so what
/// returns there returns as always.
void Translator::emit_loop_entry(const WantedLoop& loop) {
  CodeLabel inner;
  a_.align(16);
  loop_entries_[loop.number] = a_.position();
  unit_.ranges.push_back({a_.position(), 0, Range::kNone});
  constexpr std::int32_t kSaved = 16;
  const Address saved{Gpr::rbp, {}, -8};
  begin_frame(a_, kSaved);
  a_.store(Width::w64, saved, Gpr::rbx);
  a_.move(Width::w64, Gpr::rbx, Gpr::rdx);
  a_.call(inner);
  if (const auto& results = type_->results; results.size() == 1)
    store_result(a_, results[0], {Gpr::rbx, {}, 0});
  a_.load(Width::w64, Gpr::rbx, saved);
  a_.leave();
  a_.ret();
  unit_.ranges.back().end = a_.position();

  unit_.ranges.push_back({a_.position(), 0, function_index_});
  a_.bind(inner);
  begin_frame(a_, layout_->size);
  save_registers(Gpr::rsi, Gpr::rdx);
  load_frame(loop);
  zero_count();
  a_.jump(blocks_[loop.block].label);
  unit_.ranges.back().end = a_.position();
}

/// From the window at rdx and the frame at rdi, which lacks what is constant: the interpreter's constants are also
/// here.
void Translator::load_frame(const WantedLoop& loop) {
  std::int32_t slot = 0;
  for (std::size_t i = 0; i < layout_->locals.size(); ++i) {
    if (i == type_->params.size())
      slot = 0;
    const auto base = i < type_->params.size() ? Gpr::rdx : Gpr::rdi;
    if (needs_->locals[i] > 0)
      load_home(layout_->locals[i], {base, {}, slot});
    slot += slot_bytes(layout_->locals[i].type);
  }
  if (layout_->locals.size() == type_->params.size())
    slot = 0;
  for (std::size_t height = 0; height < loop.operands.size(); ++height) {
    const auto type = loop.operands[height];
    const Address from{Gpr::rdi, {}, slot};
    slot += slot_bytes(type);
    if (loop.constants[height])
      continue;
    if (type.is_vector()) {
      a_.load(XmmWidth::w128, kScratchXmm, from);
      a_.store(XmmWidth::w128, layout_->operand(height), kScratchXmm);
    } else {
      a_.load(width_of(type), kScratch, from);
      a_.store(Width::w64, layout_->operand(height), kScratch);
    }
  }
}

void store_result(Assembler& code, ValueType type, Address to) {
  if (!is_in_xmm(type)) {
    if (!is_64(type))
      code.move(Width::w32, Gpr::rax, Gpr::rax);
    code.store(Width::w64, to, Gpr::rax);
    return;
  }
  code.store(xmm_width(type), to, Xmm{0});
  if (!is_64(type)) {
    to.displacement += 4;
    code.store_constant(Width::w32, to, 0);
  }
}

}  // namespace wzrun::baseline
