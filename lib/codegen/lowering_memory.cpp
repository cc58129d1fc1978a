#include "codegen/lowering.h"

#include "runtime/instance.h"

#include <cstddef>

// Access to memories and tables, and what is done to all of one at once.
namespace wzrun::codegen {

using runtime::LinearMemory;
using runtime::NativeHelper;
using Value = llvm::Value;
using Storage = ModuleLowering::Storage;

// Memory.

constexpr bool kStoresInParts =
#if defined(__aarch64__)
    true;
#else
    false;
#endif

Value* Lowering::address(const wasm::MemoryArgument& argument, Value* index, std::uint64_t bytes) {
  const auto which = argument.memory_index;
  auto* const offset = b_.getInt64(argument.offset);
  index = wide(index);
  if (is_guarded(which)) {
    auto* const base =
        which == 0 ? memory_base_ : constant_load(b_.getPtrTy(), memory(which), LinearMemory::kBaseOffset);
    return at_offset(b_.CreatePtrAdd(base, index), argument.offset);
  }
  auto* const linear = memory(which);
  auto* const size = instance_load(b_.getInt64Ty(), linear, LinearMemory::kSizeOffset);
  auto* const base = instance_load(b_.getPtrTy(), linear, LinearMemory::kBaseOffset);
  if (argument.offset > ~std::uint64_t{0} - bytes) {
    trap_if(b_.getTrue(), TrapKind::out_of_bounds_memory_access);
    return base;
  }
  auto* const behind = b_.getInt64(argument.offset + bytes);
  Value* outside = nullptr;
  if (m_.wasm.memories[which].limits.is_64) {
    auto* const end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::uadd_with_overflow, index, behind);
    outside = b_.CreateOr(b_.CreateExtractValue(end, 1), b_.CreateICmpUGT(b_.CreateExtractValue(end, 0), size));
  } else {
    outside = b_.CreateICmpUGT(b_.CreateAdd(index, behind), size);
  }
  trap_if(outside, TrapKind::out_of_bounds_memory_access);
  return b_.CreatePtrAdd(base, b_.CreateAdd(index, offset));
}

// Volatile: an access outside the memory is a trap, which happens when and where the program says, whether or not
// anybody looks at what is loaded.
Value* Lowering::memory_load(llvm::Type* type, const wasm::MemoryArgument& memory, Value* index) {
  auto* const pointer = address(memory, index, type->getPrimitiveSizeInBits() / 8);
  return placed(m_.in(Storage::memory, b_.CreateAlignedLoad(type, pointer, llvm::Align(1), true)));
}

void Lowering::memory_store(Value* value, const wasm::MemoryArgument& memory, Value* index) {
  const std::uint64_t bytes = value->getType()->getPrimitiveSizeInBits() / 8;
  auto* const pointer = address(memory, index, bytes);
  // Arm may have stored the part before the memory's end when the part behind it faults: ask for that one first.
  if (kStoresInParts && bytes > 1 && is_guarded(memory.memory_index)) {
    auto* const last = b_.CreateConstGEP1_64(b_.getInt8Ty(), pointer, bytes - 1);
    placed(m_.in(Storage::memory, b_.CreateAlignedLoad(b_.getInt8Ty(), last, llvm::Align(1), true)));
  }
  placed(m_.in(Storage::memory, b_.CreateAlignedStore(value, pointer, llvm::Align(1), true)));
}

Lowering::Operand Lowering::memory_size(std::uint32_t index) {
  auto* const bytes = instance_load(b_.getInt64Ty(), memory(index), LinearMemory::kSizeOffset);
  auto* const pages = b_.CreateLShr(bytes, std::uint64_t{wasm::kPageSizeLog2});
  return {m_.wasm.memories[index].limits.is_64 ? pages : b_.CreateTrunc(pages, b_.getInt32Ty())};
}

Lowering::Operand Lowering::memory_grow(std::uint32_t index, Operand delta) {
  auto* const pages =
      call_helper(NativeHelper::memory_grow, {instance(), b_.getInt64(index), wide(delta)}, b_.getInt64Ty());
  return {b_.CreateTrunc(pages, delta.value->getType())};
}

void Lowering::memory_fill(std::uint32_t index, Operand to, Operand value, Operand count) {
  call_helper(NativeHelper::memory_fill, {instance(), b_.getInt64(index), wide(to), wide(value), wide(count)},
              b_.getVoidTy());
}

void Lowering::move_many(NativeHelper helper, std::uint32_t to_index, std::uint32_t from_index, Operand to,
                         Operand from, Operand count) {
  call_helper(helper, {instance(), b_.getInt64(to_index), b_.getInt64(from_index), wide(to), wide(from), wide(count)},
              b_.getVoidTy());
}

void Lowering::memory_copy(std::uint32_t to_memory, std::uint32_t from_memory, Operand to, Operand from,
                           Operand count) {
  move_many(NativeHelper::memory_copy, to_memory, from_memory, to, from, count);
}

void Lowering::memory_init(std::uint32_t index, std::uint32_t segment, Operand to, Operand from, Operand count) {
  move_many(NativeHelper::memory_init, index, segment, to, from, count);
}

void Lowering::data_drop(std::uint32_t segment) {
  call_helper(NativeHelper::data_drop, {instance(), b_.getInt64(segment)}, b_.getVoidTy());
}

// Tables and references.

Value* Lowering::table_slot(std::uint32_t index, Value* element, TrapKind out_of_bounds) {
  auto* const pointer = table(index);
  element = wide(element);
  auto* const size = instance_load(b_.getInt64Ty(), pointer, runtime::TableElements::kSizeOffset);
  trap_if(b_.CreateICmpUGE(element, size), out_of_bounds);
  auto* const data = instance_load(b_.getPtrTy(), pointer, runtime::TableElements::kDataOffset);
  return b_.CreateGEP(b_.getPtrTy(), data, element);
}

Lowering::Operand Lowering::table_get(std::uint32_t index, Operand element) {
  auto* const slot = table_slot(index, element, TrapKind::out_of_bounds_table_access);
  return {m_.in(Storage::table, b_.CreateLoad(b_.getPtrTy(), slot))};
}

void Lowering::table_set(std::uint32_t index, Operand element, Operand value) {
  auto* const slot = table_slot(index, element, TrapKind::out_of_bounds_table_access);
  m_.in(Storage::table, b_.CreateStore(value, slot, true));
}

Lowering::Operand Lowering::table_size(std::uint32_t index) {
  auto* const size = instance_load(b_.getInt64Ty(), table(index), runtime::TableElements::kSizeOffset);
  return {m_.wasm.tables[index].type.limits.is_64 ? size : b_.CreateTrunc(size, b_.getInt32Ty())};
}

Lowering::Operand Lowering::table_grow(std::uint32_t index, Operand value, Operand delta) {
  auto* const size =
      call_helper(NativeHelper::table_grow, {instance(), b_.getInt64(index), value, wide(delta)}, b_.getInt64Ty());
  return {b_.CreateTrunc(size, delta.value->getType())};
}

void Lowering::table_fill(std::uint32_t index, Operand element, Operand value, Operand count) {
  call_helper(NativeHelper::table_fill, {instance(), b_.getInt64(index), wide(element), value, wide(count)},
              b_.getVoidTy());
}

void Lowering::table_copy(std::uint32_t to_table, std::uint32_t from_table, Operand to, Operand from, Operand count) {
  move_many(NativeHelper::table_copy, to_table, from_table, to, from, count);
}

void Lowering::table_init(std::uint32_t index, std::uint32_t segment, Operand to, Operand from, Operand count) {
  move_many(NativeHelper::table_init, index, segment, to, from, count);
}

void Lowering::elem_drop(std::uint32_t segment) {
  call_helper(NativeHelper::elem_drop, {instance(), b_.getInt64(segment)}, b_.getVoidTy());
}

Lowering::Operand Lowering::ref_null(HeapType) { return {llvm::ConstantPointerNull::get(b_.getPtrTy())}; }

Lowering::Operand Lowering::ref_func(std::uint32_t function_index) {
  return {call_helper(NativeHelper::ref_func, {instance(), b_.getInt64(function_index)}, b_.getPtrTy())};
}

Lowering::Operand Lowering::ref_as_non_null(Operand reference) {
  trap_if(b_.CreateIsNull(reference), TrapKind::null_reference);
  return reference;
}

}  // namespace wzrun::codegen
