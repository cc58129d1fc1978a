#pragma once

#include "runtime/address_table.h"
#include "runtime/budget.h"
#include "runtime/image.h"
#include "runtime/linear_memory.h"
#include "runtime/mapped_data.h"
#include "runtime/native.h"
#include "runtime/zeroed_memory.h"
#include "wasm/module.h"
#include "wasm/name_section.h"
#include "wzrun/config.h"
#include "wzrun/host_module.h"
#include "wzrun/runtime.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

/// What exists while programs run. Values live in 64-bit slots (v128: two), references are pointers or 0.
namespace wzrun::runtime {

struct CompiledCode;
struct Engine;
struct FunctionProfile;
struct EngineCode;
class Tiering;
/// A function in an engine's own terms.
struct FunctionCode {};
struct Instance;
struct RuntimeState;

/// An image of a module whose code can be found by its addresses.
struct AttachedImage {
  const CompiledCode* code = nullptr;
  std::shared_ptr<const Image> image;
  AddressTable<const AttachedImage>::Place* place = nullptr;
};

/// How a function is called that is compiled; all null if it is not.
struct NativeFunction {
  const void* native = nullptr;
  const void* tail = nullptr;
  EntryThunk entry = nullptr;
};

/// A module ready to instantiate: decoded, validated, its types interned in the runtime.
struct CompiledCode {
  ModuleBytes bytes;
  wasm::Module module;
  CompilationReport report;
  bool has_bodies = true;                              ///< false: function bodies are empty until require_bodies()
  std::function<Expected<ModuleBytes>()> read_bodies;  ///< the whole module, if has_bodies is not
  std::optional<MappedData> mapped_data;               ///< if the module comes from a compiled file
  std::vector<std::uint32_t> type_ids;                 ///< runtime-wide id of each type index
  std::unique_ptr<EngineCode> engine_code;
  std::vector<HostModuleBuilder::HostFunction> host_functions;  ///< only of a host module, by function index
  mutable std::once_flag names_read;
  mutable std::optional<wasm::NameSection> name_section;
  std::once_flag exports_indexed;
  std::unordered_map<std::string_view, std::uint32_t> exports_by_name;

  std::shared_ptr<const Image> image;  ///< of the whole module, if there is; see attach_image
  bool guarded_code = true;            ///< what is compiled leaves the bounds of 32-bit memories to their guards
  std::unique_ptr<Tiering> tiering;    ///< compiles functions while they run, if anybody does
  std::shared_ptr<const void> shown_to_debugger;
  std::unique_ptr<std::uint32_t[]> counts;  ///< see InstanceContext; null without `tiering`

  CompiledCode();
  ~CompiledCode();
  CompiledCode(const CompiledCode&) = delete;
  CompiledCode& operator=(const CompiledCode&) = delete;

  bool is_host() const { return !host_functions.empty(); }
  /// What an image of this module must fit.
  ImageExpectation image_expectation(std::string_view target) const;
  /// Gives compiled code of the whole module to the instances that are made from now on; those whose memories it does
  /// not fit use the interpreter, as do functions that it lacks. Once only, and before the first instance.
  void attach_image(std::shared_ptr<const Image> compiled);
  /// Adds compiled code of some functions, for instances that there are too. Where a function has some already that is
  /// compiled as well or better, that stays. Any thread may call this. Requires `tiering`, and the same guards as
  /// before.
  void attach_unit(std::shared_ptr<const Image> unit);
  /// Instances whose functions get better code when there is some. Nothing without `tiering`.
  void add_instance(Instance& instance);
  void remove_instance(Instance& instance);
  /// Appends what code counts and has not told of, as backward branches. `patience`: what it counts to.
  void add_counts(std::vector<FunctionProfile>& profile, std::uint32_t patience) const;
  /// The compiled code of a function by its number among the defined ones.
  NativeFunction native_function(std::uint32_t defined_index) const;
  /// Makes the bodies be there, which the interpreter needs. Errors: io.
  Expected<void> require_bodies();
  /// Read when the first name is needed.
  const wasm::NameSection& names() const;
  const wasm::Export* find_export(std::string_view name);

 private:
  using UnitPlace = std::atomic<const AttachedImage*>;
  const AttachedImage& attach(std::shared_ptr<const Image> compiled);

  std::mutex reading_bodies_;
  ModuleBytes whole_;             ///< what the bodies are views of, once they were read
  mutable std::mutex attaching_;  ///< guards what follows
  std::vector<Instance*> instances_;
  std::deque<AttachedImage> images_;
  std::atomic<UnitPlace*> units_{nullptr};  ///< by number among the defined functions: the unit that has it
};

/// The identity of a function: what a funcref points to.
struct FunctionInstance {
  Instance* instance = nullptr;  ///< where it was defined
  const void* native = nullptr;  ///< compiled code, if there is; see native.h. May appear while the program runs
  const void* tail = nullptr;    ///< compiled code for tail calls, if there is; see native.h
  FunctionCode* code = nullptr;  ///< of a wasm function that is not compiled, in the engine's terms
  const RawHostFunction* host = nullptr;
  const wasm::FunctionType* type = nullptr;
  std::uint32_t type_id = 0;
  std::uint32_t index = 0;     ///< in its module's index space
  EntryThunk entry = nullptr;  ///< how to call `native` with slots
  std::uint32_t slots = 0;     ///< of arguments or results, whichever are more

  /// `native`, while other threads may set it.
  const void* native_now() const {
    return std::atomic_ref(const_cast<const void*&>(native)).load(std::memory_order_acquire);
  }
  /// Whether there is compiled code, which `entry` enters.
  bool is_native() const { return native_now() != nullptr; }
  EntryThunk entry_now() const {
    return std::atomic_ref(const_cast<EntryThunk&>(entry)).load(std::memory_order_relaxed);
  }
};

/// A growing array of slots whose place and size compiled code reads.
class TableElements {
 public:
  TableElements() = default;
  ~TableElements();
  TableElements(const TableElements&) = delete;
  TableElements& operator=(const TableElements&) = delete;

  std::uint64_t* data() const { return data_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t* begin() const { return data_; }
  std::uint64_t* end() const { return data_ + size_; }
  std::uint64_t& operator[](std::uint64_t index) const { return data_[index]; }
  /// Appends; false if the host has no memory for it.
  bool append(std::uint64_t count, std::uint64_t value);

  static constexpr std::size_t kDataOffset = 0;
  static constexpr std::size_t kSizeOffset = 8;

 private:
  std::uint64_t* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::uint64_t capacity_ = 0;
};

struct TableInstance {
  TableElements elements;  ///< first: compiled code looks here
  wasm::TableType type;
  const CompiledCode* owner = nullptr;  ///< whose type indices `type` uses
  Budget* budget = nullptr;             ///< in elements

  /// Its elements come out of `budget`, which must outlive it. Errors: unsupported if the minimum exceeds that or what
  /// the host gives.
  static Expected<std::unique_ptr<TableInstance>> create(const wasm::TableType& type, std::uint64_t initial,
                                                         Budget& budget);
  /// Returns the previous size, or nothing if a limit or the host refuses.
  std::optional<std::uint64_t> grow(std::uint64_t count, std::uint64_t value);
};

struct GlobalInstance {
  std::uint64_t* cell = nullptr;  ///< two slots; first: compiled code looks here
  wasm::GlobalType type;
  const CompiledCode* owner = nullptr;  ///< whose type indices `type` uses
};

struct TagInstance {
  std::uint32_t type_id = 0;
};

/// Instances that can reach each other live and die together; linking merges their groups. A handle keeps its group
/// alive, and a merged group its parent.
struct InstanceGroup {
  ~InstanceGroup();
  std::shared_ptr<InstanceGroup> parent;              ///< set once merged: the group that has the instances now
  std::vector<std::shared_ptr<InstanceGroup>> hosts;  ///< of host modules that the instances call
  std::vector<Instance*> instances;
};
/// The group that a group has become part of, itself if none.
/// Both require RuntimeState::linking.
std::shared_ptr<InstanceGroup> root(std::shared_ptr<InstanceGroup> group);
void merge(const std::shared_ptr<InstanceGroup>& a, const std::shared_ptr<InstanceGroup>& b);

struct InstanceHandle {
  std::shared_ptr<RuntimeState> runtime;  // first, so that it goes last
  std::shared_ptr<InstanceGroup> group;
  Instance* instance = nullptr;
};

/// What compiled code knows of an instance. None of it changes once the instance is linked.
struct InstanceContext {
  std::uint8_t* memory_base = nullptr;  ///< of memory 0 if that is guarded
  LinearMemory* memory0 = nullptr;
  LinearMemory** memories = nullptr;
  TableInstance** tables = nullptr;
  GlobalInstance* globals = nullptr;
  FunctionInstance** imported_functions = nullptr;
  FunctionInstance* own_functions = nullptr;  ///< zeroed until function() is asked for one
  const std::uint32_t* type_ids = nullptr;    ///< runtime-wide id of each type index
  const void* const* helpers = nullptr;       ///< by NativeHelper
  std::uint32_t* counts = nullptr;            ///< by number among the defined functions: of code that counts
};

/// A module instance. Its own globals are in `cells`, which follow the object in memory, two slots each.
struct alignas(16) Instance : InstanceContext {
  CompiledCode* code = nullptr;
  EngineCode* engine_code = nullptr;
  RuntimeState* runtime = nullptr;
  bool takes_compiled_code = false;  ///< the memories are as compiled code expects them

  std::shared_ptr<CompiledCode> code_owner;
  std::vector<LinearMemory*> memory_list;
  std::vector<TableInstance*> table_list;
  std::vector<GlobalInstance> global_list;
  std::vector<TagInstance*> tag_list;
  std::vector<FunctionInstance*> imported_function_list;
  ZeroedMemory function_memory;                     ///< of own_functions
  std::vector<FunctionInstance> unknown_functions;  ///< stand-ins for missing imports
  std::vector<RawHostFunction> unknown_bodies;
  /// Arrays that constant expressions made. No instruction of this engine looks inside, so being one object is all
  /// there is to them.
  std::deque<std::uint64_t> constant_arrays;
  Budget memory_bytes;                      ///< of all its own memories
  Budget table_elements;                    ///< of all its own tables
  std::shared_ptr<Budget> instances_taken;  ///< that it took itself out of
  std::vector<std::unique_ptr<LinearMemory>> owned_memories;
  std::vector<std::unique_ptr<TableInstance>> owned_tables;
  std::vector<std::unique_ptr<TagInstance>> owned_tags;
  std::vector<std::vector<std::uint64_t>> elements;  ///< of each segment; empty once dropped
  std::vector<bool> dropped_data;

  std::weak_ptr<InstanceGroup> group;
  std::weak_ptr<RuntimeState> runtime_owner;
  std::string name;
  std::vector<std::string> names;  ///< every name it is registered under
  ModuleConfig config;
  std::vector<std::pair<const void*, std::unique_ptr<std::shared_ptr<void>>>> host_state;
  std::atomic<bool> closed{false};
  std::uint32_t exit_code = 0;

  static Instance* create(std::uint32_t global_count);
  static void destroy(Instance* instance);

  const wasm::Module& module() const { return code->module; }
  std::uint64_t* cells() { return reinterpret_cast<std::uint64_t*>(this + 1); }

  /// The function of an index; made at first use.
  FunctionInstance* function(std::uint32_t index);
  /// Looks again whether a function of the instance's own has become compiled code; false if not.
  bool adopt_compiled(FunctionInstance& function);
  /// Gives a function of the instance's own that is compiled code the best that there is now.
  void replace_compiled(std::uint32_t defined_index);

 private:
  Instance() = default;
  ~Instance() = default;

  std::mutex making_;  ///< of function()
};

struct Activation;
struct Execution;
class BacktraceBuilder;

/// A module in the terms of an engine.
struct EngineCode {
  virtual ~EngineCode() = default;
  /// The engine's form of a defined function; `guarded` says whether memory 0 of the instance is guarded.
  virtual FunctionCode* function_code(std::uint32_t function_index, bool guarded) = 0;
  /// There is compiled code of a function: calls of it go there from now on. Any thread may call this.
  virtual void use_compiled(std::uint32_t function_index) = 0;
  /// How often a function was called so far, about.
  virtual std::uint64_t calls(std::uint32_t function_index) const = 0;
  /// The same of all functions that were called, ascending.
  virtual std::vector<FunctionProfile> profile() const = 0;
};

/// What executes functions that are not compiled.
struct Engine {
  virtual ~Engine() = default;
  virtual std::unique_ptr<EngineCode> prepare(CompiledCode& code) = 0;
  /// Calls a function: arguments at `stack` are replaced by the results. If it does not return, the run goes on at the
  /// execution's landing.
  virtual void enter(Execution& execution, FunctionInstance& function, std::uint64_t* stack) = 0;
  /// The frames of one activation, innermost first.
  virtual void add_frames(const Execution& execution, const Activation& activation, BacktraceBuilder& builder) = 0;
};

/// Calls any function; arguments at the start of `stack` (one slot each, v128 two) are replaced by the results.
Result<void> call(FunctionInstance& function, std::span<std::uint64_t> stack);

/// Clears what lies above 32-bit numbers in the slots of values that come from a host: programs rely on it.
void clear_unused_bits(std::span<const ValueType> types, std::uint64_t* slots);
/// Slots that values of these types take.
constexpr std::size_t slot_count(std::span<const ValueType> types) {
  std::size_t slots = types.size();
  for (const auto type : types)
    slots += type.is_vector() ? 1 : 0;
  return slots;
}

}  // namespace wzrun::runtime
