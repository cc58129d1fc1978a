#include "interp/interpreter.h"

#include "interp/code.h"
#include "interp/emitter.h"
#include "interp/handlers.h"
#include "runtime/backtrace.h"
#include "runtime/call.h"
#include "runtime/fault.h"
#include "runtime/tiering.h"
#include "runtime/trampoline.h"
#include "runtime/unit_file.h"
#include "wasm/function_reader.h"

#include <sys/mman.h>
#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <map>
#include <new>

namespace wzrun::interp {

using runtime::Activation;
using runtime::Ending;
using runtime::Execution;
using runtime::FunctionInstance;

ModuleCode::ModuleCode(runtime::CompiledCode& compiled_code, bool memory_is_guarded)
    : compiled(compiled_code), guarded(memory_is_guarded) {
  mapped_bytes_ = compiled.module.defined_functions() * sizeof(Code);
  if (mapped_bytes_ == 0)
    return;
  // Untouched pages cost nothing: a large module of which little runs pays for that little.
  void* const pages =
      mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    throw std::bad_alloc();
  functions_ = static_cast<Code*>(pages);
}

ModuleCode::~ModuleCode() {
  for (const auto index : asked_for_)
    functions_[index].~Code();
  if (functions_ != nullptr)
    munmap(functions_, mapped_bytes_);
}

Code* ModuleCode::function(std::uint32_t function_index) {
  Code& code = functions_[function_index - compiled.module.imported_functions];
  const std::scoped_lock lock(creating_);
  if (code.module == nullptr) {
    new (&code) Code;
    code.index = function_index;
    code.module = this;
    asked_for_.push_back(function_index - compiled.module.imported_functions);
    code.calls.grant(patience());
    code.back_edges.grant(patience());
    const auto defined = function_index - compiled.module.imported_functions;
    const bool is_compiled = compiled.tiering != nullptr && compiled.native_function(defined).native != nullptr;
    code.entry.store(is_compiled ? compiled_entry : translate_entry, std::memory_order_release);
  }
  return &code;
}

const Code* ModuleCode::find(std::uint32_t function_index) {
  const Code& code = functions_[function_index - compiled.module.imported_functions];
  const std::scoped_lock lock(creating_);
  return code.module != nullptr ? &code : nullptr;
}

void ModuleCode::note_translated(std::uint32_t function_index) {
  const std::scoped_lock lock(creating_);
  translated_.push_back(function_index - compiled.module.imported_functions);
}

void ModuleCode::use_compiled(std::uint32_t function_index) {
  Code& code = functions_[function_index - compiled.module.imported_functions];
  const std::scoped_lock lock(creating_);
  if (code.module != nullptr)
    code.entry.store(compiled_entry, std::memory_order_release);
}

std::uint32_t ModuleCode::patience() const {
  return compiled.tiering != nullptr ? compiled.tiering->patience() : std::numeric_limits<std::uint32_t>::max();
}

void note_hot_function(Code& code) {
  const auto patience = code.module->patience();
  code.calls.grant(patience);
  if (auto* const tiering = code.module->compiled.tiering.get(); tiering != nullptr)
    tiering->is_hot(code.index, std::nullopt, patience);
}

runtime::LoopEntry note_hot_loop(const runtime::Instance& instance, Code& code, const std::uint8_t* loop) {
  const auto patience = code.module->patience();
  code.back_edges.grant(patience);
  auto* const tiering = code.module->compiled.tiering.get();
  if (tiering == nullptr || !instance.takes_compiled_code)
    return nullptr;
  const auto offset = static_cast<std::uint32_t>(loop - code.bytes.get());
  const auto number = static_cast<std::uint32_t>(std::ranges::lower_bound(code.loops, offset) - code.loops.begin());
  tiering->is_hot(code.index, number, patience);
  const auto entry = tiering->loop_entry(code.index, number);
  if (entry != nullptr)
    tiering->note_loop_entry();
  return entry;
}

FunctionInstance* compiled_function(runtime::Instance& instance, const Code& code) {
  auto* const function = instance.function(code.index);
  return instance.adopt_compiled(*function) ? function : nullptr;
}

bool ModuleCode::owns(const Code* code) const {
  const auto distance = reinterpret_cast<std::uintptr_t>(code) - reinterpret_cast<std::uintptr_t>(functions_);
  return functions_ != nullptr && distance < mapped_bytes_ && distance % sizeof(Code) == 0 && code->module == this;
}

namespace {

/// False if that was done already.
bool emit(Code& code) {
  const std::scoped_lock lock(code.module->translating);
  if (code.bytes != nullptr)
    return false;
  Emitter emitter(code);
  wasm::FunctionReader<Emitter> reader(code.module->compiled.module, emitter);
  [[maybe_unused]] const auto read = reader.read(code.index);
  assert(read);  // the module is valid
  emitter.finish();
  const auto* expected = translate_entry;  // compiled code may have come meanwhile
  code.entry.compare_exchange_strong(expected, code.bytes.get(), std::memory_order_release);
  code.module->note_translated(code.index);
  return true;
}

}  // namespace

void translate(Code& code) {
  auto* const tiering = code.module->compiled.tiering.get();
  if (emit(code) && tiering != nullptr)
    tiering->is_entered(code.index);
}

namespace {

/// All code of an engine, to tell the link of a frame from what else may lie in a stack: an interruption can come
/// between the instructions that make a frame.
class KnownCode {
 public:
  void add(const ModuleCode& code) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(&code);
  }
  void remove(const ModuleCode& code) {
    const std::scoped_lock lock(mutex_);
    std::erase(all_, &code);
  }
  bool contains(const Code* code) {
    const std::scoped_lock lock(mutex_);
    // Mostly the frames of a stack are of the same module.
    const auto found = std::ranges::find_if(all_, [&](const ModuleCode* module) { return module->owns(code); });
    if (found == all_.end())
      return false;
    std::swap(*found, all_.front());
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<const ModuleCode*> all_;
};

struct InterpreterCode final : runtime::EngineCode {
  InterpreterCode(runtime::CompiledCode& compiled_code, std::shared_ptr<KnownCode> known_code)
      : compiled(compiled_code), known(std::move(known_code)) {}
  InterpreterCode(const InterpreterCode&) = delete;
  InterpreterCode& operator=(const InterpreterCode&) = delete;
  ~InterpreterCode() override {
    for (const auto& set : sets)
      if (set != nullptr)
        known->remove(*set);
  }

  runtime::FunctionCode* function_code(std::uint32_t function_index, bool guarded) override {
    auto& set = sets[guarded];
    {
      const std::scoped_lock lock(mutex);
      if (set == nullptr) {
        set = std::make_unique<ModuleCode>(compiled, guarded);
        known->add(*set);
      }
    }
    return set->function(function_index);
  }

  void use_compiled(std::uint32_t function_index) override {
    for_each_set([&](ModuleCode& set) { set.use_compiled(function_index); });
  }

  std::uint64_t calls(std::uint32_t function_index) const override {
    std::uint64_t calls = 0;
    for_each_set([&](ModuleCode& set) {
      if (const auto* const code = set.find(function_index); code != nullptr)
        calls += code->calls.counted();
    });
    return calls;
  }

  std::vector<runtime::FunctionProfile> profile() const override {
    std::map<std::uint32_t, runtime::FunctionProfile> functions;
    for_each_set([&](const ModuleCode& set) {
      set.for_each_translated([&](const Code& code) {
        auto& profile = functions[code.index];
        profile.function = code.index;
        profile.calls += code.calls.counted();
        profile.back_edges += code.back_edges.counted();
      });
    });
    std::vector<runtime::FunctionProfile> list;
    for (const auto& [index, profile] : functions)
      if (profile.calls != 0)
        list.push_back(profile);
    return list;
  }

  template <typename F>
  void for_each_set(F body) const {
    const std::scoped_lock lock(mutex);
    for (const auto& set : sets)
      if (set != nullptr)
        body(*set);
  }

  runtime::CompiledCode& compiled;
  std::shared_ptr<KnownCode> known;
  mutable std::mutex mutex;
  std::unique_ptr<ModuleCode> sets[2];
};

/// The frames of an activation, innermost first.
class StackWalk {
 public:
  StackWalk(const Execution& execution, const Activation& activation, KnownCode& known)
      : known_(known), pc_(activation.pc) {
    lowest_ = reinterpret_cast<const Slot*>(&activation) + runtime::kActivationSlots + kLinkSlots;
    enter(static_cast<const Slot*>(activation.fp), execution.end);
    if (code_ != nullptr && pc_ == compiled_entry)
      next();
  }
  bool done() const { return code_ == nullptr; }
  runtime::CodePosition position() const {
    return {.code = &code_->module->compiled, .function_index = code_->index, .offset = module_offset()};
  }
  void next() {
    const auto* const return_pc = reinterpret_cast<const std::uint8_t*>(fp_[kLinkReturn]);
    const auto* const caller = reinterpret_cast<const Slot*>(fp_[kLinkCaller]);
    if (return_pc == cross_return)
      pc_ = reinterpret_cast<const std::uint8_t*>(fp_[kLinkCrossReturn]) - 1;
    else
      pc_ = return_pc - 1;  // inside the call, not behind it
    enter(return_pc == host_return ? nullptr : caller, fp_ - 1);
  }

 private:
  void enter(const Slot* fp, const Slot* highest) {
    fp_ = fp;
    const bool inside = fp >= lowest_ && fp <= highest && reinterpret_cast<std::uintptr_t>(fp) % sizeof(Slot) == 0;
    code_ = inside ? reinterpret_cast<const Code*>(fp[kLinkCode]) : nullptr;
    if (code_ != nullptr && !known_.contains(code_))
      code_ = nullptr;
  }
  std::uint64_t module_offset() const {
    const auto* const begin =
        code_->entry.load(std::memory_order_acquire) != translate_entry ? code_->bytes.get() : nullptr;
    if (begin == nullptr || pc_ < begin || pc_ >= begin + code_->size) {
      const auto& module = code_->module->compiled.module;
      return module.code[code_->index - module.imported_functions].offset;
    }
    const auto at = static_cast<std::uint32_t>(pc_ - begin);
    auto after = std::ranges::upper_bound(code_->positions, at, {}, &Position::code);
    return after == code_->positions.begin() ? 0 : std::prev(after)->module;
  }

  KnownCode& known_;
  const Slot* lowest_;
  const std::uint8_t* pc_;
  const Slot* fp_ = nullptr;
  const Code* code_ = nullptr;
};

/// Runs from `pc` until the frame entered from outside returns or the run ends otherwise.
WZRUN_ABANDONED void run(const std::uint8_t* pc, Slot* fp, runtime::Instance* in, Execution& execution) {
  auto* const mem = in->memory0 != nullptr ? in->memory0->base() : nullptr;
  Handler first;
  std::memcpy(&first, pc, sizeof first);
  first(pc, fp, in, mem, &execution, 0, Vector{});
}

struct Interpreter final : runtime::Engine {
  Interpreter() { runtime::register_code_range({is_handler_address}); }

  std::unique_ptr<runtime::EngineCode> prepare(runtime::CompiledCode& code) override {
    return std::make_unique<InterpreterCode>(code, known_);
  }

  WZRUN_ABANDONED void enter(Execution& execution, FunctionInstance& function, std::uint64_t* stack) override {
    const auto* const code = static_cast<const Code*>(function.code);
    if (activate(execution, runtime::EngineKind::interpreter) == nullptr)
      leave(execution, TrapKind::call_stack_exhausted);
    const auto window = function.slots;
    Slot* const base = execution.top;
    if (static_cast<std::size_t>(execution.end - base) < window + kLinkSlots) {
      deactivate(execution);
      leave(execution, TrapKind::call_stack_exhausted);
    }
    Slot* const fp = base + window + kLinkSlots;
    std::copy_n(stack, runtime::slot_count(function.type->params), base);
    fp[kLinkCode] = reinterpret_cast<std::uint64_t>(code);
    fp[kLinkReturn] = reinterpret_cast<std::uint64_t>(host_return);
    run(code->entry.load(std::memory_order_acquire), fp, function.instance, execution);
    if (execution.ending != Ending::returned)
      leave(execution);
    std::copy_n(base, runtime::slot_count(function.type->results), stack);
    deactivate(execution);
  }

  void add_frames(const Execution& execution, const Activation& activation,
                  runtime::BacktraceBuilder& builder) override {
    for (StackWalk walk(execution, activation, *known_); !walk.done(); walk.next())
      builder.add(walk.position());
  }

 private:
  std::shared_ptr<KnownCode> known_ = std::make_shared<KnownCode>();
};

}  // namespace

std::unique_ptr<runtime::Engine> make_engine() { return std::make_unique<Interpreter>(); }

}  // namespace wzrun::interp
