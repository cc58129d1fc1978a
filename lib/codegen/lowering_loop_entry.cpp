#include "codegen/lowering.h"

#include <cstddef>

// Functions whose first instruction is a loop's: the interpreter hands its frame over.
namespace wzrun::codegen {

using Value = llvm::Value;

Value* Lowering::load_slot(ValueType type, Value* slots, std::uint64_t slot) {
  return b_.CreateAlignedLoad(m_.type(type), at_offset(slots, slot * sizeof(std::uint64_t)), llvm::Align(8));
}

void Lowering::begin_at_loop(std::span<const ValueType> locals, const wasm::FunctionType& type) {
  entry_ = b_.GetInsertBlock();
  entry_frame_ = function_->getArg(0);
  entry_operands_ = 0;
  std::uint64_t param = 0;
  for (std::size_t i = 0; i < locals.size(); ++i) {
    const bool is_param = i < type.params.size();
    auto& slot = is_param ? param : entry_operands_;
    b_.CreateStore(load_slot(locals[i], is_param ? results_buffer_ : entry_frame_, slot), locals_[i].variable);
    slot += locals[i].is_vector() ? 2 : 1;
  }
  b_.SetInsertPoint(new_block());
}

llvm::AllocaInst* Lowering::operand_home(std::size_t index) {
  auto* const type = m_.type((*stack_)[index].type);
  auto*& home = operand_homes_[{index, type}];
  if (home == nullptr) {
    auto& block = function_->getEntryBlock();
    home = llvm::IRBuilder<>(&block, block.begin()).CreateAlloca(type);
  }
  return home;
}

bool Lowering::is_constant_operand(std::size_t index) const {
  return llvm::isa<llvm::Constant>((*stack_)[index].operand.value);
}

void Lowering::keep_operands() {
  if (entry_ == nullptr)
    return;
  for (std::size_t i = 0; i < stack_->size(); ++i)
    if (!is_constant_operand(i))
      b_.CreateStore(canonical((*stack_)[i].operand), operand_home(i));
}

void Lowering::reload_operands(std::size_t count) {
  if (entry_ == nullptr || b_.GetInsertBlock()->getTerminator() != nullptr)
    return;
  for (std::size_t i = 0; i < count; ++i)
    if (!is_constant_operand(i))
      (*stack_)[i].operand = {b_.CreateLoad(m_.type((*stack_)[i].type), operand_home(i))};
}

void Lowering::join_entry(std::size_t first_parameter) {
  entered_loop_.reset();
  // A constant below the loop is what it always is; the loop's parameters change from one time round to the next.
  for (auto i = first_parameter; i < stack_->size(); ++i)
    b_.CreateStore(canonical((*stack_)[i].operand), operand_home(i));
  auto* const joined = new_block();
  b_.CreateBr(joined);
  b_.SetInsertPoint(entry_);
  auto slot = entry_operands_;
  for (std::size_t i = 0; i < stack_->size(); ++i) {
    const auto type = (*stack_)[i].type;
    if (i >= first_parameter || !is_constant_operand(i))
      b_.CreateStore(load_slot(type, entry_frame_, slot), operand_home(i));
    slot += type.is_vector() ? 2 : 1;
  }
  b_.CreateBr(joined);
  b_.SetInsertPoint(joined);
  for (auto i = first_parameter; i < stack_->size(); ++i)
    (*stack_)[i].operand = {b_.CreateLoad(m_.type((*stack_)[i].type), operand_home(i))};
}

}  // namespace wzrun::codegen
