#pragma once

#include "tests/address_space.h"
#include "wzrun/runtime.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Tests of running code: written once, run on every engine and kind of memory there is.
namespace wzrun::engine {

enum class MemoryKind : std::uint8_t { guarded, checked };

/// A runtime whose instances have one kind of memory.
class Engine {
 public:
  explicit Engine(MemoryKind kind, const RuntimeConfig& config = {}) : runtime(config), kind_(kind) {}

  /// Of testdata/, without the suffix.
  CompiledModule compile(const std::string& name);
  CompiledModule compile(ModuleBytes bytes);
  Result<Module> try_instantiate(const CompiledModule& module, const ModuleConfig& config = {});
  Module instantiate(const CompiledModule& module, const ModuleConfig& config = {});
  Module load(const std::string& name, const ModuleConfig& config = {}) { return instantiate(compile(name), config); }
  MemoryKind kind() const { return kind_; }

  Runtime runtime;

 private:
  MemoryKind kind_;
};

/// Calls body(engine) for each.
template <typename F>
void on_each_engine(F body, const RuntimeConfig& config = {}) {
  for (const auto kind : {MemoryKind::guarded, MemoryKind::checked}) {
    INFO("memory: " << (kind == MemoryKind::guarded ? "guarded" : "checked"));
    Engine engine(kind, config);
    body(engine);
  }
}

Result<std::vector<Value>> call(const Module& module, std::string_view function, std::vector<Value> arguments = {});
/// The only result of a call that must return.
Value value_of(const Module& module, std::string_view function, std::vector<Value> arguments = {});
/// The trap of a call that must trap.
Trap trap_of(const Module& module, std::string_view function, std::vector<Value> arguments = {});
/// Names of the functions in the backtrace, innermost first, separated by spaces.
std::string functions_of(const Trap& trap);

/// What a child process wrote, and its status.
std::pair<std::string, int> in_child(const std::function<void()>& body);

/// The bytes of testdata/`name`.wasm.
std::vector<std::uint8_t> module_bytes(const std::string& name);

}  // namespace wzrun::engine
