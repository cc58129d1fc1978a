#include "wzrun/module.h"

#include "runtime/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace wzrun {

namespace {

std::unexpected<Error> invalid_argument(std::string message) {
  return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, std::move(message)});
}

/// Whether a host value may be passed where a module wants `wanted`. References to defined types are the program's own
/// business: from outside, only null and what the program itself gave out are sensible values.
bool fits(ValueType given, ValueType wanted) {
  if (!wanted.is_reference())
    return given == wanted;
  return given.is_reference();
}

}  // namespace

std::uint64_t Memory::size() const { return memory_->size_bytes(); }

std::optional<std::uint64_t> Memory::grow(std::uint64_t pages) { return memory_->grow(pages); }

std::optional<std::span<std::uint8_t>> Memory::range(std::uint64_t address, std::uint64_t length) const {
  if (!memory_->contains(address, length))
    return std::nullopt;
  return std::span(memory_->base() + address, length);
}

std::span<const ValueType> Function::params() const { return function_->type->params; }
std::span<const ValueType> Function::results() const { return function_->type->results; }

Result<std::vector<Value>> Function::call(std::span<const Value> arguments) const {
  const auto wanted = params();
  if (arguments.size() != wanted.size())
    return invalid_argument(fmt::format("expected {} arguments, got {}", wanted.size(), arguments.size()));
  std::array<std::uint64_t, 16> few;
  std::vector<std::uint64_t> many(function_->slots <= few.size() ? 0 : function_->slots);
  const auto stack = many.empty() ? std::span(few).first(function_->slots) : std::span(many);
  std::size_t slot = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!fits(arguments[i].type(), wanted[i]))
      return invalid_argument(
          fmt::format("argument {}: expected {}, got {}", i, to_string(wanted[i]), to_string(arguments[i].type())));
    stack[slot++] = arguments[i].low();
    if (wanted[i].is_vector())
      stack[slot++] = arguments[i].high();
  }
  runtime::clear_unused_bits(wanted, stack.data());
  WZRUN_CHECK(runtime::call(*function_, stack));
  std::vector<Value> values;
  values.reserve(results().size());
  slot = 0;
  for (const auto type : results()) {
    const auto low = stack[slot++];
    const auto narrow = type.kind() == ValueKind::i32 || type.kind() == ValueKind::f32;
    values.emplace_back(type, narrow ? low & 0xffffffff : low, type.is_vector() ? stack[slot++] : 0);
  }
  return values;
}

ValueType Global::type() const { return global_->type.value; }
bool Global::is_mutable() const { return global_->type.is_mutable; }

Value Global::get() const {
  const auto type = global_->type.value;
  const auto narrow = type.kind() == ValueKind::i32 || type.kind() == ValueKind::f32;
  return {type, narrow ? global_->cell[0] & 0xffffffff : global_->cell[0], type.is_vector() ? global_->cell[1] : 0};
}

Expected<void> Global::set(const Value& value) const {
  if (!is_mutable())
    return invalid_argument("the global is immutable");
  if (!fits(value.type(), type()))
    return invalid_argument(fmt::format("the global is {}, the value {}", to_string(type()), to_string(value.type())));
  global_->cell[0] = value.low();
  if (type().is_vector())
    global_->cell[1] = value.high();
  const auto wanted = type();
  runtime::clear_unused_bits({&wanted, 1}, global_->cell);
  return {};
}

const std::string& Module::name() const { return handle_->instance->name; }
const ModuleConfig& Module::config() const { return handle_->instance->config; }

namespace {

const wasm::Export* find(const runtime::InstanceHandle& handle, std::string_view name, wasm::ExternKind kind) {
  const auto* const found = handle.instance->code->find_export(name);
  return found != nullptr && found->kind == kind ? found : nullptr;
}

}  // namespace

std::optional<Function> Module::exported_function(std::string_view name) const {
  const auto* const found = find(*handle_, name, wasm::ExternKind::function);
  if (found == nullptr)
    return std::nullopt;
  return Function(handle_, *handle_->instance->function(found->index));
}

std::optional<Memory> Module::exported_memory(std::string_view name) const {
  const auto* const found = find(*handle_, name, wasm::ExternKind::memory);
  if (found == nullptr)
    return std::nullopt;
  return Memory(*handle_->instance->memories[found->index]);
}

std::optional<Global> Module::exported_global(std::string_view name) const {
  const auto* const found = find(*handle_, name, wasm::ExternKind::global);
  if (found == nullptr)
    return std::nullopt;
  return Global(handle_, handle_->instance->globals[found->index]);
}

void Module::close(std::uint32_t exit_code) {
  auto& instance = *handle_->instance;
  auto& state = *handle_->runtime;
  std::vector<decltype(state.names)::node_type> names;  // destroyed after the lock: one may be the last reference
  {
    const std::scoped_lock lock(state.mutex);
    if (instance.closed.load())
      return;
    instance.exit_code = exit_code;
    instance.closed.store(true, std::memory_order_release);
    for (const auto& name : instance.names)
      if (auto node = state.names.extract(name); !node.empty())
        names.push_back(std::move(node));
    instance.names.clear();
  }
  runtime::end_runs(state, std::chrono::seconds(1), [&](const runtime::Execution& execution) {
    return std::ranges::find(execution.entered, &instance) != execution.entered.end();
  });
}

bool Module::is_closed() const { return handle_->instance->closed.load(std::memory_order_acquire); }

}  // namespace wzrun
