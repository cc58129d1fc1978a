#include "baseline/translator.h"

#include "runtime/instance.h"

#include <cstddef>

// Calls.
namespace wzrun::baseline {

using runtime::FunctionInstance;
using runtime::InstanceContext;

// Moves that all happen at once.

template <typename AnyMove>
void Translator::move_all(std::vector<AnyMove>& moves, const AnyMove& to_scratch) {
  while (!moves.empty()) {
    const auto free = std::ranges::find_if(moves, [&](const auto& move) {
      return std::ranges::none_of(moves,
                                  [&](const auto& other) { return &other != &move && is_in(other.from, move.to); });
    });
    if (free != moves.end()) {
      load_into(free->to, free->from, free->width);
      moves.erase(free);
      continue;
    }
    // All that are left go round in circles: one of the registers is freed by way of the scratch register.
    const auto freed = moves.front().to;
    load_into(to_scratch.to, Operand::in(freed), to_scratch.width);
    for (auto& move : moves)
      if (is_in(move.from, freed))
        move.from = Operand::in(to_scratch.to);
  }
}

void Translator::move_gprs() { move_all(gpr_moves_, {kScratch, {}, Width::w64}); }

void Translator::move_xmms() { move_all(xmm_moves_, {kScratchXmm, {}, XmmWidth::w128}); }

void Translator::save_volatile_locals() {
  for (const auto index : layout_->volatile_locals) {
    const auto& home = layout_->locals[index];
    const Address place{Gpr::rbp, {}, home.place};
    if (is_in_xmm(home.type))
      a_.store(xmm_width(home.type), place, home.xmm());
    else
      a_.store(Width::w64, place, home.gpr());
  }
}

void Translator::load_volatile_locals() {
  for (const auto index : layout_->volatile_locals) {
    const auto& home = layout_->locals[index];
    load_home(home, {Gpr::rbp, {}, home.place});
  }
}

void Translator::spill_all_below(std::size_t height) {
  for (unsigned reg = 0; reg < gpr_owners_.size(); ++reg) {
    if (used_gprs_.contains(reg) && gpr_owners_[reg] < height)
      spill_gpr(reg);
    if (used_xmms_.contains(reg) && xmm_owners_[reg] < height)
      spill_xmm(reg);
  }
}

void Translator::prepare_call(const wasm::FunctionType& type, const Operand* function) {
  const auto arguments = stack_->last(type.params.size());
  spill_all_below(stack_->size() - arguments.size());
  save_volatile_locals();
  gpr_moves_.clear();
  xmm_moves_.clear();
  ArgumentPlaces places(type);
  for (const auto& [argument_type, operand] : arguments) {
    take(operand);
    const auto to = places.next(argument_type);
    if (to.kind == ArgumentPlace::Kind::stack)
      store_in_frame({Gpr::rsp, {}, to.stack_offset}, operand, argument_type);
    else if (to.kind == ArgumentPlace::Kind::xmm)
      xmm_moves_.push_back({to.xmm(), operand, xmm_width(argument_type)});
    else
      gpr_moves_.push_back({to.gpr(), operand, width_of(argument_type)});
  }
  if (function != nullptr)
    gpr_moves_.push_back({Gpr::rax, *function, Width::w64});
  move_xmms();
  move_gprs();
  if (ArgumentPlaces::has_buffer(type))
    a_.load_address(Width::w64, Gpr::rsi, {Gpr::rbp, {}, layout_->call_results});
  a_.load(Width::w64, Gpr::rdi, FrameLayout::instance());
}

void Translator::finish_call(const wasm::FunctionType& type) {
  used_gprs_.clear();
  used_xmms_.clear();
  load_volatile_locals();
  callee_type_ = &type;
}

Operand Translator::call_result(std::size_t index) {
  const auto& results = callee_type_->results;
  const auto type = results[index];
  if (results.size() == 1) {
    if (is_in_xmm(type))
      return result(Xmm{0});
    if (!is_64(type))
      a_.move(Width::w32, Gpr::rax, Gpr::rax);
    return result(Gpr::rax);
  }
  const auto height = stack_->size();
  const auto offset = slot_bytes(std::span(results).first(index));
  const Address from{Gpr::rbp, {}, layout_->call_results + offset};
  if (is_in_xmm(type)) {
    a_.load(xmm_width(type), kScratchXmm, from);
    a_.store(xmm_width(type), layout_->operand(height), kScratchXmm);
  } else {
    a_.load(width_of(type), kScratch, from);
    a_.store(Width::w64, layout_->operand(height), kScratch);
  }
  return Operand::slot(height);
}

void Translator::call_instance(std::uint32_t type_index, std::int32_t displacement, bool is_own) {
  const auto at = [&](std::size_t field) {
    return Address{Gpr::rax, {}, displacement + static_cast<std::int32_t>(field)};
  };
  auto& slow = slow_calls_.emplace_back(CodeLabel{}, CodeLabel{}, type_index, displacement, offset_);
  a_.load(Width::w64, kScratch, at(offsetof(FunctionInstance, native)));
  a_.test(Width::w64, kScratch, kScratch);
  a_.jump_if(Condition::equal, slow.enter);
  if (!is_own)
    a_.load(Width::w64, Gpr::rdi, at(offsetof(FunctionInstance, instance)));
  note_line();
  a_.call(Place(kScratch));
  a_.bind(slow.back);
}

void Translator::call(std::uint32_t function_index, const wasm::FunctionType& type) {
  prepare_call(type, nullptr);
  const auto type_index = wasm_.functions[function_index].type_index;
  if (const auto member = unit_.members.find(function_index); member != unit_.members.end()) {
    note_line();
    a_.call(member->second);
  } else if (function_index < wasm_.imported_functions) {
    a_.load(Width::w64, Gpr::rax, {Gpr::rdi, {}, offsetof(InstanceContext, imported_functions)});
    a_.load(Width::w64, Gpr::rax, {Gpr::rax, {}, static_cast<std::int32_t>(function_index * sizeof(void*))});
    call_instance(type_index, 0, false);
  } else {
    a_.load(Width::w64, Gpr::rax, {Gpr::rdi, {}, offsetof(InstanceContext, own_functions)});
    const auto number = function_index - wasm_.imported_functions;
    call_instance(type_index, static_cast<std::int32_t>(number * sizeof(FunctionInstance)), true);
  }
  finish_call(type);
}

void Translator::call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index) {
  take(index);
  const auto reg = own(index, width_of(wasm_.tables[table].type.limits.is_64));
  check_element(table, reg, TrapKind::undefined_element);
  a_.load(Width::w64, reg, {kScratch, reg, 0, 3});
  a_.test(Width::w64, reg, reg);
  trap_if(Condition::equal, TrapKind::uninitialized_element);
  a_.load(Width::w64, kScratch, FrameLayout::instance());
  a_.load(Width::w64, kScratch, {kScratch, {}, offsetof(InstanceContext, type_ids)});
  a_.load(Width::w32, kScratch, {kScratch, {}, static_cast<std::int32_t>(type_index * sizeof(std::uint32_t))});
  a_.arithmetic(Arithmetic::compare, Width::w32, kScratch, Address{reg, {}, offsetof(FunctionInstance, type_id)});
  trap_if(Condition::not_equal, TrapKind::indirect_call_type_mismatch);
  const auto& type = wasm_.types[type_index].function;
  prepare_call(type, &index);
  call_instance(type_index, 0, false);
  finish_call(type);
}

void Translator::call_ref(std::uint32_t type_index, Operand function) {
  take(function);
  const auto reg = gpr(function, Width::w64);
  a_.test(Width::w64, reg, reg);
  trap_if(Condition::equal, TrapKind::null_function_reference);
  const auto& type = wasm_.types[type_index].function;
  prepare_call(type, &function);
  call_instance(type_index, 0, false);
  finish_call(type);
}

void Translator::call_through_instance(NativeHelper helper) {
  a_.load(Width::w64, Gpr::rdi, FrameLayout::instance());
  a_.load(Width::w64, kScratch, {Gpr::rdi, {}, offsetof(InstanceContext, helpers)});
  note_line();
  a_.call(Address{kScratch, {}, static_cast<std::int32_t>(static_cast<std::size_t>(helper) * sizeof(void*))});
}

void Translator::call_helper(NativeHelper helper, std::initializer_list<HelperArgument> arguments) {
  spill_all_below(stack_->size());
  save_volatile_locals();
  gpr_moves_.clear();
  std::size_t number = 1;
  for (const auto& [operand, width] : arguments) {
    take(operand);
    gpr_moves_.push_back({kArgumentGprs[number++], operand, width});
  }
  move_gprs();
  call_through_instance(helper);
  used_gprs_.clear();
  used_xmms_.clear();
  load_volatile_locals();
}

}  // namespace wzrun::baseline
