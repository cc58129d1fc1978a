#pragma once

#include "codegen/numerics.h"
#include "runtime/native.h"
#include "wasm/function_frames.h"
#include "wasm/module.h"
#include "wasm/opcodes.h"

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace wzrun::codegen {

/// What functions of a module are called in LLVM and in object files; see runtime/native.h for the second.
std::string function_symbol(std::uint32_t function_index);
std::string tail_symbol(std::uint32_t function_index);
std::string entry_symbol(std::uint32_t type_index);
std::string loop_symbol(std::uint32_t function_index, std::uint32_t loop);

/// Of calls through a FunctionInstance. Faster selection knows its parameters, those of fastcc it does not.
inline constexpr llvm::CallingConv::ID kNativeConvention = llvm::CallingConv::C;

/// Of a block: index of what the lowering knows of it.
struct Label {
  std::uint32_t block = 0;
};

/// Functions that are compiled together: they call each other directly, all others through their FunctionInstance.
struct Selection {
  std::vector<bool> members;  ///< by function index
  bool tail_calls = false;    ///< some of them make tail calls
};

/// Picks from these functions those that can be compiled: without an instruction of unsupported.def. Where functions
/// of others are interpreted, none that makes tail calls: a chain of them that changes engines would not end in
/// constant room.
/// Errors: unsupported if a tail call cannot be compiled; malformed and invalid, if nobody has validated the module.
Expected<Selection> select(const wasm::Module& wasm, std::span<const std::uint32_t> functions,
                           bool others_are_interpreted);

/// What functions of one LLVM module share: types, metadata, declarations.
class ModuleLowering {
 public:
  /// `guarded`: 32-bit memories are, and their accesses need no check.
  ModuleLowering(llvm::Module& module, const wasm::Module& wasm, const Selection& selection, bool guarded);

  llvm::Type* type(ValueType type);
  llvm::FunctionType* type(const wasm::FunctionType& type);
  /// The function as others of the module call it, declared at first use.
  llvm::Function* function(std::uint32_t function_index);
  /// Defines the function as those outside of the module call it, where that is another one.
  void define_native(std::uint32_t function_index);
  /// The convention of calls within the module.
  llvm::CallingConv::ID convention() const { return tail_calls ? llvm::CallingConv::Tail : kNativeConvention; }
  /// Calls a FunctionInstance of anywhere: parameters (caller's instance, FunctionInstance*, [results,] parameters...).
  llvm::Function* call_thunk(std::uint32_t type_index);
  bool is_member(std::uint32_t function_index) const { return selection.members[function_index]; }
  /// Declares the code that goes on in a function at one of its loops; see LoopEntry in runtime/native.h.
  llvm::Function* loop_entry(std::uint32_t function_index, std::uint32_t loop);
  /// Defines the EntryThunk of a function type.
  void define_entry(std::uint32_t type_index);
  /// Gives a function what every one has.
  void set_attributes(llvm::Function& function);
  /// Writes debug information; nothing may be lowered afterwards.
  void finish() { debug_.finalize(); }

  enum class Storage : std::uint8_t { memory, instance, global, table };
  /// Marks an access: different kinds of storage do not overlap.
  template <typename Access>
  Access* in(Storage storage, Access* access) {
    access->setMetadata(llvm::LLVMContext::MD_tbaa, storage_[static_cast<std::size_t>(storage)]);
    return access;
  }

  llvm::Module& module;
  const wasm::Module& wasm;
  const Selection& selection;
  const bool guarded;
  const bool tail_calls;
  llvm::LLVMContext& context;
  llvm::MDNode* nothing;   ///< an empty node
  llvm::MDNode* unlikely;  ///< branch weights of a trap
  llvm::DISubprogram* subprogram(llvm::Function& function);

 private:
  friend class Lowering;
  llvm::DIBuilder debug_;
  llvm::DIFile* file_;
  llvm::DISubroutineType* debug_type_;
  std::array<llvm::MDNode*, 4> storage_{};
  std::vector<llvm::Function*> functions_;
  std::vector<llvm::Function*> call_thunks_;
};

/// The sink of FunctionReader that writes LLVM IR.
class Lowering {
 public:
  using Value = llvm::Value;
  struct Operand {
    Value* value = nullptr;
    operator Value*() const { return value; }  // NOLINT(google-explicit-constructor)
  };
  using Label = codegen::Label;
  using Stack = wasm::OperandStack<Operand>;
  using Frame = wasm::ControlFrame<Label>;
  static constexpr bool kListens = true;

  explicit Lowering(ModuleLowering& module);

  /// The next function is lowered as the entry at one of its loops, counted in the order in which they begin.
  void enter_at(std::uint32_t loop) { entered_loop_ = loop; }
  /// Whether the loop was there; if not, what was lowered is of no use.
  bool has_entered() const { return !entered_loop_; }

  void begin(const wasm::Module& wasm, std::uint32_t function_index, std::span<const ValueType> locals, Stack& stack,
             Frame& frame);
  void at(std::uint64_t offset) { offset_ = offset; }

  template <wasm::Opcode op, typename... T>
  Operand numeric(T... operands);
  template <wasm::Opcode op, typename... T>
  Operand lane(std::uint8_t number, T... operands);
  Operand shuffle(const std::array<std::uint8_t, 16>& numbers, Operand a, Operand b) {
    return {numerics_.shuffle(a, b, numbers)};
  }
  Operand i32_const(std::uint32_t value) { return {b_.getInt32(value)}; }
  Operand i64_const(std::uint64_t value) { return {b_.getInt64(value)}; }
  Operand f32_const(std::uint32_t bits);
  Operand f64_const(std::uint64_t bits);
  Operand v128_const(const std::array<std::uint8_t, 16>& bytes);
  template <wasm::Opcode op>
  Operand load(const wasm::MemoryArgument& memory, Operand address);
  template <wasm::Opcode op>
  void store(const wasm::MemoryArgument& memory, Operand address, Operand value);
  template <wasm::Opcode op>
  Operand load_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address, Operand vector);
  template <wasm::Opcode op>
  void store_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand address, Operand vector);

  Operand local_get(std::uint32_t index);
  void local_set(std::uint32_t index, Operand value);
  Operand local_tee(std::uint32_t index, Operand value);
  Operand global_get(std::uint32_t index);
  void global_set(std::uint32_t index, Operand value);

  Operand table_get(std::uint32_t table, Operand index);
  void table_set(std::uint32_t table, Operand index, Operand value);
  Operand table_size(std::uint32_t table);
  Operand table_grow(std::uint32_t table, Operand value, Operand delta);
  void table_fill(std::uint32_t table, Operand index, Operand value, Operand count);
  void table_copy(std::uint32_t to_table, std::uint32_t from_table, Operand to, Operand from, Operand count);
  void table_init(std::uint32_t table, std::uint32_t segment, Operand to, Operand from, Operand count);
  void elem_drop(std::uint32_t segment);

  Operand memory_size(std::uint32_t memory);
  Operand memory_grow(std::uint32_t memory, Operand delta);
  void memory_fill(std::uint32_t memory, Operand to, Operand value, Operand count);
  void memory_copy(std::uint32_t to_memory, std::uint32_t from_memory, Operand to, Operand from, Operand count);
  void memory_init(std::uint32_t memory, std::uint32_t segment, Operand to, Operand from, Operand count);
  void data_drop(std::uint32_t segment);

  Operand ref_null(HeapType type);
  Operand ref_is_null(Operand reference) { return {b_.CreateZExt(b_.CreateIsNull(reference), b_.getInt32Ty())}; }
  Operand ref_func(std::uint32_t function_index);
  Operand ref_eq(Operand a, Operand b) { return {b_.CreateZExt(b_.CreateICmpEQ(a, b), b_.getInt32Ty())}; }
  Operand ref_as_non_null(Operand reference);

  void nop() {}
  void drop(ValueType, Operand) {}
  Operand select(ValueType type, Operand if_true, Operand if_false, Operand condition);

  void unreachable();
  void block(Frame& frame);
  void loop(Frame& frame);
  void if_(Frame& frame, Operand condition);
  void else_(Frame& frame, bool fallthrough_live);
  void end(Frame& frame, bool fallthrough_live);
  Operand param(Frame& frame, std::size_t index);
  Operand result(Frame&, std::size_t index) { return results_[index]; }

  void br(Frame& frame);
  void br_if(Frame& frame, Operand condition);
  void br_table(std::span<Frame* const> targets, Operand index);
  void return_();
  Operand br_on_null(Frame& frame, Operand reference);
  void br_on_non_null(Frame& frame, Operand reference);

  void call(std::uint32_t function_index, const wasm::FunctionType& type);
  void call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index);
  void call_ref(std::uint32_t type_index, Operand function);
  Operand call_result(std::size_t index) { return results_[index]; }
  void return_call(std::uint32_t function_index, const wasm::FunctionType& type);
  void return_call_indirect(std::uint32_t table, std::uint32_t type_index, Operand index);
  void return_call_ref(std::uint32_t type_index, Operand function);

  // Functions with these are left to the interpreter; see lower().
#define WZRUN_UNSUPPORTED(name) \
  template <typename... T>      \
  Operand name(T&&...) {        \
    std::unreachable();         \
  }
#define WZRUN_UNSUPPORTED_ROW(name)         \
  template <wasm::Opcode op, typename... T> \
  Operand name(T&&...) {                    \
    std::unreachable();                     \
  }
#include "wasm/unsupported.def"

 private:
  struct Block {
    llvm::BasicBlock* target = nullptr;     ///< where branches to the label go; made when first needed
    llvm::BasicBlock* otherwise = nullptr;  ///< of an if: where its else begins
    std::vector<llvm::PHINode*> carried;    ///< by branches to the label
    std::vector<Operand> params;            ///< of an if
  };

  Block& block_of(Frame& frame) { return blocks_[frame.label.block]; }
  void open(Frame& frame);
  llvm::BasicBlock* target_of(Frame& frame);
  llvm::BasicBlock* new_block() { return llvm::BasicBlock::Create(m_.context, "", function_); }
  /// Notes that the current block branches to the frame with the values on top of the stack.
  void carry(Frame& frame);
  void finish_arm(Frame& frame, bool fallthrough_live);

  void trap(TrapKind kind);
  void trap_if(Value* condition, TrapKind kind);
  /// Gives the instruction the place in the module that its trap or frame reports.
  template <typename Instruction>
  Instruction* placed(Instruction* instruction) {
    instruction->setDebugLoc(location());
    return instruction;
  }
  llvm::DILocation* location();

  /// The value in the form that locals, parameters and block results have.
  Value* canonical(Value* value);
  Value* constant_load(llvm::Type* type, Value* pointer, std::uint64_t offset);
  Value* instance_load(llvm::Type* type, Value* pointer, std::uint64_t offset);
  Value* at_offset(Value* pointer, std::uint64_t offset);
  Value* instance() { return instance_; }
  Value* memory(std::uint32_t index);
  Value* table(std::uint32_t index);
  Value* global_cell(std::uint32_t index);
  bool is_guarded(std::uint32_t memory) const { return m_.guarded && !m_.wasm.memories[memory].limits.is_64; }
  /// The host address of an access; where the memory is not guarded it is checked first.
  Value* address(const wasm::MemoryArgument& memory, Value* index, std::uint64_t bytes);
  Value* memory_load(llvm::Type* type, const wasm::MemoryArgument& memory, Value* index);
  void memory_store(Value* value, const wasm::MemoryArgument& memory, Value* index);
  Value* table_slot(std::uint32_t index, Value* element, TrapKind out_of_bounds);
  Value* wide(Value* value) { return b_.CreateZExt(value, b_.getInt64Ty()); }
  Value* call_helper(runtime::NativeHelper helper, llvm::ArrayRef<Value*> arguments, llvm::Type* result);
  /// Copies `count` of a memory's bytes or a table's elements from another one or a segment.
  void move_many(runtime::NativeHelper helper, std::uint32_t to_index, std::uint32_t from_index, Operand to,
                 Operand from, Operand count);

  void begin_function(std::span<const ValueType> locals, const wasm::FunctionType& type);
  void begin_at_loop(std::span<const ValueType> locals, const wasm::FunctionType& type);
  /// Joins the code before the loop, which nothing leads to, with the entry. The loop's parameters are on the stack
  /// from `first_parameter` up.
  void join_entry(std::size_t first_parameter);
  // Where a function is entered at a loop, nothing leads to the code before, and what that has left on the stack would
  // be undefined when a loop around goes there again. So each place on the stack has a variable: it is stored to when a
  // block begins, and loaded from where code paths meet.
  llvm::AllocaInst* operand_home(std::size_t index);
  bool is_constant_operand(std::size_t index) const;
  void keep_operands();
  /// Those below `count`, unless the code here is dead.
  void reload_operands(std::size_t count);
  Value* load_slot(ValueType type, Value* slots, std::uint64_t slot);
  void return_values(llvm::ArrayRef<Value*> values);
  void return_results();

  llvm::SmallVector<Value*, 8> arguments_of(const wasm::FunctionType& type, Value* first);
  void take_results(const wasm::FunctionType& type, llvm::CallInst* call, Value* results);
  Value* results_buffer(const wasm::FunctionType& type);
  /// The FunctionInstance that an indirect call goes to, its type checked.
  Value* resolve_indirect(std::uint32_t table, std::uint32_t type_index, Value* index);
  void call_instance(const wasm::FunctionType& type, std::uint32_t type_index, Value* function, Value* callee);
  void call_reference(std::uint32_t type_index, Value* function);
  void return_call_instance(const wasm::FunctionType& type, std::uint32_t type_index, Value* function);
  void emit_tail_call(llvm::FunctionType* type, Value* callee, llvm::ArrayRef<Value*> arguments);
  /// The FunctionInstance of a function of the module that is compiled elsewhere, or not at all. It may not be made
  /// yet.
  Value* own_function(std::uint32_t function_index);
  void call_outside(const wasm::FunctionType& type, std::uint32_t type_index, Value* function);

  ModuleLowering& m_;
  llvm::IRBuilder<> b_;
  Numerics numerics_;
  llvm::Function* function_ = nullptr;
  Value* instance_ = nullptr;
  Value* results_buffer_ = nullptr;            ///< null: a result is returned
  std::optional<std::uint32_t> entered_loop_;  ///< until it is reached
  std::uint32_t loops_ = 0;                    ///< begun
  llvm::BasicBlock* entry_ = nullptr;          ///< at a loop: leads there, once it is reached
  Value* entry_frame_ = nullptr;
  std::map<std::pair<std::size_t, llvm::Type*>, llvm::AllocaInst*> operand_homes_;
  std::uint64_t entry_operands_ = 0;  ///< slot of the first operand in the frame
  Stack* stack_ = nullptr;
  std::span<const ValueType> result_types_;
  struct Local {
    llvm::AllocaInst* variable = nullptr;
    Value* value = nullptr;  ///< what it holds in `block`: level 0, which promotes no variables, reads it once there
    llvm::BasicBlock* block = nullptr;
  };
  std::vector<Local> locals_;
  std::vector<Block> blocks_;
  std::vector<Operand> results_;
  llvm::Instruction* memory_base_ = nullptr;
  std::uint64_t offset_ = 0;
  llvm::DILocation* location_ = nullptr;
  std::uint64_t location_offset_ = 0;
};

/// Defines those of the functions that are members. Errors: malformed and invalid, if nobody has validated the module.
Expected<void> lower(ModuleLowering& module, std::span<const std::uint32_t> functions);
/// Defines the entry of a member at one of its loops. Errors: as lower(); unsupported if it has no such loop.
Expected<void> lower_loop_entry(ModuleLowering& module, std::uint32_t function_index, std::uint32_t loop);

}  // namespace wzrun::codegen
