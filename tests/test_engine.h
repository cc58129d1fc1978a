#pragma once

#include "baseline/baseline.h"
#include "runtime/compiler.h"
#include "runtime/instance.h"
#include "runtime/tiering.h"
#include "wzrun/runtime.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The engine that tests run programs on, which the environment names: WZRUN_TEST_ENGINE is `interpreter`, the
/// default, or `baseline`, or `llvm`, with an optimisation level behind it if it is not to be the default, or `tiers`,
/// with a seed behind it: code is compiled at moments that the seed decides, and entered wherever it can be; or
/// `mixed`, with a seed that decides which functions the baseline compiler compiles, and which LLVM.
namespace wzrun {

inline std::string_view test_engine() {
  const char* const name = std::getenv("WZRUN_TEST_ENGINE");
  return name != nullptr ? name : "interpreter";
}

/// Gives a module what the baseline compiler makes of it; the interpreter has the functions that it leaves out,
/// and all of them where this processor has no such compiler.
inline void compile_with_baseline(runtime::CompiledCode& code, bool guarded) {
  if (!baseline::is_available())
    return;
  std::vector<std::uint32_t> functions;
  for (auto index = code.module.imported_functions; index < code.module.functions.size(); ++index)
    functions.push_back(index);
  const auto compiled =
      baseline::compile(code.module, {.functions = functions, .loops = {}, .guarded = guarded, .target = "test"});
  if (!compiled)
    FAIL(compiled.error().to_string());
  if (compiled->image.empty())
    return;
  auto mapped = runtime::Image::from_bytes(compiled->image, code.image_expectation("test"));
  if (!mapped)
    FAIL(mapped.error().to_string());
  code.attach_image(*std::move(mapped));
}

/// Compiles a module to native code if that is the engine. Every module must compile, but those LLVM cannot.
/// `guarded`: for instances whose memories are.
inline void for_test_engine(const CompiledModule& module, bool guarded) {
  auto& code = *module.code();
  code.tiering.reset();
  if (test_engine().starts_with("tiers")) {
    const auto seed = std::strtoull(std::string(test_engine().substr(5)).c_str(), nullptr, 10);
    code.guarded_code = guarded;
    code.tiering = std::make_unique<runtime::Tiering>(
        code,
        runtime::TieringOptions{.opt_level = 1, .guarded = guarded, .target = "test", .store = {}, .stress = seed});
    return;
  }
  if (test_engine() == "baseline")
    return compile_with_baseline(code, guarded);
  const bool is_mixed = test_engine().starts_with("mixed");
  if (!is_mixed && !test_engine().starts_with("llvm"))
    return;
  runtime::CompileOptions options;
  options.threads = 1;
  options.guarded = guarded;
  options.target = "test";
  if (is_mixed)
    options.stress = std::strtoull(std::string(test_engine().substr(5)).c_str(), nullptr, 10);
  else if (const auto level = test_engine().substr(4); !level.empty())
    options.opt_level = static_cast<unsigned>(level.front() - '0');
  const auto image = runtime::compile_image(code.bytes.view(), code.module.features, options);
  if (!image && image.error().message.contains("LLVM 22 compiles wrongly"))
    return;  // the interpreter serves
  if (!image)
    FAIL(image.error().to_string());
  auto mapped = runtime::Image::from_bytes(*image, code.image_expectation(options.target));
  if (!mapped)
    FAIL(mapped.error().to_string());
  code.attach_image(*std::move(mapped));
}

}  // namespace wzrun
