#include "wasi/attempts_support.h"

#include "tests/test_engine.h"
#include "wasi/wasi_errno.h"
#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string_view>
#include <vector>

namespace wzrun::test {
namespace {

/// Compiled once, for all attempts.
struct Program {
  Runtime runtime;
  CompiledModule code;

  static Program& get() {
    static Program program = load();
    return program;
  }

 private:
  static Program load() {
    Runtime runtime;
    auto bytes =
        ModuleBytes::from_file((std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/attempt.wasm").string());
    REQUIRE(bytes);
    auto code = runtime.compile(*std::move(bytes));
    REQUIRE(code);
    for_test_engine(*code, true);
    REQUIRE(wasi::instantiate(runtime));
    return {std::move(runtime), *std::move(code)};
  }
};

std::vector<std::string> arguments(std::string_view calls) {
  std::vector<std::string> list{"attempt"};
  constexpr std::string_view kSeparator = "; ";
  for (;;) {
    const auto end = calls.find(kSeparator);
    list.emplace_back(calls.substr(0, end));
    if (end == calls.npos)
      return list;
    calls.remove_prefix(end + kSeparator.size());
  }
}

std::string names_of(const std::string& numbers) {
  std::istringstream in{numbers};
  std::string names;
  for (int number = 0; in >> number;) {
    if (!names.empty())
      names += ' ';
    names += number == 0 ? "OK" : std::string{to_string(static_cast<wasi::Errno>(number))};
  }
  return names;
}

}  // namespace

Made make_attempt(const char* calls, const ModuleConfig& config) {
  auto& [runtime, code] = Program::get();
  const auto output = std::make_shared<std::string>();
  const auto errors = std::make_shared<std::string>();
  const auto ended = runtime.instantiate(code, config.with_args(arguments(calls))
                                                   .with_stdout(OutputText{output})
                                                   .with_stderr(OutputText{errors})
                                                   .with_start_functions({"_start"}));
  if (!ended && !std::holds_alternative<Exit>(ended.error()))
    return {"did not end", *output};
  return {names_of(*errors), *output};
}

}  // namespace wzrun::test
