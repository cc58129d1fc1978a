#include "codegen/lowering.h"

#include "runtime/instance.h"

#include <llvm/IR/Module.h>

#include <fmt/format.h>

#include <cstddef>

namespace wzrun::codegen {

using runtime::FunctionInstance;
using runtime::InstanceContext;
using runtime::NativeHelper;
using Value = llvm::Value;

std::string function_symbol(std::uint32_t function_index) { return "f" + std::to_string(function_index); }
std::string tail_symbol(std::uint32_t function_index) { return "t" + std::to_string(function_index); }
std::string entry_symbol(std::uint32_t type_index) { return "entry" + std::to_string(type_index); }

std::string loop_symbol(std::uint32_t function_index, std::uint32_t loop) {
  return fmt::format("l{}_{}", function_index, loop);
}

ModuleLowering::ModuleLowering(llvm::Module& llvm_module, const wasm::Module& wasm_module,
                               const Selection& compiled_functions, bool memories_are_guarded)
    : module(llvm_module),
      wasm(wasm_module),
      selection(compiled_functions),
      guarded(memories_are_guarded),
      tail_calls(compiled_functions.tail_calls),
      context(llvm_module.getContext()),
      nothing(llvm::MDNode::get(context, {})),
      unlikely(llvm::MDBuilder(context).createUnlikelyBranchWeights()),
      debug_(llvm_module),
      functions_(wasm_module.functions.size()),
      call_thunks_(wasm_module.types.size()) {
  llvm::MDBuilder metadata(context);
  auto* const root = metadata.createTBAARoot("wzrun");
  constexpr std::array kNames = {"memory", "instance", "global", "table"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    auto* const type = metadata.createTBAAScalarTypeNode(kNames[i], root);
    storage_[i] = metadata.createTBAAStructTagNode(type, type, 0);
  }
  file_ = debug_.createFile("module.wasm", "");
  debug_.createCompileUnit(llvm::DISourceLanguageName(llvm::dwarf::DW_LANG_C), file_, "wzrun", true, "", 0, "",
                           llvm::DICompileUnit::NoDebug);
  debug_type_ = debug_.createSubroutineType(debug_.getOrCreateTypeArray({}));
  module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
}

llvm::DISubprogram* ModuleLowering::subprogram(llvm::Function& function) {
  return debug_.createFunction(file_, function.getName(), "", file_, 1, debug_type_, 1, llvm::DINode::FlagZero,
                               llvm::DISubprogram::SPFlagDefinition);
}

llvm::Type* ModuleLowering::type(ValueType type) {
  switch (type.kind()) {
    case ValueKind::i32:
      return llvm::Type::getInt32Ty(context);
    case ValueKind::i64:
      return llvm::Type::getInt64Ty(context);
    case ValueKind::f32:
      return llvm::Type::getFloatTy(context);
    case ValueKind::f64:
      return llvm::Type::getDoubleTy(context);
    case ValueKind::v128:
      return llvm::FixedVectorType::get(llvm::Type::getInt8Ty(context), 16);
    default:
      return llvm::PointerType::getUnqual(context);
  }
}

llvm::FunctionType* ModuleLowering::type(const wasm::FunctionType& function_type) {
  auto* const pointer = llvm::PointerType::getUnqual(context);
  llvm::SmallVector<llvm::Type*, 8> params{pointer};
  if (function_type.results.size() > 1)
    params.push_back(pointer);
  for (const auto param : function_type.params)
    params.push_back(type(param));
  auto* const result =
      function_type.results.size() == 1 ? type(function_type.results[0]) : llvm::Type::getVoidTy(context);
  return llvm::FunctionType::get(result, params, false);
}

void ModuleLowering::set_attributes(llvm::Function& function) {
  function.setDoesNotThrow();
  function.setDSOLocal(true);
  function.addFnAttr("frame-pointer", "all");
  function.addFnAttr("probe-stack", "inline-asm");
  function.addFnAttr("no-builtins");  // an image has nobody to call
}

llvm::Function* ModuleLowering::function(std::uint32_t function_index) {
  auto*& known = functions_[function_index];
  if (known == nullptr) {
    known = llvm::Function::Create(type(wasm.function_type(function_index)), llvm::GlobalValue::ExternalLinkage,
                                   tail_calls ? tail_symbol(function_index) : function_symbol(function_index), module);
    known->setVisibility(llvm::GlobalValue::HiddenVisibility);
    known->setCallingConv(convention());
    set_attributes(*known);
  }
  return known;
}

llvm::Function* ModuleLowering::loop_entry(std::uint32_t function_index, std::uint32_t loop) {
  auto* const pointer = llvm::PointerType::getUnqual(context);
  auto* const entry = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, pointer}, false),
      llvm::GlobalValue::ExternalLinkage, loop_symbol(function_index, loop), module);
  entry->setVisibility(llvm::GlobalValue::HiddenVisibility);
  set_attributes(*entry);
  return entry;
}

namespace {

/// Values of some types in slots of 64 bits, or two.
class Slots {
 public:
  Slots(ModuleLowering& module, llvm::IRBuilder<>& builder, Value* first) : m_(module), b_(builder), first_(first) {}
  void store(Value* value) {
    if (value->getType()->isFloatTy())
      value = b_.CreateBitCast(value, b_.getInt32Ty());
    if (value->getType()->isIntegerTy(32))
      value = b_.CreateZExt(value, b_.getInt64Ty());
    const auto slots = value->getType()->isVectorTy() ? 2U : 1U;
    b_.CreateAlignedStore(value, next(slots), llvm::Align(8));
  }
  Value* load(ValueType type) {
    return b_.CreateAlignedLoad(m_.type(type), next(type.is_vector() ? 2 : 1), llvm::Align(8));
  }

 private:
  Value* next(unsigned slots) {
    auto* const place = b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), first_, slot_);
    slot_ += slots;
    return place;
  }

  ModuleLowering& m_;
  llvm::IRBuilder<>& b_;
  Value* first_;
  std::uint64_t slot_ = 0;
};

Value* field(llvm::IRBuilder<>& b, llvm::Type* type, Value* object, std::size_t offset) {
  return b.CreateLoad(type, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), object, offset));
}

Value* helper(llvm::IRBuilder<>& b, Value* instance, NativeHelper number) {
  auto* const helpers = field(b, b.getPtrTy(), instance, offsetof(InstanceContext, helpers));
  return field(b, b.getPtrTy(), helpers, static_cast<std::size_t>(number) * sizeof(void*));
}

/// Ends a function with a call, whose result it returns.
void create_last_call(llvm::IRBuilder<>& b, llvm::FunctionType* type, Value* callee, llvm::ArrayRef<Value*> arguments,
                      llvm::CallingConv::ID convention) {
  auto* const result = b.CreateCall(type, callee, arguments);
  result->setCallingConv(convention);
  result->setDoesNotThrow();
  if (convention == llvm::CallingConv::Tail)
    result->setTailCallKind(llvm::CallInst::TCK_MustTail);

  if (result->getType()->isVoidTy())
    b.CreateRetVoid();
  else
    b.CreateRet(result);
}

}  // namespace

llvm::Function* ModuleLowering::call_thunk(std::uint32_t type_index) {
  type_index = wasm.types[type_index].canonical;
  auto*& known = call_thunks_[type_index];
  if (known != nullptr)
    return known;
  const auto& signature = wasm.types[type_index].function;
  auto* const callee_type = type(signature);
  llvm::SmallVector<llvm::Type*, 8> params(callee_type->params());
  params.insert(params.begin() + 1, llvm::PointerType::getUnqual(context));
  known = llvm::Function::Create(llvm::FunctionType::get(callee_type->getReturnType(), params, false),
                                 llvm::GlobalValue::InternalLinkage, "call" + std::to_string(type_index), module);
  known->setCallingConv(convention());
  known->addFnAttr(llvm::Attribute::NoInline);
  set_attributes(*known);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", known));
  auto* const instance = known->getArg(0);
  auto* const function = known->getArg(1);
  const bool has_buffer = signature.results.size() > 1;
  const unsigned first_param = has_buffer ? 3 : 2;

  llvm::SmallVector<Value*, 8> arguments{field(b, b.getPtrTy(), function, offsetof(FunctionInstance, instance))};
  for (unsigned i = 2; i < params.size(); ++i)
    arguments.push_back(known->getArg(i));
  const auto call_where_there_is = [&](std::size_t code_offset, llvm::CallingConv::ID code_convention) {
    auto* const code = field(b, b.getPtrTy(), function, code_offset);
    auto* const compiled = llvm::BasicBlock::Create(context, "", known);
    auto* const other = llvm::BasicBlock::Create(context, "", known);
    b.CreateCondBr(b.CreateIsNull(code), other, compiled);
    b.SetInsertPoint(compiled);
    create_last_call(b, callee_type, code, arguments, code_convention);
    b.SetInsertPoint(other);
  };
  if (tail_calls)
    call_where_there_is(offsetof(FunctionInstance, tail), llvm::CallingConv::Tail);
  call_where_there_is(offsetof(FunctionInstance, native), kNativeConvention);

  const auto count =
      std::max<std::size_t>({1, runtime::slot_count(signature.params), runtime::slot_count(signature.results)});
  llvm::IRBuilder<> at_entry(&known->getEntryBlock(), known->getEntryBlock().begin());
  auto* const slots = at_entry.CreateAlloca(llvm::ArrayType::get(b.getInt64Ty(), count));
  Slots in(*this, b, slots);
  for (unsigned i = first_param; i < params.size(); ++i)
    in.store(known->getArg(i));
  auto* const helper_type = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy(), b.getPtrTy()}, false);
  b.CreateCall(helper_type, helper(b, instance, NativeHelper::call_function), {instance, function, slots});
  Slots out(*this, b, slots);
  if (has_buffer) {
    Slots results(*this, b, known->getArg(2));
    for (const auto result : signature.results)
      results.store(out.load(result));
    b.CreateRetVoid();
  } else if (signature.results.empty()) {
    b.CreateRetVoid();
  } else {
    b.CreateRet(out.load(signature.results[0]));
  }
  return known;
}

void ModuleLowering::define_native(std::uint32_t function_index) {
  if (!tail_calls)
    return;
  auto* const inner = function(function_index);
  auto* const native = llvm::Function::Create(inner->getFunctionType(), llvm::GlobalValue::ExternalLinkage,
                                              function_symbol(function_index), module);
  native->setVisibility(llvm::GlobalValue::HiddenVisibility);
  native->setCallingConv(kNativeConvention);
  set_attributes(*native);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", native));
  llvm::SmallVector<Value*, 8> arguments;
  for (auto& argument : native->args())
    arguments.push_back(&argument);
  auto* const call = b.CreateCall(inner, arguments);
  call->setCallingConv(convention());
  if (call->getType()->isVoidTy())
    b.CreateRetVoid();
  else
    b.CreateRet(call);
}

void ModuleLowering::define_entry(std::uint32_t type_index) {
  const auto& signature = wasm.types[type_index].function;
  auto* const pointer = llvm::PointerType::getUnqual(context);
  auto* const entry = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, pointer}, false),
      llvm::GlobalValue::ExternalLinkage, entry_symbol(type_index), module);
  entry->setVisibility(llvm::GlobalValue::HiddenVisibility);
  set_attributes(*entry);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", entry));
  auto* const slots = entry->getArg(2);
  llvm::SmallVector<Value*, 8> arguments{entry->getArg(1)};
  const bool has_buffer = signature.results.size() > 1;
  if (has_buffer)
    arguments.push_back(slots);  // results go where the parameters were, which are loaded before the call
  Slots in(*this, b, slots);
  for (const auto param : signature.params)
    arguments.push_back(in.load(param));
  auto* const call = b.CreateCall(type(signature), entry->getArg(0), arguments);
  call->setCallingConv(kNativeConvention);
  if (signature.results.size() == 1)
    Slots(*this, b, slots).store(call);
  b.CreateRetVoid();
}

}  // namespace wzrun::codegen
