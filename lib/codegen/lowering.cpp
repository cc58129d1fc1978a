#include "codegen/lowering.h"

#include "codegen/loop_versioning.h"
#include "runtime/instance.h"
#include "wasm/function_reader.h"

#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>

#include <fmt/format.h>

#include <cstddef>
#include <type_traits>

namespace wzrun::codegen {

using runtime::InstanceContext;
using runtime::NativeHelper;
using wasm::Opcode;
using Value = llvm::Value;
using Storage = ModuleLowering::Storage;

Lowering::Lowering(ModuleLowering& module)
    : m_(module),
      b_(module.context),
      numerics_(b_, [this](Value* condition, TrapKind kind) { trap_if(condition, kind); }) {}

void Lowering::begin(const wasm::Module& wasm, std::uint32_t function_index, std::span<const ValueType> locals,
                     Stack& stack, Frame& frame) {
  const auto& type = wasm.function_type(function_index);
  const bool at_loop = entered_loop_.has_value();
  function_ = at_loop ? m_.loop_entry(function_index, *entered_loop_) : m_.function(function_index);
  function_->setSubprogram(m_.subprogram(*function_));
  instance_ = function_->getArg(at_loop ? 1 : 0);
  results_buffer_ = nullptr;
  if (at_loop)
    results_buffer_ = function_->getArg(2);
  else if (type.results.size() > 1)
    results_buffer_ = function_->getArg(1);
  stack_ = &stack;
  result_types_ = type.results;
  blocks_.clear();
  results_.clear();
  locals_.clear();
  location_ = nullptr;
  loops_ = 0;
  operand_homes_.clear();
  offset_ = wasm.code[function_index - wasm.imported_functions].offset;
  b_.SetInsertPoint(new_block());
  memory_base_ = nullptr;
  if (!wasm.memories.empty() && is_guarded(0)) {
    memory_base_ =
        llvm::cast<llvm::Instruction>(constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, memory_base)));
    if (!wasm.memories[0].limits.is_shared)
      memory_base_->setMetadata(kMemoryBaseMetadata, m_.nothing);
  }
  for (std::size_t i = 0; i < locals.size(); ++i)
    locals_.push_back({.variable = b_.CreateAlloca(m_.type(locals[i]))});
  if (at_loop)
    begin_at_loop(locals, type);
  else
    begin_function(locals, type);
  open(frame);
}

void Lowering::begin_function(std::span<const ValueType> locals, const wasm::FunctionType& type) {
  const unsigned first_param = results_buffer_ != nullptr ? 2 : 1;
  for (std::size_t i = 0; i < locals.size(); ++i) {
    Value* const initial = i < type.params.size()
                               ? static_cast<Value*>(function_->getArg(first_param + static_cast<unsigned>(i)))
                               : llvm::Constant::getNullValue(m_.type(locals[i]));
    b_.CreateStore(initial, locals_[i].variable);
  }
}

llvm::DILocation* Lowering::location() {
  if (location_ == nullptr || location_offset_ != offset_) {
    location_ = llvm::DILocation::get(m_.context, static_cast<unsigned>(offset_ + 1), 0, function_->getSubprogram());
    location_offset_ = offset_;
  }
  return location_;
}

// Numbers.

namespace {

template <Opcode>
struct Numeric;
template <Opcode>
struct Access;

#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  template <>                                                       \
  struct Numeric<Opcode::id> {                                      \
    template <typename... T>                                        \
    static Value* apply(Numerics& numerics, T... operands) {        \
      return numerics.function(operands...);                        \
    }                                                               \
  };
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature) \
  WZRUN_NUMERIC(code, id, text, signature, function, feature)
#include "wasm/opcodes.def"

struct i32 {};
struct i64 {};
struct f32 {};
struct f64 {};
struct v128 {};

/// How a vector load makes a vector of the bytes in memory.
enum class VectorLoad : std::uint8_t { whole, extend_s, extend_u, splat, zero };

constexpr VectorLoad vector_load_of(std::string_view name) {
  if (name.ends_with("splat"))
    return VectorLoad::splat;
  if (name.ends_with("zero"))
    return VectorLoad::zero;
  if (name.ends_with("_s"))
    return VectorLoad::extend_s;
  if (name.ends_with("_u"))
    return VectorLoad::extend_u;
  return VectorLoad::whole;
}
/// The width in the name of a vector load, such as the 8 of v128_load8x8_s.
constexpr unsigned lane_bits_of(std::string_view name) {
  unsigned bits = 0;
  for (const char c : name.substr(std::string_view("v128_load").size())) {
    if (c < '0' || c > '9')
      break;
    bits = bits * 10 + static_cast<unsigned>(c - '0');
  }
  return bits;
}

template <typename M>
struct InMemory {
  static constexpr unsigned kBits = 8 * sizeof(M);
  static constexpr bool kSigned = std::is_signed_v<M>;
};

#define WZRUN_LOAD(code, id, text, type, memory_type, feature) \
  template <>                                                  \
  struct Access<Opcode::id> {                                  \
    using Type = type;                                         \
    using Memory = InMemory<memory_type>;                      \
  };
#define WZRUN_STORE(code, id, text, type, memory_type, feature) WZRUN_LOAD(code, id, text, type, memory_type, feature)
#define WZRUN_LOAD_LANE(code, id, text, lanes, memory_type, feature) \
  WZRUN_LOAD(code, id, text, v128, memory_type, feature)
#define WZRUN_STORE_LANE(code, id, text, lanes, memory_type, feature) \
  WZRUN_LOAD(code, id, text, v128, memory_type, feature)
#define WZRUN_VECTOR_LOAD(code, id, text, bytes, function, feature) \
  template <>                                                       \
  struct Access<Opcode::id> {                                       \
    using Type = void;                                              \
    static constexpr unsigned kBits = 8 * (bytes);                  \
    static constexpr VectorLoad kKind = vector_load_of(#id);        \
    static constexpr unsigned kLaneBits = lane_bits_of(#id);        \
  };
#include "wasm/opcodes.def"

template <typename T>
llvm::Type* scalar_type(llvm::IRBuilder<>& b) {
  if constexpr (std::is_same_v<T, i32>)
    return b.getInt32Ty();
  else if constexpr (std::is_same_v<T, i64>)
    return b.getInt64Ty();
  else if constexpr (std::is_same_v<T, f32>)
    return b.getFloatTy();
  else if constexpr (std::is_same_v<T, f64>)
    return b.getDoubleTy();
  else
    return llvm::FixedVectorType::get(b.getInt8Ty(), 16);
}

template <typename T>
inline constexpr bool kIsInteger = std::is_same_v<T, i32> || std::is_same_v<T, i64>;

}  // namespace

template <Opcode op, typename... T>
Lowering::Operand Lowering::numeric(T... operands) {
  return {Numeric<op>::apply(numerics_, operands.value...)};
}

template <Opcode op, typename... T>
Lowering::Operand Lowering::lane(std::uint8_t number, T... operands) {
  return {Numeric<op>::apply(numerics_, operands.value..., number)};
}

Lowering::Operand Lowering::f32_const(std::uint32_t bits) {
  return {llvm::ConstantFP::get(m_.context, llvm::APFloat(llvm::APFloat::IEEEsingle(), llvm::APInt(32, bits)))};
}

Lowering::Operand Lowering::f64_const(std::uint64_t bits) {
  return {llvm::ConstantFP::get(m_.context, llvm::APFloat(llvm::APFloat::IEEEdouble(), llvm::APInt(64, bits)))};
}

Lowering::Operand Lowering::v128_const(const std::array<std::uint8_t, 16>& bytes) {
  return {llvm::ConstantDataVector::get(m_.context, llvm::ArrayRef<std::uint8_t>(bytes))};
}

Value* Lowering::canonical(Value* value) { return value->getType()->isVectorTy() ? numerics_.lanes(value, 8) : value; }

Lowering::Operand Lowering::select(ValueType, Operand if_true, Operand if_false, Operand condition) {
  return {b_.CreateSelect(b_.CreateIsNotNull(condition), canonical(if_true), canonical(if_false))};
}

// The instance.

Value* Lowering::at_offset(Value* pointer, std::uint64_t offset) {
  return offset == 0 ? pointer : b_.CreatePtrAdd(pointer, b_.getInt64(offset));
}

/// Loads what never changes while the instance lives.
Value* Lowering::constant_load(llvm::Type* type, Value* pointer, std::uint64_t offset) {
  auto* const load = b_.CreateLoad(type, at_offset(pointer, offset));
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, m_.nothing);
  load->setMetadata(llvm::LLVMContext::MD_noundef, m_.nothing);
  return m_.in(Storage::instance, load);
}

Value* Lowering::instance_load(llvm::Type* type, Value* pointer, std::uint64_t offset) {
  return m_.in(Storage::instance, b_.CreateLoad(type, at_offset(pointer, offset)));
}

Value* Lowering::memory(std::uint32_t index) {
  if (index == 0)
    return constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, memory0));
  auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, memories));
  return constant_load(b_.getPtrTy(), list, index * sizeof(void*));
}

Value* Lowering::table(std::uint32_t index) {
  auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, tables));
  return constant_load(b_.getPtrTy(), list, index * sizeof(void*));
}

Value* Lowering::global_cell(std::uint32_t index) {
  if (index >= m_.wasm.imported_globals)
    return at_offset(instance(), sizeof(runtime::Instance) + std::uint64_t{index - m_.wasm.imported_globals} * 16);
  auto* const list = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, globals));
  static_assert(std::is_standard_layout_v<runtime::GlobalInstance>);
  return constant_load(b_.getPtrTy(), list,
                       index * sizeof(runtime::GlobalInstance) + offsetof(runtime::GlobalInstance, cell));
}

Value* Lowering::call_helper(NativeHelper helper, llvm::ArrayRef<Value*> arguments, llvm::Type* result) {
  auto* const helpers = constant_load(b_.getPtrTy(), instance(), offsetof(InstanceContext, helpers));
  auto* const callee = constant_load(b_.getPtrTy(), helpers, static_cast<std::uint64_t>(helper) * sizeof(void*));
  llvm::SmallVector<llvm::Type*, 6> types;
  for (auto* const argument : arguments)
    types.push_back(argument->getType());
  auto* const call = b_.CreateCall(llvm::FunctionType::get(result, types, false), callee, arguments);
  call->setDoesNotThrow();
  return placed(call);
}

// Locals and globals.

Lowering::Operand Lowering::local_get(std::uint32_t index) {
  auto& local = locals_[index];
  if (local.block != b_.GetInsertBlock()) {
    local.value = b_.CreateLoad(local.variable->getAllocatedType(), local.variable);
    local.block = b_.GetInsertBlock();
  }
  return {local.value};
}

void Lowering::local_set(std::uint32_t index, Operand value) {
  auto& local = locals_[index];
  local.value = canonical(value);
  local.block = b_.GetInsertBlock();
  b_.CreateStore(local.value, local.variable);
}

Lowering::Operand Lowering::local_tee(std::uint32_t index, Operand value) {
  local_set(index, value);
  return value;
}

Lowering::Operand Lowering::global_get(std::uint32_t index) {
  const auto& type = m_.wasm.globals[index].type;
  auto* const load = b_.CreateLoad(m_.type(type.value), global_cell(index));
  if (!type.is_mutable)
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, m_.nothing);
  return {m_.in(Storage::global, load)};
}

// Volatile: what a trap leaves behind can be looked at, so no store may move over an access that can trap.
void Lowering::global_set(std::uint32_t index, Operand operand) {
  auto* value = canonical(operand);
  if (value->getType()->isFloatTy())
    value = b_.CreateBitCast(value, b_.getInt32Ty());
  if (value->getType()->isIntegerTy(32))
    value = wide(value);
  m_.in(Storage::global, b_.CreateStore(value, global_cell(index), true));
}

// Memory.

template <Opcode op>
Lowering::Operand Lowering::load(const wasm::MemoryArgument& memory, Operand index) {
  using A = Access<op>;
  if constexpr (std::is_void_v<typename A::Type>) {
    if constexpr (A::kKind == VectorLoad::whole) {
      return {memory_load(numerics_.vector(8, 16), memory, index)};
    } else if constexpr (A::kKind == VectorLoad::splat) {
      return {numerics_.splat(memory_load(b_.getIntNTy(A::kBits), memory, index), A::kBits)};
    } else if constexpr (A::kKind == VectorLoad::zero) {
      auto* const zeros = llvm::Constant::getNullValue(numerics_.vector(A::kBits, 128 / A::kBits));
      return {numerics_.replace(zeros, memory_load(b_.getIntNTy(A::kBits), memory, index), A::kBits, 0)};
    } else {
      auto* const narrow = memory_load(numerics_.vector(A::kLaneBits, 64 / A::kLaneBits), memory, index);
      auto* const wide = numerics_.vector(2 * A::kLaneBits, 64 / A::kLaneBits);
      return {A::kKind == VectorLoad::extend_s ? b_.CreateSExt(narrow, wide) : b_.CreateZExt(narrow, wide)};
    }
  } else if constexpr (kIsInteger<typename A::Type>) {
    auto* const value = memory_load(b_.getIntNTy(A::Memory::kBits), memory, index);
    auto* const type = scalar_type<typename A::Type>(b_);
    return {A::Memory::kSigned ? b_.CreateSExt(value, type) : b_.CreateZExt(value, type)};
  } else {
    return {memory_load(scalar_type<typename A::Type>(b_), memory, index)};
  }
}

template <Opcode op>
void Lowering::store(const wasm::MemoryArgument& memory, Operand index, Operand value) {
  using A = Access<op>;
  if constexpr (kIsInteger<typename A::Type>)
    memory_store(b_.CreateTrunc(value, b_.getIntNTy(A::Memory::kBits)), memory, index);
  else
    memory_store(canonical(value), memory, index);
}

template <Opcode op>
Lowering::Operand Lowering::load_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand index,
                                      Operand vector) {
  constexpr auto kBits = Access<op>::Memory::kBits;
  return {numerics_.replace(vector, memory_load(b_.getIntNTy(kBits), memory, index), kBits, lane)};
}

template <Opcode op>
void Lowering::store_lane(const wasm::MemoryArgument& memory, std::uint8_t lane, Operand index, Operand vector) {
  memory_store(numerics_.extract(vector, Access<op>::Memory::kBits, lane), memory, index);
}

namespace {

/// Whether arguments of the type go on the stack. LLVM 22 drops those of tail calls on x86-64 (its issue 199224).
bool needs_stack([[maybe_unused]] const wasm::FunctionType& type) {
#if defined(__x86_64__)
  constexpr std::size_t kIntegerRegisters = 6;
  constexpr std::size_t kVectorRegisters = 8;
  std::size_t integers = type.results.size() > 1 ? 2 : 1;
  std::size_t vectors = 0;
  for (const auto param : type.params) {
    const bool is_vector =
        param.kind() == ValueKind::f32 || param.kind() == ValueKind::f64 || param.kind() == ValueKind::v128;
    ++(is_vector ? vectors : integers);
  }
  return integers > kIntegerRegisters || vectors > kVectorRegisters;
#else
  return false;
#endif
}

/// Looks for what select() wants to know.
struct Survey : wasm::NullSink {
  static constexpr bool kListens = true;
  const wasm::Module& module;
  bool tail_calls = false;
  bool tail_calls_on_stack = false;
  bool unsupported = false;

  explicit Survey(const wasm::Module& wasm) : module(wasm) {}
  void note(const wasm::FunctionType& type) {
    tail_calls = true;
    tail_calls_on_stack = tail_calls_on_stack || needs_stack(type);
  }
  // NOLINTBEGIN(bugprone-derived-method-shadowing-base-method): that is what a sink does
  void return_call(std::uint32_t, const wasm::FunctionType& type) { note(type); }
  void return_call_indirect(std::uint32_t, std::uint32_t type, Operand) { note(module.types[type].function); }
  void return_call_ref(std::uint32_t type, Operand) { note(module.types[type].function); }
  // NOLINTEND(bugprone-derived-method-shadowing-base-method)
#define WZRUN_UNSUPPORTED(name) \
  template <typename... T>      \
  Operand name(T&&...) {        \
    unsupported = true;         \
    return {};                  \
  }
#define WZRUN_UNSUPPORTED_ROW(name)         \
  template <wasm::Opcode op, typename... T> \
  Operand name(T&&...) {                    \
    unsupported = true;                     \
    return {};                              \
  }
#include "wasm/unsupported.def"
};

}  // namespace

Expected<Selection> select(const wasm::Module& wasm, std::span<const std::uint32_t> functions,
                           bool others_are_interpreted) {
  Selection selection{std::vector<bool>(wasm.functions.size())};
  Survey survey(wasm);
  wasm::FunctionReader<Survey> reader(wasm, survey);
  for (const auto index : functions) {
    survey.unsupported = false;
    WZRUN_CHECK(reader.read(index));
    if (others_are_interpreted && survey.tail_calls) {
      survey.unsupported = true;
      survey.tail_calls = survey.tail_calls_on_stack = false;
    }
    selection.members[index] = !survey.unsupported;
  }
  if (survey.tail_calls_on_stack)
    return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset,
                                 "a tail call has more arguments than registers, which LLVM 22 compiles wrongly"});
  selection.tail_calls = survey.tail_calls;
  return selection;
}

Expected<void> lower(ModuleLowering& module, std::span<const std::uint32_t> functions) {
  Lowering lowering(module);
  wasm::FunctionReader<Lowering> reader(module.wasm, lowering);
  for (const auto index : functions) {
    if (!module.is_member(index))
      continue;
    module.define_native(index);
    WZRUN_CHECK(reader.read(index));
  }
  return {};
}

Expected<void> lower_loop_entry(ModuleLowering& module, std::uint32_t function_index, std::uint32_t loop) {
  Lowering lowering(module);
  wasm::FunctionReader<Lowering> reader(module.wasm, lowering);
  lowering.enter_at(loop);
  WZRUN_CHECK(reader.read(function_index));
  if (!lowering.has_entered())
    return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset,
                                 fmt::format("function {} has no loop {}", function_index, loop)});
  return {};
}

}  // namespace wzrun::codegen
