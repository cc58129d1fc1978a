#include "wzrun/host_module.h"

#include "runtime/state.h"
#include "wzrun/runtime.h"

#include <algorithm>

namespace wzrun {

namespace {

std::unexpected<Error> invalid_argument(std::string message) {
  return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, std::move(message)});
}

}  // namespace

std::optional<Memory> Caller::memory() const {
  if (instance_->memory0 == nullptr)
    return std::nullopt;
  return Memory(*instance_->memory0);
}

const ModuleConfig& Caller::config() const { return instance_->config; }

bool Caller::interrupted() const {
  const auto* const execution = runtime::Execution::current();
  return execution != nullptr && execution->interrupted.load(std::memory_order_acquire);
}

Halt Caller::interruption() const { return Trap{.kind = TrapKind::interrupted}; }

std::shared_ptr<void>& Caller::state(const void* key) const {
  for (auto& [known, value] : instance_->host_state)
    if (known == key)
      return *value;
  return *instance_->host_state.emplace_back(key, std::make_unique<std::shared_ptr<void>>()).second;
}

HostModuleBuilder& HostModuleBuilder::raw_function(std::string name, std::vector<ValueType> params,
                                                   std::vector<ValueType> results, RawHostFunction function) {
  HostFunction made{std::move(name), std::move(params), std::move(results), std::move(function)};
  const auto same = std::ranges::find(functions_, made.name, &HostFunction::name);
  if (same != functions_.end())
    *same = std::move(made);
  else
    functions_.push_back(std::move(made));
  return *this;
}

Expected<Module> HostModuleBuilder::instantiate() {
  if (name_.empty())
    return invalid_argument("a host module needs a name");
  auto code = std::make_shared<runtime::CompiledCode>();
  code->host_functions = std::move(functions_);
  auto& module = code->module;
  module.features = CoreFeatures::all;
  // Every function has a type of its own; equal ones are one type as soon as the runtime has interned them.
  for (std::uint32_t i = 0; i < code->host_functions.size(); ++i) {
    const auto& function = code->host_functions[i];
    wasm::DefinedType type;
    type.kind = wasm::CompositeKind::function;
    type.canonical = i;
    type.group = i;
    type.function = {function.params, function.results};
    module.types.push_back(type);
    module.rec_groups.push_back({i, 1});
    module.functions.push_back({i});
    module.exports.push_back({function.name, wasm::ExternKind::function, i});
  }
  const auto& state = runtime_->state();
  code->type_ids = WZRUN_TRY(state->types.intern(module));
  auto handle = WZRUN_TRY(runtime::link(state, code, ModuleConfig().with_name(name_)));
  Module made(std::move(handle));
  WZRUN_CHECK(runtime_->alias(made, name_));
  return made;
}

}  // namespace wzrun
