#pragma once

#include "runtime/instance.h"
#include "runtime/linear_memory.h"
#include "tests/address_space.h"
#include "tests/fuzz/program/evaluate.h"
#include "tests/fuzz/program/program.h"
#include "wzrun/runtime.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Runs a program in the plain evaluator and in an engine and compares: results or trap (kind, every frame's function
/// and offset), memories and globals. A difference leaves the module in execute-mismatch.wasm.
namespace wzrun::fuzz {

inline constexpr std::uint64_t kMaxSteps = 20000;
using Outcome = std::variant<std::vector<Bits>, ModelTrap, NotComparable>;

/// What runs a program.
struct Subject {
  bool checked = false;  ///< memory 0 has no guard
  /// Gives the module compiled code, or nothing for the interpreter.
  std::function<void(const CompiledModule& module)> prepare;
  /// Is told of the module when it has run.
  std::function<void(const CompiledModule& module)> finish = nullptr;
  std::string name = "interpreter";
};

class Comparison {
 public:
  Comparison(const Program& program, const std::vector<std::uint8_t>& module)
      : program_(program), module_(module), expected_(model_.run()) {}

  /// Whether the program's outcome is fixed.
  bool is_comparable() const { return !std::holds_alternative<NotComparable>(expected_); }
  bool traps() const { return std::holds_alternative<ModelTrap>(expected_); }

  /// Runs it, which must be comparable, and aborts if the outcome is another.
  void run(Subject subject) {
    subject_ = std::move(subject);
    Runtime runtime(RuntimeConfig().with_compile_threads(1));
    add_host_function(runtime);
    const auto compiled = runtime.compile(ModuleBytes::borrow(module_));
    if (!compiled)
      fail("not valid: " + compiled.error().to_string());
    if (subject_.prepare)
      subject_.prepare(*compiled);
    compare(runtime, *compiled);
    if (subject_.finish)
      subject_.finish(*compiled);
  }

  [[noreturn]] void fail(const std::string& what) const {
    std::ofstream("execute-mismatch.wasm", std::ios::binary)
        .write(reinterpret_cast<const char*>(module_.data()), static_cast<std::streamsize>(module_.size()));
    std::fprintf(stderr, "%s, %s memory: %s\narguments:", subject_.name.c_str(),
                 subject_.checked ? "checked" : "guarded", what.c_str());
    for (std::size_t i = 0; i < program_.arguments.size(); ++i)
      std::fprintf(stderr, " %s:%llx", to_string(program_.functions[0].signature.params[i]).c_str(),
                   static_cast<unsigned long long>(program_.arguments[i].low));
    std::fprintf(stderr, "\n");
    std::abort();
  }

 private:
  void require(bool holds, const std::string& what) const {
    if (!holds)
      fail(what);
  }

  void add_host_function(Runtime& runtime) const {
    const auto& signature = program_.types[program_.host_type];
    const auto body = [&signature](Caller&, std::span<std::uint64_t> stack) -> Result<void> {
      std::vector<Bits> arguments;
      std::size_t slot = 0;
      for (const auto type : signature.params) {
        auto& bits = arguments.emplace_back(Bits{stack[slot++]});
        if (type.is_vector())
          bits.high = stack[slot++];
        else if (type == value_types::i32 || type == value_types::f32)
          bits.low &= 0xffffffff;
      }
      const auto results = host_function(signature, arguments);
      if (!results)
        return std::unexpected(Trap{.kind = TrapKind::unreachable});
      slot = 0;
      for (std::size_t i = 0; i < results->size(); ++i) {
        // What a host leaves above a narrow number must not matter.
        const auto narrow = signature.results[i] == value_types::i32 || signature.results[i] == value_types::f32;
        stack[slot++] = (*results)[i].low | (narrow ? 0xabcd000000000000 : 0);
        if (signature.results[i].is_vector())
          stack[slot++] = (*results)[i].high;
      }
      return {};
    };
    auto host = runtime.host_module("host");
    host.raw_function("f", signature.params, signature.results, body);
    require(host.instantiate().has_value(), "host module");
  }

  void compare(Runtime& runtime, const CompiledModule& compiled) {
    std::optional<ScarceAddressSpace> scarce;
    if (subject_.checked)
      scarce.emplace();
    const auto instance = runtime.instantiate(compiled);
    scarce.reset();
    require(instance.has_value(), "not instantiated");
    require(instance->handle()->instance->memory0->is_guarded() != subject_.checked, "not the memory that was meant");
    std::vector<Value> arguments;
    arguments.reserve(program_.arguments.size());
    for (std::size_t i = 0; i < program_.arguments.size(); ++i)
      arguments.emplace_back(program_.functions[0].signature.params[i], program_.arguments[i].low,
                             program_.arguments[i].high);
    const auto result = instance->exported_function("f")->call(arguments);
    if (const auto* const values = std::get_if<std::vector<Bits>>(&expected_))
      compare_results(*values, result);
    else
      compare_trap(std::get<ModelTrap>(expected_), result);
    compare_state(*instance);
  }

  void compare_results(const std::vector<Bits>& expected, const Result<std::vector<Value>>& actual) const {
    if (!actual)
      fail("traps: " + std::get<Trap>(actual.error()).to_string());
    require(actual->size() == expected.size(), "number of results");
    for (std::size_t i = 0; i < expected.size(); ++i)
      same("result", i, expected[i], (*actual)[i]);
  }

  void same(const char* what, std::size_t index, const Bits& expected, const Value& actual) const {
    if (Bits{actual.low(), actual.high()} == expected)
      return;
    char text[160];
    std::snprintf(text, sizeof text, "%s %zu: expected %016llx%016llx, got %016llx%016llx", what, index,
                  static_cast<unsigned long long>(expected.high), static_cast<unsigned long long>(expected.low),
                  static_cast<unsigned long long>(actual.high()), static_cast<unsigned long long>(actual.low()));
    fail(text);
  }

  void compare_trap(const ModelTrap& expected, const Result<std::vector<Value>>& actual) const {
    require(!actual.has_value(), "does not trap: " + std::string(to_string(expected.kind)));
    require(std::holds_alternative<Trap>(actual.error()), "ends otherwise than by a trap");
    const auto& trap = std::get<Trap>(actual.error());
    require(trap.kind == expected.kind,
            "expected " + std::string(to_string(expected.kind)) + ", got " + trap.to_string());
    if (trap.omitted != 0)
      return;
    bool equal = trap.frames.size() == expected.frames.size();
    for (std::size_t i = 0; equal && i < expected.frames.size(); ++i)
      equal = FramePosition{trap.frames[i].function_index, trap.frames[i].offset} == expected.frames[i];
    if (equal)
      return;
    std::string text = "expected frames";
    for (const auto& frame : expected.frames) {
      char position[48];
      std::snprintf(position, sizeof position, " %u@0x%llx", frame.function_index,
                    static_cast<unsigned long long>(frame.offset));
      text += position;
    }
    fail(text + ", got " + trap.to_string());
  }

  void compare_state(const Module& instance) const {
    for (std::size_t i = 0; i < program_.globals.size(); ++i)
      same("global", i, model_.globals[i], instance.exported_global("g" + std::to_string(i))->get());
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& expected = model_.memories[i];
      const auto memory = *instance.exported_memory("m" + std::to_string(i));
      require(memory.size() == expected.size(), "size of a memory");
      const auto actual = *memory.range(0, memory.size());
      for (std::size_t at = 0; at < expected.size(); ++at)
        if (actual[at] != expected[at])
          fail("memory " + std::to_string(i) + " at " + std::to_string(at) + ": expected " +
               std::to_string(expected[at]) + ", got " + std::to_string(actual[at]));
    }
  }

  const Program& program_;
  const std::vector<std::uint8_t>& module_;
  Model model_{program_, kMaxSteps};
  Outcome expected_;
  Subject subject_;
};

}  // namespace wzrun::fuzz
