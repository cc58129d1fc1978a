#include "codegen/lowering.h"

#include "runtime/instance.h"

#include <llvm/IR/Module.h>

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <utility>

// Blocks, branches, traps and calls.
namespace wzrun::codegen {

using runtime::FunctionInstance;
using runtime::InstanceContext;
using runtime::NativeHelper;
using wasm::FrameKind;
using Value = llvm::Value;
using Storage = ModuleLowering::Storage;

// Traps.

void Lowering::trap(TrapKind kind) {
  auto* const call = b_.CreateIntrinsic(llvm::Intrinsic::ubsantrap, {}, {b_.getInt8(static_cast<std::uint8_t>(kind))});
  call->addFnAttr(llvm::Attribute::NoMerge);  // each has a place of its own
  placed(call);
  b_.CreateUnreachable();
}

void Lowering::trap_if(Value* condition, TrapKind kind) {
  if (const auto* const constant = llvm::dyn_cast<llvm::ConstantInt>(condition);
      constant != nullptr && constant->isZero())
    return;
  auto* const trapping = new_block();
  auto* const next = new_block();
  b_.CreateCondBr(condition, trapping, next, m_.unlikely);
  b_.SetInsertPoint(trapping);
  trap(kind);
  b_.SetInsertPoint(next);
}

void Lowering::unreachable() { trap(TrapKind::unreachable); }

// Blocks.

void Lowering::open(Frame& frame) {
  keep_operands();
  frame.label.block = static_cast<std::uint32_t>(blocks_.size());
  blocks_.emplace_back();
}

void Lowering::block(Frame& frame) { open(frame); }

llvm::BasicBlock* Lowering::target_of(Frame& frame) {
  auto& block = block_of(frame);
  if (block.target != nullptr)
    return block.target;
  block.target = new_block();
  for (const auto type : frame.label_types())
    block.carried.push_back(llvm::PHINode::Create(m_.type(type), 2, "", block.target));
  return block.target;
}

void Lowering::carry(Frame& frame) {
  target_of(frame);
  auto& carried = block_of(frame).carried;
  const auto values = stack_->last(carried.size());
  for (std::size_t i = 0; i < carried.size(); ++i)
    carried[i]->addIncoming(canonical(values[i].operand), b_.GetInsertBlock());
}

void Lowering::loop(Frame& frame) {
  open(frame);
  if (entered_loop_ == loops_++)
    join_entry(frame.height);
  auto* const header = target_of(frame);
  carry(frame);
  b_.CreateBr(header);
  b_.SetInsertPoint(header);
  reload_operands(frame.height);
  const auto& carried = block_of(frame).carried;
  for (std::size_t i = 0; i < carried.size(); ++i)
    (*stack_)[frame.height + i].operand = {carried[i]};
}

void Lowering::if_(Frame& frame, Operand condition) {
  open(frame);
  auto& block = block_of(frame);
  for (const auto& entry : stack_->last(frame.type.params.size()))
    block.params.push_back({canonical(entry.operand)});
  auto* const then = new_block();
  block.otherwise = new_block();
  b_.CreateCondBr(b_.CreateIsNotNull(condition), then, block.otherwise);
  b_.SetInsertPoint(then);
}

/// The arm before ends: it goes to the end of the block.
void Lowering::finish_arm(Frame& frame, bool fallthrough_live) {
  if (!fallthrough_live)
    return;
  carry(frame);
  b_.CreateBr(target_of(frame));
}

void Lowering::else_(Frame& frame, bool fallthrough_live) {
  finish_arm(frame, fallthrough_live);
  b_.SetInsertPoint(block_of(frame).otherwise);
  reload_operands(frame.height);
}

Lowering::Operand Lowering::param(Frame& frame, std::size_t index) { return block_of(frame).params[index]; }

void Lowering::end(Frame& frame, bool fallthrough_live) {
  if (frame.kind == FrameKind::function) {
    if (fallthrough_live)
      return_();
    results_.assign(frame.type.results.size(), {});  // asked for, not used
    return;
  }
  const auto keep_top = [&] {
    results_.clear();
    for (const auto& entry : stack_->last(frame.type.results.size()))
      results_.push_back(entry.operand);
  };
  if (frame.kind == FrameKind::loop) {
    if (fallthrough_live)
      keep_top();
    reload_operands(frame.height);
    return;
  }
  if (frame.kind == FrameKind::if_) {  // without an else: its parameters are its results
    finish_arm(frame, fallthrough_live);
    auto* const target = target_of(frame);
    auto& block = block_of(frame);
    b_.SetInsertPoint(block.otherwise);
    for (std::size_t i = 0; i < block.carried.size(); ++i)
      block.carried[i]->addIncoming(block.params[i], block.otherwise);
    b_.CreateBr(target);
  } else if (block_of(frame).target == nullptr) {
    if (fallthrough_live)
      keep_top();
    reload_operands(frame.height);
    return;
  } else {
    finish_arm(frame, fallthrough_live);
  }
  auto& block = block_of(frame);
  b_.SetInsertPoint(block.target);
  reload_operands(frame.height);
  results_.clear();
  for (auto* const value : block.carried)
    results_.push_back({value});
}

// Branches.

void Lowering::br(Frame& frame) {
  if (frame.kind == FrameKind::function) {
    return_();
    return;
  }
  carry(frame);
  b_.CreateBr(target_of(frame));
}

void Lowering::br_if(Frame& frame, Operand condition) {
  auto* const holds = b_.CreateIsNotNull(condition);
  auto* const next = new_block();
  if (frame.kind == FrameKind::function) {
    auto* const leaving = new_block();
    b_.CreateCondBr(holds, leaving, next);
    b_.SetInsertPoint(leaving);
    return_();
  } else {
    carry(frame);
    b_.CreateCondBr(holds, target_of(frame), next);
  }
  b_.SetInsertPoint(next);
}

void Lowering::br_table(std::span<Frame* const> targets, Operand index) {
  auto* const from = b_.GetInsertBlock();
  // A target that takes values gets one landing for all its arms: a block has one phi entry for each edge.
  llvm::SmallDenseMap<Frame*, llvm::BasicBlock*, 8> landings;
  const auto landing = [&](Frame* frame) {
    auto& place = landings[frame];
    if (place == nullptr) {
      if (frame->kind != FrameKind::function && frame->label_types().empty()) {
        place = target_of(*frame);
      } else {
        place = new_block();
        b_.SetInsertPoint(place);
        br(*frame);
      }
    }
    return place;
  };
  auto* const otherwise = landing(targets.back());
  llvm::SmallVector<llvm::BasicBlock*, 16> arms;
  for (auto* const target : targets.first(targets.size() - 1))
    arms.push_back(landing(target));
  b_.SetInsertPoint(from);
  auto* const branch = b_.CreateSwitch(index, otherwise, static_cast<unsigned>(arms.size()));
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (arms[i] != otherwise)
      branch->addCase(b_.getInt32(static_cast<std::uint32_t>(i)), arms[i]);
}

void Lowering::return_() {
  llvm::SmallVector<Value*, 4> values;
  for (const auto& entry : stack_->last(result_types_.size()))
    values.push_back(canonical(entry.operand));
  return_values(values);
}

/// Returns what the last call returned.
void Lowering::return_results() {
  llvm::SmallVector<Value*, 4> values;
  for (const auto& result : results_)
    values.push_back(canonical(result));
  return_values(values);
}

void Lowering::return_values(llvm::ArrayRef<Value*> values) {
  if (!values.empty() && results_buffer_ == nullptr) {
    b_.CreateRet(values[0]);
    return;
  }
  std::uint64_t slot = 0;
  for (auto* value : values) {
    if (value->getType()->isFloatTy())
      value = b_.CreateBitCast(value, b_.getInt32Ty());
    if (value->getType()->isIntegerTy(32))
      value = wide(value);
    b_.CreateAlignedStore(value, at_offset(results_buffer_, slot * 8), llvm::Align(8));
    slot += value->getType()->isVectorTy() ? 2 : 1;
  }
  b_.CreateRetVoid();
}

Lowering::Operand Lowering::br_on_null(Frame& frame, Operand reference) {
  br_if(frame, {b_.CreateIsNull(reference)});
  return reference;
}

void Lowering::br_on_non_null(Frame& frame, Operand reference) { br_if(frame, {b_.CreateIsNotNull(reference)}); }

// Calls.

llvm::SmallVector<Value*, 8> Lowering::arguments_of(const wasm::FunctionType& type, Value* first) {
  llvm::SmallVector<Value*, 8> arguments{first};
  for (const auto& entry : stack_->last(type.params.size()))
    arguments.push_back(canonical(entry.operand));
  return arguments;
}

/// Where the callee puts its results, if there are several.
Value* Lowering::results_buffer(const wasm::FunctionType& type) {
  auto& entry = function_->getEntryBlock();
  llvm::IRBuilder<> at_entry(&entry, entry.begin());
  const auto slots = runtime::slot_count(type.results);
  return at_entry.CreateAlloca(llvm::ArrayType::get(b_.getInt64Ty(), slots));
}

void Lowering::take_results(const wasm::FunctionType& type, llvm::CallInst* call, Value* buffer) {
  results_.clear();
  if (type.results.size() == 1)
    results_.push_back({call});
  if (type.results.size() < 2)
    return;
  std::uint64_t slot = 0;
  for (const auto result : type.results) {
    results_.push_back({b_.CreateAlignedLoad(m_.type(result), at_offset(buffer, slot * 8), llvm::Align(8))});
    slot += result.is_vector() ? 2 : 1;
  }
}

namespace {

llvm::CallInst* create_call(llvm::IRBuilder<>& b, llvm::FunctionType* type, Value* callee,
                            llvm::ArrayRef<Value*> arguments, llvm::CallingConv::ID convention) {
  auto* const call = b.CreateCall(type, callee, arguments);
  call->setCallingConv(convention);
  call->setDoesNotThrow();
  return call;
}

}  // namespace

Value* Lowering::own_function(std::uint32_t function_index) {
  auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, own_functions));
  return at_offset(list, (function_index - m_.wasm.imported_functions) * sizeof(FunctionInstance));
}

void Lowering::call_outside(const wasm::FunctionType& type, std::uint32_t type_index, Value* function) {
  auto arguments = arguments_of(type, instance());
  arguments.insert(arguments.begin() + 1, function);
  auto* const buffer = type.results.size() > 1 ? results_buffer(type) : nullptr;
  if (buffer != nullptr)
    arguments.insert(arguments.begin() + 2, buffer);
  auto* const thunk = m_.call_thunk(type_index);
  take_results(type, placed(create_call(b_, thunk->getFunctionType(), thunk, arguments, m_.convention())), buffer);
}

void Lowering::call(std::uint32_t function_index, const wasm::FunctionType& type) {
  if (function_index < m_.wasm.imported_functions) {
    auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, imported_functions));
    auto* const function = constant_load(b_.getPtrTy(), list, function_index * sizeof(void*));
    call_outside(type, m_.wasm.functions[function_index].type_index, function);
    return;
  }
  if (!m_.is_member(function_index)) {
    call_instance(type, m_.wasm.functions[function_index].type_index, own_function(function_index), instance());
    return;
  }
  auto arguments = arguments_of(type, instance());
  auto* const buffer = type.results.size() > 1 ? results_buffer(type) : nullptr;
  if (buffer != nullptr)
    arguments.insert(arguments.begin() + 1, buffer);
  auto* const callee = m_.function(function_index);
  take_results(type, placed(create_call(b_, callee->getFunctionType(), callee, arguments, m_.convention())), buffer);
}

Value* Lowering::resolve_indirect(std::uint32_t table, std::uint32_t type_index, Value* index) {
  auto* const slot = table_slot(table, index, TrapKind::undefined_element);
  auto* const function = m_.in(Storage::table, b_.CreateLoad(b_.getPtrTy(), slot));
  trap_if(b_.CreateIsNull(function), TrapKind::uninitialized_element);
  auto* const ids = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, type_ids));
  auto* const wanted = constant_load(b_.getInt32Ty(), ids, type_index * sizeof(std::uint32_t));
  auto* const actual = constant_load(b_.getInt32Ty(), function, offsetof(FunctionInstance, type_id));
  auto* const differs = b_.CreateICmpNE(actual, wanted);
  if (m_.wasm.types[type_index].is_final) {
    trap_if(differs, TrapKind::indirect_call_type_mismatch);
    return function;
  }
  auto* const look = new_block();
  auto* const next = new_block();
  b_.CreateCondBr(differs, look, next, m_.unlikely);
  b_.SetInsertPoint(look);
  auto* const has_type = call_helper(NativeHelper::has_type, {function, wide(wanted)}, b_.getInt64Ty());
  trap_if(b_.CreateIsNull(has_type), TrapKind::indirect_call_type_mismatch);
  b_.CreateBr(next);
  b_.SetInsertPoint(next);
  return function;
}

/// Compiled functions are entered at once; the thunk sees to the others.
void Lowering::call_instance(const wasm::FunctionType& type, std::uint32_t type_index, Value* function, Value* callee) {
  auto* const native = instance_load(b_.getPtrTy(), function, offsetof(FunctionInstance, native));
  auto* const buffer = type.results.size() > 1 ? results_buffer(type) : nullptr;
  auto arguments = arguments_of(type, callee);  // for both ways
  if (buffer != nullptr)
    arguments.insert(arguments.begin() + 1, buffer);
  auto* const other = new_block();
  auto* const here = new_block();
  auto* const next = new_block();
  b_.CreateCondBr(b_.CreateIsNull(native), other, here, m_.unlikely);

  b_.SetInsertPoint(here);
  auto* const direct = placed(create_call(b_, m_.type(type), native, arguments, kNativeConvention));
  b_.CreateBr(next);
  auto* const direct_end = b_.GetInsertBlock();

  b_.SetInsertPoint(other);
  arguments[0] = instance();
  arguments.insert(arguments.begin() + 1, function);
  auto* const thunk = m_.call_thunk(type_index);
  auto* const outside = placed(create_call(b_, thunk->getFunctionType(), thunk, arguments, m_.convention()));
  b_.CreateBr(next);

  b_.SetInsertPoint(next);
  results_.clear();
  if (type.results.size() == 1) {
    auto* const result = b_.CreatePHI(direct->getType(), 2);
    result->addIncoming(direct, direct_end);
    result->addIncoming(outside, other);
    results_.push_back({result});
  } else {
    take_results(type, nullptr, buffer);
  }
}

void Lowering::call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index) {
  call_reference(type_index, resolve_indirect(table, type_index, index));
}

void Lowering::call_ref(std::uint32_t type_index, Operand function) {
  trap_if(b_.CreateIsNull(function), TrapKind::null_function_reference);
  call_reference(type_index, function);
}

/// The function may be another instance's.
void Lowering::call_reference(std::uint32_t type_index, Value* function) {
  auto* const callee = constant_load(b_.getPtrTy(), function, offsetof(FunctionInstance, instance));
  call_instance(m_.wasm.types[type_index].function, type_index, function, callee);
}

void Lowering::emit_tail_call(llvm::FunctionType* type, Value* callee, llvm::ArrayRef<Value*> arguments) {
  auto* const call = placed(create_call(b_, type, callee, arguments, llvm::CallingConv::Tail));
  call->setTailCallKind(llvm::CallInst::TCK_MustTail);
  if (type->getReturnType()->isVoidTy())
    b_.CreateRetVoid();
  else
    b_.CreateRet(call);
}

void Lowering::return_call(std::uint32_t function_index, const wasm::FunctionType& type) {
  if (entry_ != nullptr) {  // not a function like the others: this one frame stays
    call(function_index, type);
    return_results();
    return;
  }
  if (function_index < m_.wasm.imported_functions) {
    auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, imported_functions));
    auto* const function = constant_load(b_.getPtrTy(), list, function_index * sizeof(void*));
    return_call_instance(type, m_.wasm.functions[function_index].type_index, function);
    return;
  }
  if (!m_.is_member(function_index)) {
    return_call_instance(type, m_.wasm.functions[function_index].type_index, ref_func(function_index));
    return;
  }
  auto arguments = arguments_of(type, instance());
  if (results_buffer_ != nullptr)
    arguments.insert(arguments.begin() + 1, results_buffer_);
  auto* const callee = m_.function(function_index);
  emit_tail_call(callee->getFunctionType(), callee, arguments);
}

/// What makes no tail calls itself is called in the ordinary way: it needs this one frame more, and its traps name it.
void Lowering::return_call_instance(const wasm::FunctionType& type, std::uint32_t type_index, Value* function) {
  if (entry_ != nullptr) {
    call_reference(type_index, function);
    return_results();
    return;
  }
  auto* const tail = instance_load(b_.getPtrTy(), function, offsetof(FunctionInstance, tail));
  auto* const callee = constant_load(b_.getPtrTy(), function, offsetof(FunctionInstance, instance));
  auto arguments = arguments_of(type, callee);  // for both ways
  if (results_buffer_ != nullptr)
    arguments.insert(arguments.begin() + 1, results_buffer_);
  auto* const other = new_block();
  auto* const here = new_block();
  b_.CreateCondBr(b_.CreateIsNull(tail), other, here, m_.unlikely);
  b_.SetInsertPoint(here);
  emit_tail_call(m_.type(type), tail, arguments);
  b_.SetInsertPoint(other);
  arguments[0] = instance();
  arguments.insert(arguments.begin() + 1, function);
  auto* const thunk = m_.call_thunk(type_index);
  auto* const call = placed(create_call(b_, thunk->getFunctionType(), thunk, arguments, m_.convention()));
  if (call->getType()->isVoidTy())
    b_.CreateRetVoid();
  else
    b_.CreateRet(call);
}

void Lowering::return_call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index) {
  return_call_instance(m_.wasm.types[type_index].function, type_index, resolve_indirect(table, type_index, index));
}

void Lowering::return_call_ref(std::uint32_t type_index, Operand function) {
  trap_if(b_.CreateIsNull(function), TrapKind::null_function_reference);
  return_call_instance(m_.wasm.types[type_index].function, type_index, function);
}

}  // namespace wzrun::codegen
