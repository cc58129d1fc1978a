#include "codegen/line_recorder.h"

#include <llvm/CodeGen/MachineInstr.h>
#include <llvm/MC/MCAssembler.h>
#include <llvm/MC/MCSection.h>

#include <algorithm>
#include <cassert>

namespace wzrun::codegen {

void LineRecorder::beginInstruction(const llvm::MachineInstr* instruction) {
  const auto& location = instruction->getDebugLoc();
  if (!location || location.getLine() == 0 || instruction->isMetaInstruction())
    return;
  const auto* const fragment = streamer_.getCurrentFragment();
  places_.push_back({fragment, fragment->getFixedSize(), location.getLine() - 1U});
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
