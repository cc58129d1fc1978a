#include "spec/script_support.h"

#include "spec/values_support.h"

#include "tests/test_engine.h"
#include "wzrun/runtime.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

namespace wzrun::spec {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Why a command failed; nothing if it passed.
using Failure = std::optional<std::string>;

std::vector<std::uint8_t> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Gives `table64` the 64-bit indices that its source could not ask for.
void widen_table64(std::vector<std::uint8_t>& module) {
  constexpr std::uint8_t kTables[] = {0x70, 1, 10, 20, 0x70, 1, 10, 20};
  const auto at = std::ranges::search(module, kTables);
  if (at.empty())
    throw std::runtime_error("spectest.wasm: no two tables");
  at.begin()[5] = 5;
}

std::string why(const Halt& halt) {
  if (const auto* trap = std::get_if<Trap>(&halt))
    return "trap: " + std::string(to_string(trap->kind));
  if (const auto* error = std::get_if<Error>(&halt))
    return std::string(to_string(error->kind)) + ": " + error->to_string();
  return fmt::format("exit {}", std::get<Exit>(halt).code);
}

/// What kept an action from returning: the program, or this runner's means.
using NoReturn = std::variant<Halt, std::string>;

std::string why(const NoReturn& failure) {
  const auto* text = std::get_if<std::string>(&failure);
  return text != nullptr ? *text : why(std::get<Halt>(failure));
}

bool is_trap(const Halt& halt) { return std::holds_alternative<Trap>(halt); }
bool is_trap(const Halt& halt, TrapKind kind) {
  const auto* trap = std::get_if<Trap>(&halt);
  return trap != nullptr && trap->kind == kind;
}

/// A script while it runs.
class Script {
 public:
  Script(fs::path path, CoreFeatures features)
      : path_(std::move(path)), runtime_(RuntimeConfig{}.with_features(features).with_compile_threads(1)) {
    auto bytes = read_file(fs::path(WZRUN_TESTDATA_WASM_DIR) / "spectest.wasm");
    if (path_.parent_path().filename() == "memory64")
      widen_table64(bytes);
    auto code = runtime_.compile(ModuleBytes::own(std::move(bytes)));
    if (!code)
      throw std::runtime_error("spectest.wasm: " + code.error().to_string());
    for_test_engine(*code, true);
    auto instance = runtime_.instantiate(*code, ModuleConfig{}.with_name("spectest"));
    if (!instance)
      throw std::runtime_error("spectest.wasm: " + why(instance.error()));
  }

  ScriptReport run() {
    const auto script = json::parse(read_file(path_));
    for (const auto& command : script["commands"])
      count(command);
    return std::move(report_);
  }

 private:
  void count(const json& command) {
    const auto type = command["type"].get<std::string>();
    if (command.value("module_type", "") == "text") {
      report_.counts.text++;
    } else if (type == "thread") {
      report_.counts.threads++;
      skip(command["commands"]);
    } else if (type == "wait") {
      report_.counts.threads++;
    } else if (const auto failure = execute(type, command)) {
      report_.counts.failed++;
      report_.failures.push_back(
          fmt::format("{}:{}: {}: {}", path_.filename().string(), command["line"].get<int>(), type, *failure));
    } else {
      report_.counts.passed++;
    }
  }

  void skip(const json& commands) {
    for (const auto& command : commands) {
      report_.counts.threads++;
      if (command.contains("commands"))
        skip(command["commands"]);
    }
  }

  Failure execute(const std::string& type, const json& command) {
    if (type == "module")
      return module(command);
    if (type == "module_definition")
      return module_definition(command);
    if (type == "module_instance")
      return module_instance(command);
    if (type == "register")
      return register_(command);
    if (type == "action")
      return action(command);
    if (type == "assert_return")
      return assert_return(command);
    if (type == "assert_trap")
      return assert_halt(command, "a trap", [](const Halt& halt) { return is_trap(halt); });
    if (type == "assert_exhaustion")
      return assert_halt(command, "exhaustion",
                         [](const Halt& halt) { return is_trap(halt, TrapKind::call_stack_exhausted); });
    if (type == "assert_exception")
      return assert_halt(command, "an exception",
                         [](const Halt& halt) { return is_trap(halt, TrapKind::uncaught_exception); });
    if (type == "assert_malformed" || type == "assert_invalid")
      return assert_rejected(command, type == "assert_malformed");
    if (type == "assert_unlinkable" || type == "assert_uninstantiable")
      return assert_not_instantiated(command, type == "assert_unlinkable");
    return "unknown command";
  }

  Expected<CompiledModule> compile(const json& command) {
    const auto file = command["filename"].get<std::string>();
    INFO(file);
    auto code = runtime_.compile(ModuleBytes::own(read_file(path_.parent_path() / file)));
    if (code)
      for_test_engine(*code, true);
    return code;
  }

  /// Makes an instance the current one, under its name if it has one.
  Failure instantiate(const CompiledModule& code, const std::string& name) {
    auto instance = runtime_.instantiate(code);
    if (!instance)
      return why(instance.error());
    current_ = *instance;
    if (!name.empty())
      instances_.insert_or_assign(name, *instance);
    return std::nullopt;
  }

  Failure module(const json& command) {
    const auto code = compile(command);
    if (!code)
      return why(Halt(code.error()));
    return instantiate(*code, command.value("name", ""));
  }

  Failure module_definition(const json& command) {
    const auto code = compile(command);
    if (!code)
      return why(Halt(code.error()));
    definition_ = *code;
    if (command.contains("name"))
      definitions_.insert_or_assign(command["name"].get<std::string>(), *code);
    return std::nullopt;
  }

  Failure module_instance(const json& command) {
    auto definition = definition_;
    if (command.contains("module")) {
      const auto found = definitions_.find(command["module"].get<std::string>());
      definition = found == definitions_.end() ? std::nullopt : std::optional(found->second);
    }
    return definition ? instantiate(*definition, command.value("instance", "")) : "no such definition";
  }

  Failure register_(const json& command) {
    const auto instance = instance_of(command, "name");
    if (!instance)
      return "no such instance";
    const auto aliased = runtime_.alias(*instance, command["as"].get<std::string>());
    return aliased ? Failure() : aliased.error().to_string();
  }

  std::optional<Module> instance_of(const json& command, const char* key) const {
    if (!command.contains(key))
      return current_;
    const auto found = instances_.find(command[key].get<std::string>());
    return found == instances_.end() ? std::nullopt : std::optional(found->second);
  }

  std::expected<std::vector<Value>, NoReturn> perform(const json& action) {
    const auto instance = instance_of(action, "module");
    if (!instance)
      return std::unexpected("no such instance");
    const auto field = action["field"].get<std::string>();
    if (action["type"] == "get") {
      const auto global = instance->exported_global(field);
      if (!global)
        return std::unexpected("no such global");
      return std::vector{global->get()};
    }
    const auto function = instance->exported_function(field);
    if (!function)
      return std::unexpected("no such function");
    std::vector<Value> arguments;
    for (const auto& argument : action["args"]) {
      const auto value = read_value(argument);
      if (!value)
        return std::unexpected("argument " + argument.dump() + " cannot be made");
      arguments.push_back(*value);
    }
    auto results = function->call(arguments);
    if (!results)
      return std::unexpected(std::move(results).error());
    return *std::move(results);
  }

  Failure action(const json& command) {
    const auto results = perform(command["action"]);
    return results ? Failure() : why(results.error());
  }

  Failure assert_return(const json& command) {
    const auto results = perform(command["action"]);
    if (!results)
      return why(results.error());
    const auto& expected = command["expected"];
    bool equal = results->size() == expected.size();
    std::string found;
    for (std::size_t i = 0; i < results->size(); i++) {
      equal = equal && matches((*results)[i], expected[i]);
      found += " " + describe((*results)[i]);
    }
    return equal ? Failure() : fmt::format("expected {}, found{}", expected.dump(), found);
  }

  template <typename IsExpected>
  Failure assert_halt(const json& command, std::string_view what, IsExpected is_expected) {
    const auto results = perform(command["action"]);
    if (results)
      return fmt::format("returned, expected {}", what);
    const auto* halt = std::get_if<Halt>(&results.error());
    if (halt != nullptr && is_expected(*halt))
      return std::nullopt;
    return fmt::format("expected {}, found {}", what, why(results.error()));
  }

  /// A module said to be invalid may also be found malformed.
  Failure assert_rejected(const json& command, bool malformed) {
    const auto code = compile(command);
    if (code)
      return fmt::format("accepted, expected '{}'", command["text"].get<std::string>());
    const auto kind = code.error().kind;
    if (kind == ErrorKind::malformed || (kind == ErrorKind::invalid && !malformed))
      return std::nullopt;
    return fmt::format("expected '{}', found {}", command["text"].get<std::string>(), why(Halt(code.error())));
  }

  Failure assert_not_instantiated(const json& command, bool unlinkable) {
    const auto code = compile(command);
    if (!code)
      return why(Halt(code.error()));
    const auto instance = runtime_.instantiate(*code);
    if (instance)
      return fmt::format("instantiated, expected '{}'", command["text"].get<std::string>());
    const auto* error = std::get_if<Error>(&instance.error());
    if (unlinkable ? error != nullptr && error->kind == ErrorKind::unlinkable : is_trap(instance.error()))
      return std::nullopt;
    return fmt::format("expected '{}', found {}", command["text"].get<std::string>(), why(instance.error()));
  }

  const fs::path path_;
  Runtime runtime_;
  std::optional<Module> current_;
  std::map<std::string, Module> instances_;
  std::optional<CompiledModule> definition_;
  std::map<std::string, CompiledModule> definitions_;
  ScriptReport report_;
};

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  passed += other.passed;
  failed += other.failed;
  text += other.text;
  threads += other.threads;
  return *this;
}

ScriptReport run_script(const fs::path& json, CoreFeatures features) { return Script(json, features).run(); }

}  // namespace wzrun::spec
