#include "codegen/line_recorder.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/CodeGen/MachineFunction.h>
#include <llvm/CodeGen/MachineInstr.h>
#include <llvm/CodeGen/TargetRegisterInfo.h>
#include <llvm/CodeGen/TargetSubtargetInfo.h>
#include <llvm/MC/MCAssembler.h>
#include <llvm/MC/MCSection.h>

#include <algorithm>
#include <cassert>
#include <iterator>

namespace wzrun::codegen {

namespace {

bool has_line(const llvm::MachineInstr& instruction) {
  return instruction.getDebugLoc() && instruction.getDebugLoc().getLine() != 0;
}

bool may_trap(const llvm::MachineInstr& instruction) {
  return std::ranges::any_of(instruction.memoperands(), [](const auto* access) { return access->isVolatile(); });
}

void add_defined(const llvm::MachineInstr& instruction, llvm::SmallVectorImpl<llvm::Register>& registers) {
  for (const auto& operand : instruction.all_defs())
    if (operand.getReg().isValid() && !operand.isDead())
      registers.push_back(operand.getReg());
}

/// Of a load that was split from the instruction that it had been folded into, which keeps the location to itself: what
/// takes its value in the same block says where that is from.
const llvm::DebugLoc* location_of_user(const llvm::MachineInstr& load) {
  const auto& registers = *load.getMF()->getSubtarget().getRegisterInfo();
  llvm::SmallVector<llvm::Register, 4> values;
  add_defined(load, values);
  for (auto user = std::next(load.getIterator()); user != load.getParent()->instr_end(); ++user) {
    const bool reads = std::ranges::any_of(values, [&](auto value) { return user->readsRegister(value, &registers); });
    if (reads && has_line(*user))
      return &user->getDebugLoc();
    llvm::erase_if(values, [&](auto value) { return user->modifiesRegister(value, &registers); });
    if (reads)
      add_defined(*user, values);
    if (values.empty())
      break;
  }
  return nullptr;
}

}  // namespace

void LineRecorder::beginInstruction(const llvm::MachineInstr* instruction) {
  if (instruction->isMetaInstruction())
    return;
  const auto* location = has_line(*instruction)   ? &instruction->getDebugLoc()
                         : may_trap(*instruction) ? location_of_user(*instruction)
                                                  : nullptr;
  if (location == nullptr)
    return;
  const auto* const fragment = streamer_.getCurrentFragment();
  places_.push_back({fragment, fragment->getFixedSize(), location->getLine() - 1U});
}

ObjectStream::~ObjectStream() = default;

void ObjectStream::write_impl(const char* bytes, std::size_t size) {
  if (object_.file.empty())
    make_lines();
  object_.file.append(bytes, bytes + size);
}

void ObjectStream::pwrite_impl(const char* bytes, std::size_t size, std::uint64_t offset) {
  std::copy_n(bytes, size, object_.file.begin() + static_cast<std::ptrdiff_t>(offset));
}

void ObjectStream::make_lines() {
  object_.lines.reserve(places_.size());
  for (const auto& place : places_) {
    assert(place.fragment->getParent()->getName() == kCodeSection);
    object_.lines.push_back({assembler_->getFragmentOffset(*place.fragment) + place.offset, place.module_offset});
  }
}

}  // namespace wzrun::codegen
