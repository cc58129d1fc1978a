#include "runtime/native_code.h"
#include "runtime/state.h"
#include "wasm/byte_reader.h"
#include "wasm/opcodes.h"
#include "wasm/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

/// Linking and initialising instances. Source: Wasm 3.0, 4.7.3.
namespace wzrun::runtime {

namespace {

using wasm::ExternKind;

Error unlinkable(std::string message) { return {ErrorKind::unlinkable, Error::kNoOffset, std::move(message)}; }

/// Subtyping between types of two modules.
class CrossModule {
 public:
  CrossModule(const RuntimeState& runtime, const CompiledCode& sub, const CompiledCode& super)
      : runtime_(runtime), sub_(sub), super_(super) {}

  bool matches(ValueType sub, ValueType super) const {
    if (!sub.is_reference() || !super.is_reference())
      return sub == super;
    if (sub.is_nullable() && !super.is_nullable())
      return false;
    const auto from = sub.heap();
    const auto to = super.heap();
    if (to.is_abstract())
      return wasm::matches(sub_.module, from, to);
    if (from.is_abstract())
      return wasm::matches(super_.module, from, to);
    return runtime_.types.is_subtype(sub_.type_ids[from.type_index()], super_.type_ids[to.type_index()]);
  }

 private:
  const RuntimeState& runtime_;
  const CompiledCode& sub_;
  const CompiledCode& super_;
};

bool equal_types(const RuntimeState& runtime, const CompiledCode& a, ValueType a_type, const CompiledCode& b,
                 ValueType b_type) {
  return CrossModule(runtime, a, b).matches(a_type, b_type) && CrossModule(runtime, b, a).matches(b_type, a_type);
}

/// Whether something of `size` with `actual` limits satisfies an import's limits.
bool limits_match(const wasm::Limits& actual, std::uint64_t size, const wasm::Limits& wanted) {
  return actual.is_64 == wanted.is_64 && actual.is_shared == wanted.is_shared && size >= wanted.min &&
         (!wanted.max || (actual.max && *actual.max <= *wanted.max));
}

/// Builds one instance.
class Linker {
 public:
  Linker(const std::shared_ptr<RuntimeState>& runtime, const std::shared_ptr<CompiledCode>& code,
         const ModuleConfig& config)
      : runtime_(runtime),
        code_(code),
        config_(config),
        module_(code->module),
        group_(std::make_shared<InstanceGroup>()) {}

  Expected<std::shared_ptr<InstanceHandle>> link() {
    instance_ = Instance::create(static_cast<std::uint32_t>(module_.globals.size() - module_.imported_globals));
    group_->instances.push_back(instance_);
    instance_->group = group_;
    instance_->code_owner = code_;
    instance_->code = code_.get();
    instance_->engine_code = code_->engine_code.get();
    instance_->type_ids = code_->type_ids.data();
    instance_->helpers = native_helpers();
    instance_->runtime = runtime_.get();
    instance_->runtime_owner = runtime_;
    instance_->name = config_.name();
    instance_->config = config_;
    instance_->memory_bytes.give_back(runtime_->config.max_memory_bytes());
    instance_->table_elements.give_back(runtime_->config.max_table_elements());
    WZRUN_CHECK(count_instance());
    instance_->unknown_functions.reserve(module_.imported_functions);
    instance_->unknown_bodies.reserve(module_.imported_functions);
    for (const auto& import : module_.imports)
      WZRUN_CHECK(resolve(import));
    WZRUN_CHECK(create_functions());
    code_->add_instance(*instance_);
    WZRUN_CHECK(create_memories());
    if (code_->image == nullptr || !instance_->takes_compiled_code)
      WZRUN_CHECK(code_->require_bodies());
    create_tags();
    instance_->imported_functions = instance_->imported_function_list.data();
    WZRUN_CHECK(create_globals());
    WZRUN_CHECK(create_tables());
    WZRUN_CHECK(create_elements());
    instance_->dropped_data.assign(module_.data.size(), false);
    // From here on others may refer to this instance and it to them.
    const std::scoped_lock lock(runtime_->linking);
    for (const auto& partner : partners_)
      merge(partner, group_);
    auto& hosts = root(group_)->hosts;
    hosts.insert(hosts.end(), hosts_.begin(), hosts_.end());
    auto handle = std::make_shared<InstanceHandle>();
    handle->runtime = runtime_;
    handle->group = group_;
    handle->instance = instance_;
    return handle;
  }

 private:
  std::string describe(const wasm::Import& import) const {
    return fmt::format("import {} \"{}\" \"{}\"", wasm::to_string(import.kind), import.module, import.name);
  }
  Error incompatible(const wasm::Import& import, std::string_view why) const {
    return unlinkable(fmt::format("incompatible import type: {}: {}", describe(import), why));
  }

  Expected<void> count_instance() {
    if (code_->is_host())
      return {};
    if (!runtime_->instances->take(1))
      return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset,
                                   fmt::format("the limit is {} instances", runtime_->config.max_instances())});
    instance_->instances_taken = runtime_->instances;
    return {};
  }

  Expected<void> resolve(const wasm::Import& import) {
    RuntimeState::Named provider;
    {
      const std::scoped_lock lock(runtime_->mutex);
      if (const auto found = runtime_->names.find(import.module); found != runtime_->names.end())
        provider = found->second;
    }
    const auto* const exported =
        provider.instance != nullptr ? provider.instance->code->find_export(import.name) : nullptr;
    if (exported == nullptr)
      return stand_in(import, provider.instance != nullptr);
    if (exported->kind != import.kind)
      return std::unexpected(
          incompatible(import, fmt::format("wants a {}, the export is a {}", wasm::to_string(import.kind),
                                           wasm::to_string(exported->kind))));
    auto& known = provider.instance->code->is_host() ? hosts_ : partners_;
    if (std::ranges::find(known, provider.group) == known.end())
      known.push_back(provider.group);
    switch (import.kind) {
      case ExternKind::function:
        return take_function(import, *provider.instance, exported->index);
      case ExternKind::table:
        return take_table(import, *provider.instance->tables[exported->index]);
      case ExternKind::memory:
        return take_memory(import, *provider.instance->memories[exported->index]);
      case ExternKind::global:
        return take_global(import, provider.instance->globals[exported->index]);
      case ExternKind::tag:
        return take_tag(import, *provider.instance->tag_list[exported->index]);
    }
    std::unreachable();
  }

  Expected<void> stand_in(const wasm::Import& import, bool module_exists) {
    if (import.kind != ExternKind::function || config_.unknown_imports() == UnknownImports::error)
      return std::unexpected(unlinkable(fmt::format(
          "unknown import: {}: {}", describe(import),
          module_exists ? "the module has no such export" : fmt::format("there is no module \"{}\"", import.module))));
    if (config_.unknown_imports() == UnknownImports::trap) {
      instance_->unknown_bodies.emplace_back(
          [what = describe(import)](Caller&, std::span<std::uint64_t>) -> Result<void> {
            return std::unexpected(Trap{.kind = TrapKind::unknown_import, .detail = what});
          });
    } else {
      instance_->unknown_bodies.emplace_back([](Caller&, std::span<std::uint64_t> stack) -> Result<void> {
        std::ranges::fill(stack, 0);
        return {};
      });
    }
    auto& function = instance_->unknown_functions.emplace_back();
    function.instance = instance_;
    function.host = &instance_->unknown_bodies.back();
    function.type = &module_.function_type(import.index);
    function.type_id = code_->type_ids[module_.functions[import.index].type_index];
    function.index = import.index;
    function.slots =
        static_cast<std::uint32_t>(std::max(slot_count(function.type->params), slot_count(function.type->results)));
    instance_->imported_function_list.push_back(&function);
    return {};
  }

  Expected<void> take_function(const wasm::Import& import, Instance& provider, std::uint32_t index) {
    auto* const function = provider.function(index);
    const auto wanted = code_->type_ids[module_.functions[import.index].type_index];
    if (function->type_id != wanted && !runtime_->types.is_subtype(function->type_id, wanted))
      return std::unexpected(incompatible(
          import, fmt::format("wants {}, the export is {}", wasm::to_string(module_.function_type(import.index)),
                              wasm::to_string(*function->type))));
    instance_->imported_function_list.push_back(function);
    return {};
  }

  Expected<void> take_table(const wasm::Import& import, TableInstance& table) {
    const auto& wanted = module_.tables[import.index].type;
    if (!equal_types(*runtime_, *table.owner, table.type.element, *code_, wanted.element))
      return std::unexpected(
          incompatible(import, fmt::format("wants elements {}, the export has {}", to_string(wanted.element),
                                           to_string(table.type.element))));
    if (!limits_match(table.type.limits, table.elements.size(), wanted.limits))
      return std::unexpected(incompatible(import, "the limits do not fit"));
    instance_->table_list.push_back(&table);
    return {};
  }

  Expected<void> take_memory(const wasm::Import& import, LinearMemory& memory) {
    if (!limits_match(memory.limits(), memory.size_pages(), module_.memories[import.index].limits))
      return std::unexpected(incompatible(import, "the limits do not fit"));
    instance_->memory_list.push_back(&memory);
    return {};
  }

  Expected<void> take_global(const wasm::Import& import, const GlobalInstance& global) {
    const auto& wanted = module_.globals[import.index].type;
    if (global.type.is_mutable != wanted.is_mutable)
      return std::unexpected(incompatible(import, wanted.is_mutable
                                                      ? "wants a mutable global, the export is immutable"
                                                      : "wants an immutable global, the export is mutable"));
    const bool fits = wanted.is_mutable
                          ? equal_types(*runtime_, *global.owner, global.type.value, *code_, wanted.value)
                          : CrossModule(*runtime_, *global.owner, *code_).matches(global.type.value, wanted.value);
    if (!fits)
      return std::unexpected(incompatible(
          import, fmt::format("wants {}, the export is {}", to_string(wanted.value), to_string(global.type.value))));
    instance_->global_list.push_back(global);
    return {};
  }

  Expected<void> take_tag(const wasm::Import& import, TagInstance& tag) {
    if (tag.type_id != code_->type_ids[module_.tags[import.index].type_index])
      return std::unexpected(incompatible(import, "the tag has another type"));
    instance_->tag_list.push_back(&tag);
    return {};
  }

  Expected<void> create_functions() {
    if (module_.defined_functions() == 0)
      return {};
    instance_->own_functions = static_cast<FunctionInstance*>(
        instance_->function_memory.allocate(module_.defined_functions() * sizeof(FunctionInstance)));
    if (instance_->own_functions == nullptr)
      return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, "no memory for the functions"});
    return {};
  }

  Expected<void> create_memories() {
    for (auto i = module_.imported_memories; i < module_.memories.size(); ++i) {
      auto memory = WZRUN_TRY(LinearMemory::create(module_.memories[i].limits, instance_->memory_bytes));
      instance_->memory_list.push_back(memory.get());
      instance_->owned_memories.push_back(std::move(memory));
    }
    instance_->memories = instance_->memory_list.data();
    if (!instance_->memory_list.empty()) {
      instance_->memory0 = instance_->memory_list[0];
      instance_->memory_base = instance_->memory0->is_guarded() ? instance_->memory0->base() : nullptr;
    }
    instance_->takes_compiled_code =
        !code_->guarded_code || std::ranges::all_of(instance_->memory_list, [](const auto* memory) {
          return memory->limits().is_64 || memory->is_guarded();
        });
    return {};
  }

  void create_tags() {
    for (auto i = module_.imported_tags; i < module_.tags.size(); ++i) {
      instance_->owned_tags.push_back(std::make_unique<TagInstance>(code_->type_ids[module_.tags[i].type_index]));
      instance_->tag_list.push_back(instance_->owned_tags.back().get());
    }
  }

  Expected<void> create_globals() {
    instance_->global_list.reserve(module_.globals.size());  // an initialiser may look at the globals before it
    instance_->globals = instance_->global_list.data();
    for (auto i = module_.imported_globals; i < module_.globals.size(); ++i) {
      auto* const cell = instance_->cells() + std::size_t{i - module_.imported_globals} * 2;
      const auto value = WZRUN_TRY(evaluate(*instance_, module_.globals[i].init));
      cell[0] = value.low;
      cell[1] = value.high;
      instance_->global_list.push_back({cell, module_.globals[i].type, code_.get()});
    }
    return {};
  }

  Expected<void> create_tables() {
    for (auto i = module_.imported_tables; i < module_.tables.size(); ++i) {
      const auto& declared = module_.tables[i];
      const auto initial = declared.init ? WZRUN_TRY(evaluate(*instance_, *declared.init)).low : 0;
      auto table = WZRUN_TRY(TableInstance::create(declared.type, initial, instance_->table_elements));
      table->owner = code_.get();
      instance_->table_list.push_back(table.get());
      instance_->owned_tables.push_back(std::move(table));
    }
    instance_->tables = instance_->table_list.data();
    return {};
  }

  Expected<void> create_elements() {
    for (const auto& segment : module_.elements) {
      auto& values = instance_->elements.emplace_back();
      if (segment.mode == wasm::SegmentMode::declarative)
        continue;
      values.reserve(segment.size());
      for (const auto index : segment.function_indices)
        values.push_back(reinterpret_cast<std::uint64_t>(instance_->function(index)));
      for (const auto& expression : segment.expressions)
        values.push_back(WZRUN_TRY(evaluate(*instance_, expression)).low);
    }
    return {};
  }

  const std::shared_ptr<RuntimeState>& runtime_;
  const std::shared_ptr<CompiledCode>& code_;
  const ModuleConfig& config_;
  const wasm::Module& module_;
  std::shared_ptr<InstanceGroup> group_;
  Instance* instance_ = nullptr;
  std::vector<std::shared_ptr<InstanceGroup>> partners_;
  std::vector<std::shared_ptr<InstanceGroup>> hosts_;
};

Trap out_of_bounds(TrapKind kind, std::string_view what, std::size_t index) {
  return {.kind = kind, .detail = fmt::format("{} segment {}", what, index)};
}

}  // namespace

Expected<std::shared_ptr<InstanceHandle>> link(const std::shared_ptr<RuntimeState>& runtime,
                                               const std::shared_ptr<CompiledCode>& code, const ModuleConfig& config) {
  return Linker(runtime, code, config).link();
}

namespace {

/// Writes a segment to where it belongs, which is in the memory.
void place(const Instance& instance, std::size_t index, LinearMemory& memory, std::uint64_t at) {
  const auto& bytes = instance.module().data[index].bytes;
  const auto copy = [&](std::uint64_t begin, std::uint64_t end) {
    if (begin < end)
      std::memcpy(memory.base() + at + begin, bytes.data() + begin, end - begin);
  };
  const auto& mapped = instance.code->mapped_data;
  if (mapped && mapped->segment.index == index && memory.is_guarded()) {
    constexpr auto kStep = LinearMemory::kMappingStep;
    const auto begin = -at % kStep;
    const auto end = bytes.size() - (at + bytes.size()) % kStep;
    if (begin < end && memory.map_file(at + begin, end - begin, mapped->file.fd(), mapped->offset + begin)) {
      copy(0, begin);
      copy(end, bytes.size());
      return;
    }
  }
  copy(0, bytes.size());
}

/// Tells the first memory where the segments fill it, if they leave little out.
void announce_data(Instance& instance) {
  const auto& module = instance.module();
  if (instance.memory_list.empty() || instance.code->mapped_data)
    return;
  auto begin = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t end = 0, filled = 0;
  for (const auto& segment : module.data) {
    if (segment.memory_index != 0 || !segment.memory_offset.i32 || segment.bytes.empty())
      continue;
    begin = std::min<std::uint64_t>(begin, *segment.memory_offset.i32);
    end = std::max<std::uint64_t>(end, *segment.memory_offset.i32 + segment.bytes.size());
    filled += segment.bytes.size();
  }
  auto& memory = *instance.memory_list[0];
  if (begin < end && filled >= (end - begin) / 2 && memory.contains(begin, end - begin))
    memory.expect_writes(begin, end - begin);
}

}  // namespace

Result<void> initialise(Instance& instance) {
  const auto& module = instance.module();
  for (std::size_t i = 0; i < module.elements.size(); ++i) {
    const auto& segment = module.elements[i];
    if (segment.mode == wasm::SegmentMode::passive)
      continue;
    auto values = std::exchange(instance.elements[i], {});
    if (segment.mode == wasm::SegmentMode::declarative)
      continue;
    auto& to = instance.tables[segment.table_index]->elements;
    const auto at = WZRUN_TRY(evaluate(instance, segment.table_offset)).low;
    if (at > to.size() || values.size() > to.size() - at)
      return std::unexpected(out_of_bounds(TrapKind::out_of_bounds_table_access, "element", i));
    std::ranges::copy(values, to.data() + at);
  }
  announce_data(instance);
  for (std::size_t i = 0; i < module.data.size(); ++i) {
    const auto& segment = module.data[i];
    if (segment.mode == wasm::SegmentMode::passive)
      continue;
    instance.dropped_data[i] = true;
    auto& to = *instance.memories[segment.memory_index];
    const auto at = WZRUN_TRY(evaluate(instance, segment.memory_offset)).low;
    if (!to.contains(at, segment.bytes.size()))
      return std::unexpected(out_of_bounds(TrapKind::out_of_bounds_memory_access, "data", i));
    place(instance, i, to, at);
  }
  return {};
}

}  // namespace wzrun::runtime
