#include "runtime/instance.h"

#include "runtime/fault.h"
#include "runtime/native_code.h"
#include "runtime/tiering.h"
#include "runtime/unit_file.h"
#include "wasm/decoder.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace wzrun::runtime {

const wasm::Export* CompiledCode::find_export(std::string_view export_name) {
  std::call_once(exports_indexed, [this] {
    exports_by_name.reserve(module.exports.size());
    for (std::uint32_t i = 0; i < module.exports.size(); ++i)
      exports_by_name.emplace(module.exports[i].name, i);
  });
  const auto found = exports_by_name.find(export_name);
  return found == exports_by_name.end() ? nullptr : &module.exports[found->second];
}

CompiledCode::CompiledCode() = default;

CompiledCode::~CompiledCode() {
  tiering.reset();  // nothing is attached any more
  for (const auto& attached : images_)
    if (attached.place != nullptr)
      attached_images().remove(attached.place);
  delete[] units_.load();
}

ImageExpectation CompiledCode::image_expectation(std::string_view target) const {
  return {target, module.functions.size() - module.imported_functions, module.types.size()};
}

const AttachedImage& CompiledCode::attach(std::shared_ptr<const Image> compiled) {
  auto& attached = images_.emplace_back(this, std::move(compiled));
  const auto code = attached.image->code();
  if (!code.empty()) {
    attached.place = attached_images().add(code.data(), code.size(), attached);
    watch_native_faults();
  }
  return attached;
}

void CompiledCode::attach_image(std::shared_ptr<const Image> compiled) {
  assert(image == nullptr);
  image = std::move(compiled);
  guarded_code = image->is_guarded();
  const std::scoped_lock lock(attaching_);
  attach(image);
}

void CompiledCode::attach_unit(std::shared_ptr<const Image> unit) {
  assert(unit->is_guarded() == guarded_code);
  const std::scoped_lock lock(attaching_);
  if (units_.load(std::memory_order_relaxed) == nullptr)
    units_.store(new UnitPlace[module.defined_functions()](), std::memory_order_release);
  const auto& attached = attach(std::move(unit));
  auto* const places = units_.load(std::memory_order_relaxed);
  for (const auto defined : attached.image->members()) {
    if (defined >= module.defined_functions() || attached.image->function(defined) == nullptr)
      continue;
    const auto* const before = places[defined].load(std::memory_order_relaxed);
    if (before != nullptr && before->image->opt_level() > attached.image->opt_level())
      continue;
    places[defined].store(&attached, std::memory_order_release);
    if (before == nullptr)
      continue;
    for (auto* const instance : instances_)
      instance->replace_compiled(defined);
    if (counts != nullptr)  // direct calls of the code before, which counts, see there that there is better code
      std::atomic_ref(counts[defined]).store(1U << 31, std::memory_order_relaxed);
  }
}

void CompiledCode::add_instance(Instance& instance) {
  if (tiering == nullptr)
    return;
  const std::scoped_lock lock(attaching_);
  if (counts == nullptr)
    counts = std::make_unique<std::uint32_t[]>(module.defined_functions());
  instance.counts = counts.get();
  instances_.push_back(&instance);
}

void CompiledCode::remove_instance(Instance& instance) {
  const std::scoped_lock lock(attaching_);
  std::erase(instances_, &instance);
}

void CompiledCode::add_counts(std::vector<FunctionProfile>& profile, std::uint32_t patience) const {
  const std::scoped_lock lock(attaching_);
  if (counts == nullptr)
    return;
  const auto step = (1U << 31) / patience;
  for (std::uint32_t i = 0; i < module.defined_functions(); ++i) {
    const auto count = std::atomic_ref(counts[i]).load(std::memory_order_relaxed);
    if (count >= step && count < 1U << 31)  // else there is better code
      profile.push_back({.function = module.imported_functions + i, .back_edges = count / step});
  }
}

NativeFunction CompiledCode::native_function(std::uint32_t defined_index) const {
  const auto* from = image.get();
  if (const auto* const units = units_.load(std::memory_order_acquire); units != nullptr && from == nullptr)
    if (const auto* const unit = units[defined_index].load(std::memory_order_acquire); unit != nullptr)
      from = unit->image.get();
  if (from == nullptr)
    return {};
  const auto type = module.functions[module.imported_functions + defined_index].type_index;
  const NativeFunction found{from->function(defined_index), from->tail(defined_index), from->entry(type)};
  return found.native != nullptr && found.entry != nullptr ? found : NativeFunction{};
}

TableElements::~TableElements() { std::free(data_); }

bool TableElements::append(std::uint64_t count, std::uint64_t value) {
  if (size_ + count > capacity_) {
    const auto capacity = std::max(size_ + count, capacity_ + capacity_ / 2);
    if (capacity > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(std::uint64_t))
      return false;
    auto* const moved = static_cast<std::uint64_t*>(std::realloc(data_, capacity * sizeof(std::uint64_t)));
    if (moved == nullptr)
      return false;
    data_ = moved;
    capacity_ = capacity;
  }
  std::fill_n(data_ + size_, count, value);
  size_ += count;
  return true;
}

Expected<std::unique_ptr<TableInstance>> TableInstance::create(const wasm::TableType& type, std::uint64_t initial,
                                                               Budget& budget) {
  auto table = std::make_unique<TableInstance>();
  table->type = type;
  table->budget = &budget;
  const auto allowed = budget.left();
  table->type.limits.min = 0;
  if (!table->grow(type.limits.min, initial))
    return std::unexpected(
        Error{ErrorKind::unsupported, Error::kNoOffset,
              "table of " + std::to_string(type.limits.min) + " elements: the limit is " + std::to_string(allowed)});
  table->type.limits.min = type.limits.min;
  return table;
}

std::optional<std::uint64_t> TableInstance::grow(std::uint64_t count, std::uint64_t value) {
  const std::uint64_t before = elements.size();
  const auto max = type.limits.max.value_or(std::numeric_limits<std::uint64_t>::max() >> (type.limits.is_64 ? 0 : 32));
  if (count > max || before > max - count || !budget->take(count))
    return std::nullopt;
  if (elements.append(count, value))
    return before;
  budget->give_back(count);
  return std::nullopt;
}

InstanceGroup::~InstanceGroup() {
  for (auto* const instance : instances)
    Instance::destroy(instance);
}

std::shared_ptr<InstanceGroup> root(std::shared_ptr<InstanceGroup> group) {
  while (group->parent != nullptr)
    group = group->parent;
  return group;
}

void merge(const std::shared_ptr<InstanceGroup>& a, const std::shared_ptr<InstanceGroup>& b) {
  auto into = root(a);
  auto from = root(b);
  if (into == from)
    return;
  if (into->instances.size() < from->instances.size())
    std::swap(into, from);
  into->instances.insert(into->instances.end(), from->instances.begin(), from->instances.end());
  into->hosts.insert(into->hosts.end(), from->hosts.begin(), from->hosts.end());
  from->instances.clear();
  from->hosts.clear();
  from->parent = into;
}

Instance* Instance::create(std::uint32_t global_count) {
  const auto bytes = sizeof(Instance) + std::size_t{global_count} * 2 * sizeof(std::uint64_t);
  void* const memory = ::operator new(bytes, std::align_val_t{alignof(Instance)});
  auto* const instance = new (memory) Instance;
  std::memset(instance->cells(), 0, bytes - sizeof(Instance));
  return instance;
}

void Instance::destroy(Instance* instance) {
  if (instance->code != nullptr)
    instance->code->remove_instance(*instance);
  if (instance->instances_taken != nullptr)
    instance->instances_taken->give_back(1);
  instance->~Instance();
  ::operator delete(instance, std::align_val_t{alignof(Instance)});
}

FunctionInstance* Instance::function(std::uint32_t index) {
  const auto& declared = module();
  if (index < declared.imported_functions)
    return imported_functions[index];
  FunctionInstance& result = own_functions[index - declared.imported_functions];
  const std::atomic_ref<Instance*> made(result.instance);
  if (made.load(std::memory_order_acquire) != nullptr)
    return &result;
  const std::scoped_lock lock(making_);
  if (made.load(std::memory_order_relaxed) != nullptr)
    return &result;
  result.type_id = code->type_ids[declared.functions[index].type_index];
  result.type = &declared.function_type(index);
  result.index = index;
  result.slots =
      static_cast<std::uint32_t>(std::max(slot_count(result.type->params), slot_count(result.type->results)));
  if (code->is_host()) {
    result.host = &code->host_functions[index].function;
  } else {
    adopt_compiled(result);
  }
  if (result.host == nullptr && !result.is_native())
    result.code = engine_code->function_code(index, memory0 == nullptr || memory0->is_guarded());
  made.store(this, std::memory_order_release);
  return &result;
}

bool Instance::adopt_compiled(FunctionInstance& function) {
  if (function.is_native())
    return true;
  if (!takes_compiled_code)
    return false;
  const auto compiled = code->native_function(function.index - module().imported_functions);
  if (compiled.native == nullptr)
    return false;
  // Several threads may write the same here, and compiled code looks at `native` first.
  std::atomic_ref(function.entry).store(compiled.entry, std::memory_order_relaxed);
  std::atomic_ref(function.tail).store(compiled.tail, std::memory_order_relaxed);
  std::atomic_ref(function.native).store(compiled.native, std::memory_order_release);
  return true;
}

void Instance::replace_compiled(std::uint32_t defined_index) {
  FunctionInstance& function = own_functions[defined_index];
  if (!function.is_native())
    return;
  const auto compiled = code->native_function(defined_index);
  // Who reads meanwhile may get one of each: old and new do the same, and an entry enters both.
  std::atomic_ref(function.tail).store(compiled.tail, std::memory_order_relaxed);
  std::atomic_ref(function.native).store(compiled.native, std::memory_order_release);
}

void clear_unused_bits(std::span<const ValueType> types, std::uint64_t* slots) {
  for (const auto type : types) {
    if (type.kind() == ValueKind::i32 || type.kind() == ValueKind::f32)
      *slots &= 0xffffffff;
    slots += type.is_vector() ? 2 : 1;
  }
}

Expected<void> CompiledCode::require_bodies() {
  const std::scoped_lock lock(reading_bodies_);
  if (has_bodies)
    return {};
  whole_ = WZRUN_TRY(read_bodies());
  module.code = WZRUN_TRY(wasm::decode(whole_.view(), module.features)).code;
  has_bodies = true;
  return {};
}

const wasm::NameSection& CompiledCode::names() const {
  std::call_once(names_read, [this] { name_section.emplace(module); });
  return *name_section;
}

}  // namespace wzrun::runtime
