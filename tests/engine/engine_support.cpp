#include "engine/engine_support.h"

#include "runtime/instance.h"
#include "tests/test_engine.h"

#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace wzrun::engine {

std::pair<std::string, int> in_child(const std::function<void()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  std::fflush(nullptr);  // or the child may write what waits here too
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    try {
      body();
    } catch (...) {  // a REQUIRE: the other tests are not this process's
      _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 512> buffer;
  for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return {text, status};
}

std::vector<std::uint8_t> module_bytes(const std::string& name) {
  std::ifstream in(WZRUN_TESTDATA_WASM_DIR "/" + name + ".wasm", std::ios::binary);
  REQUIRE_MESSAGE(in, name);
  return {std::istreambuf_iterator<char>(in), {}};
}

CompiledModule Engine::compile(const std::string& name) {
  INFO(name);
  return compile(ModuleBytes::own(module_bytes(name)));
}

CompiledModule Engine::compile(ModuleBytes bytes) {
  auto compiled = runtime.compile(std::move(bytes));
  if (!compiled)
    FAIL(compiled.error().to_string());
  for_test_engine(*compiled, kind_ == MemoryKind::guarded);
  return *compiled;
}

Result<Module> Engine::try_instantiate(const CompiledModule& module, const ModuleConfig& config) {
  std::optional<ScarceAddressSpace> scarce;
  if (kind_ == MemoryKind::checked)
    scarce.emplace();
  auto instance = runtime.instantiate(module, config);
  scarce.reset();
  if (instance)
    for (const auto& memory : instance->handle()->instance->owned_memories)
      REQUIRE((memory->is_guarded() == (kind_ == MemoryKind::guarded) || memory->limits().is_64));
  return instance;
}

Module Engine::instantiate(const CompiledModule& module, const ModuleConfig& config) {
  auto instance = try_instantiate(module, config);
  if (!instance) {
    if (const auto* const trap = std::get_if<Trap>(&instance.error()))
      FAIL(trap->to_string());
    if (const auto* const error = std::get_if<Error>(&instance.error()))
      FAIL(error->to_string());
    FAIL("exited");
  }
  return *instance;
}

Result<std::vector<Value>> call(const Module& module, std::string_view function, std::vector<Value> arguments) {
  const auto exported = module.exported_function(function);
  REQUIRE_MESSAGE(exported, function);
  return exported->call(arguments);
}

Value value_of(const Module& module, std::string_view function, std::vector<Value> arguments) {
  const auto result = call(module, function, std::move(arguments));
  if (!result && std::holds_alternative<Trap>(result.error()))
    FAIL(function << ": " << std::get<Trap>(result.error()).to_string());
  REQUIRE_MESSAGE(result, function);
  REQUIRE(result->size() == 1);
  return result->front();
}

Trap trap_of(const Module& module, std::string_view function, std::vector<Value> arguments) {
  auto result = call(module, function, std::move(arguments));
  REQUIRE_MESSAGE(!result, function);
  REQUIRE_MESSAGE(std::holds_alternative<Trap>(result.error()), function);
  return std::get<Trap>(std::move(result).error());
}

std::string functions_of(const Trap& trap) {
  std::string names;
  for (const auto& frame : trap.frames)
    names += (names.empty() ? "" : " ") + frame.function;
  return names;
}

}  // namespace wzrun::engine
