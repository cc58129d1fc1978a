#include "wzrun/runtime.h"

#include "interp/interpreter.h"
#include "runtime/state.h"
#include "wasm/decoder.h"
#include "wasm/types.h"
#include "wasm/validator.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>

namespace wzrun {

namespace runtime {

namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

RuntimeState::RuntimeState(const RuntimeConfig& runtime_config)
    : config(runtime_config),
      engine(interp::make_engine()),
      instances(std::make_shared<Budget>(runtime_config.max_instances())),
      id(next_id()) {}

RuntimeState::~RuntimeState() {
  names.clear();
  for (auto* const execution : executions)
    destroy(execution);
}

}  // namespace runtime

namespace {

std::unexpected<Error> invalid_argument(std::string message) {
  return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, std::move(message)});
}

std::string limits_text(const wasm::Limits& limits) {
  return fmt::format("{}{}{}{}", limits.is_64 ? "i64 " : "", limits.min,
                     limits.max ? fmt::format(" {}", *limits.max) : "", limits.is_shared ? " shared" : "");
}

std::string type_text(const wasm::Module& module, wasm::ExternKind kind, std::uint32_t index) {
  switch (kind) {
    case wasm::ExternKind::function:
      return wasm::to_string(module.function_type(index));
    case wasm::ExternKind::table: {
      const auto& type = module.tables[index].type;
      return fmt::format("(table {} {})", limits_text(type.limits), to_string(type.element));
    }
    case wasm::ExternKind::memory:
      return fmt::format("(memory {})", limits_text(module.memories[index].limits));
    case wasm::ExternKind::global: {
      const auto& type = module.globals[index].type;
      return fmt::format(fmt::runtime(type.is_mutable ? "(global (mut {}))" : "(global {})"), to_string(type.value));
    }
    case wasm::ExternKind::tag:
      return "(tag)";
  }
  std::unreachable();
}

}  // namespace

std::string CompiledModule::name() const { return std::string(code_->names().module_name()); }

std::vector<External> CompiledModule::imports() const {
  std::vector<External> list;
  for (const auto& import : code_->module.imports)
    list.push_back({std::string(import.module), std::string(import.name), static_cast<ExternalKind>(import.kind),
                    type_text(code_->module, import.kind, import.index)});
  return list;
}

std::vector<External> CompiledModule::exports() const {
  std::vector<External> list;
  for (const auto& exported : code_->module.exports)
    list.push_back({{},
                    std::string(exported.name),
                    static_cast<ExternalKind>(exported.kind),
                    type_text(code_->module, exported.kind, exported.index)});
  return list;
}

Runtime::Runtime(const RuntimeConfig& config) : state_(std::make_shared<runtime::RuntimeState>(config)) {}

Runtime::~Runtime() {
  if (state_ == nullptr)
    return;
  // Modules that only their names keep alive end here, outside the lock.
  decltype(state_->names) names;
  const std::scoped_lock lock(state_->mutex);
  names.swap(state_->names);
}

Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;

const RuntimeConfig& Runtime::config() const { return state_->config; }

namespace {

/// Runs what a new instance begins with.
Result<void> start(const Module& module, const CompiledModule& compiled) {
  if (const auto function = compiled.code()->module.start; function)
    WZRUN_CHECK(runtime::call(*module.handle()->instance->function(*function), {}));
  for (const auto& name : module.config().start_functions())
    if (const auto function = module.exported_function(name))
      WZRUN_CHECK(function->call());
  return {};
}

}  // namespace

Result<Module> Runtime::instantiate(const CompiledModule& compiled, const ModuleConfig& config) {
  for (const auto& argument : config.args())
    if (argument.find('\0') != std::string::npos)
      return invalid_argument("an argument contains a NUL byte");
  for (const auto& [key, value] : config.env())
    if (key.empty() || key.find('=') != std::string::npos || (key + value).find('\0') != std::string::npos)
      return invalid_argument(
          fmt::format("environment variable \"{}\": no name, or a name with '=', or a NUL byte", key));
  auto handle = WZRUN_TRY(runtime::link(state_, compiled.code(), config));
  Module module(handle);
  if (!config.name().empty())
    WZRUN_CHECK(alias(module, config.name()));
  const auto fail = [&](Halt&& halt) -> Result<Module> {
    module.close(std::holds_alternative<Exit>(halt) ? std::get<Exit>(halt).code : 0);
    return std::unexpected(std::move(halt));
  };
  if (auto initialised = runtime::initialise(*handle->instance); !initialised)
    return fail(std::move(initialised).error());
  try {
    if (auto started = start(module, compiled); !started)
      return fail(std::move(started).error());
  } catch (...) {  // of a host function
    module.close();
    throw;
  }
  return module;
}

std::optional<Module> Runtime::module(std::string_view name) const {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->names.find(name);
  if (found == state_->names.end())
    return std::nullopt;
  auto handle = std::make_shared<runtime::InstanceHandle>();
  handle->runtime = state_;
  handle->group = found->second.group;
  handle->instance = found->second.instance;
  return Module(std::move(handle));
}

Expected<void> Runtime::alias(const Module& module, std::string name) {
  const auto& handle = *module.handle();
  const std::scoped_lock lock(state_->mutex);
  if (!state_->names.try_emplace(name, handle.group, handle.instance).second)
    return invalid_argument(fmt::format("a module named \"{}\" exists already", name));
  handle.instance->names.push_back(std::move(name));
  return {};
}

bool Runtime::interrupt(std::uint64_t patience_ms) {
  state_->interrupting.store(true);
  return runtime::end_runs(*state_, std::chrono::milliseconds(patience_ms),
                           [](const runtime::Execution&) { return true; });
}

Expected<void> validate(std::span<const std::uint8_t> bytes, CoreFeatures features, unsigned threads) {
  const auto module = WZRUN_TRY(wasm::decode(bytes, features));
  return wasm::validate(module, {.threads = threads});
}

}  // namespace wzrun
