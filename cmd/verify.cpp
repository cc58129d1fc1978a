#include "verify.h"

#include "cache_options.h"
#include "command.h"
#include "invoke.h"
#include "load.h"
#include "report.h"

#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace wzrun::cmd {
namespace {

using Outcome = Result<std::vector<Value>>;

/// What the program did, in words that are equal if it did the same. Where a stack ends is each engine's own matter.
std::string describe(const Outcome& outcome) {
  if (outcome) {
    std::vector<std::string> values;
    for (const auto& value : *outcome)
      values.push_back(to_string(value));
    return values.empty() ? "returns" : fmt::format("returns {}", fmt::join(values, ", "));
  }
  if (const auto* exit = std::get_if<Exit>(&outcome.error()))
    return fmt::format("exits with status {}", exit->code);
  if (const auto* error = std::get_if<Error>(&outcome.error()))
    return "fails: " + error->to_string();
  auto trap = std::get<Trap>(outcome.error());
  if (trap.kind == TrapKind::call_stack_exhausted)
    trap.frames.clear();
  return "traps: " + trap.to_string();
}

/// The exports whose values both runs must agree about, beside the memory.
std::vector<std::pair<std::string, std::string>> globals_of(const CompiledModule& code, const Module& module) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& item : code.exports())
    if (const auto global = item.kind == ExternalKind::global ? module.exported_global(item.name) : std::nullopt)
      if (!global->type().is_reference())
        values.emplace_back(item.name, to_string(global->get()));
  return values;
}

/// The program on one engine.
class Engine {
 public:
  Engine(const RuntimeConfig& config, wasi::Twins::Run run) : runtime_(config), run_(run) {}

  Expected<void> load(const ModuleBytes& bytes) {
    code_ = WZRUN_TRY(runtime_.compile(bytes));
    return {};
  }
  void run(wasi::Twins& twins, const RunOptions& options, const ModuleConfig& config) {
    outcome_ = call(options, config);
    std::optional<Memory> memory;
    for (const auto& item : code_->exports())
      if (module_ && item.kind == ExternalKind::memory && !memory)
        memory = module_->exported_memory(item.name);
    twins.ended(run_, describe(outcome_), memory);
  }

  Runtime& runtime() { return runtime_; }
  const CompiledModule& code() const { return *code_; }
  const Outcome& outcome() const { return outcome_; }
  std::vector<std::pair<std::string, std::string>> globals() const {
    return module_ ? globals_of(*code_, *module_) : std::vector<std::pair<std::string, std::string>>();
  }
  const Trap* trap() const { return outcome_ ? nullptr : std::get_if<Trap>(&outcome_.error()); }

 private:
  Outcome call(const RunOptions& options, const ModuleConfig& config) {
    auto module = runtime_.instantiate(*code_, config);
    if (!module)
      return std::unexpected(std::move(module).error());
    module_ = *std::move(module);
    const auto name = options.invoke.value_or("_start");
    const auto function = module_->exported_function(name);
    const auto invalid = [](std::string message) {
      return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, std::move(message)});
    };
    if (!function)
      return invalid(fmt::format("no function `{}` to call", printable(name)));
    if (!options.invoke)
      return function->call();
    const auto arguments = parse_arguments(options.args, function->params());
    if (!arguments)
      return invalid(arguments.error().message);
    return invoke(*module_, name, *arguments);
  }

  Runtime runtime_;
  wasi::Twins::Run run_;
  std::optional<CompiledModule> code_;
  std::optional<Module> module_;
  Outcome outcome_;
};

std::optional<std::string> differing_global(const Engine& interpreter, const Engine& native) {
  const auto first = interpreter.globals();
  const auto second = native.globals();
  const auto [at, other] = std::ranges::mismatch(first, second);
  if (at == first.end() || other == second.end())
    return std::nullopt;
  return fmt::format("the global `{}` is {} for the interpreter and {} for compiled code, at the end",
                     printable(at->first), at->second, other->second);
}

int report_difference(const std::string& path, const std::string& difference, const Engine& interpreter,
                      const Engine& native) {
  fail(path, "the engines differ: " + difference);
  for (const auto& [name, engine] : {std::pair("interpreter", &interpreter), std::pair("compiled code", &native)})
    if (const auto* const trap = engine->trap())
      warn(fmt::format("{}: {}", name, trap->to_string()));
  return kFailed;
}

int conclude(const RunOptions& options, const wasi::Twins& twins, const Engine& interpreter, const Engine& native) {
  const auto* const trap = interpreter.trap();
  if (trap != nullptr && trap->kind == TrapKind::interrupted)
    return kTimedOut;  // who has set the time limit says so
  auto difference = twins.difference();
  if (!difference)
    difference = differing_global(interpreter, native);
  if (difference)
    return report_difference(options.module_path, *difference, interpreter, native);
  if (options.verbose)
    warn(fmt::format("{}: {} calls, the results and the memory are the same on both engines",
                     printable(options.module_path), twins.calls()));
  const auto& outcome = interpreter.outcome();
  if (trap != nullptr) {
    fail(options.module_path, "trap: " + trap->to_string());
    return kTrapped;
  }
  if (!outcome) {
    const auto* const exit = std::get_if<Exit>(&outcome.error());
    return exit != nullptr ? exit_status(*exit)
                           : fail(options.module_path, std::get<Error>(outcome.error()).to_string());
  }
  return print(lines_of(*outcome));
}

}  // namespace

int verify(const RunOptions& options, const RuntimeConfig& runtime_config, const ModuleConfig& module_config,
           Deadline* deadline) {
  const auto& path = options.module_path;
  if (options.trace || options.stats || options.gdb || !options.perf.empty())
    return fail("--engine verify runs the program twice, and takes no --trace, --stats, --perf or --gdb");
  auto cache = open_cache(options.cache);
  if (!cache)
    return fail(cache.error().message);
  const auto file = ModuleFile::open(path);
  if (!file)
    return fail(path, explain_unreadable(file.error(), path));
  if (file->is_precompiled())
    return fail(path, "is precompiled, and the interpreter needs the module");
  const auto bytes = file->read();
  if (!bytes)
    return fail(path, bytes.error().to_string());
  // Both live until the process ends, since a run that is stuck may still use them.
  using Run = wasi::Twins::Run;
  auto& interpreter = *new Engine(runtime_config.with_engine(EngineKind::interpreter), Run::first);
  auto& native =
      *new Engine(runtime_config.with_engine(EngineKind::llvm).with_cache(cache->cache, cache->use), Run::second);
  auto& twins = *new wasi::Twins;
  for (auto* const engine : {&interpreter, &native})
    if (const auto loaded = engine->load(*bytes); !loaded)
      return fail(path, explain(loaded.error(), bytes->view()));
  if (native.code().report().engine != EngineKind::llvm)
    return fail(path, "there is no compiled code to compare: " + native.code().report().warning);
  if (const auto provided = twins.instantiate(interpreter.runtime(), native.runtime()); !provided)
    return fail(path, provided.error().to_string());
  if (deadline != nullptr)
    deadline->watch(interpreter.runtime());
  std::thread second([&] { native.run(twins, options, module_config); });
  interpreter.run(twins, options, module_config);
  second.join();
  return conclude(options, twins, interpreter, native);
}

}  // namespace wzrun::cmd
