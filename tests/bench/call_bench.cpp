#include "runtime/compiler.h"
#include "runtime/instance.h"
#include "wzrun/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>

/// Prints what a call costs from the host into a program, and from a program into the host, on both engines; the best
/// of several rounds.

namespace {

using namespace wzrun;  // NOLINT(google-build-using-namespace)

constexpr std::uint32_t kCalls = 1'000'000;

template <typename T>
T must(std::string_view what, std::expected<T, Error> result) {
  if (result)
    return *std::move(result);
  fmt::print(stderr, "{}: {}\n", what, result.error().to_string());
  std::exit(1);
}

template <typename F>
double nanoseconds_each(F body) {
  double best = 1e9;
  for (int round = 0; round < 15; ++round) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  return best / kCalls;
}

void measure(std::string_view engine, bool native) {
  Runtime runtime;
  auto host = runtime.host_module("host");
  host.function("nothing", [](Caller&, std::uint32_t value) { return value + 1; });
  must("host", host.instantiate());
  const auto compiled =
      must("calls.wasm",
           runtime.compile(must("calls.wasm", ModuleBytes::from_file(WZRUN_TESTDATA_WASM_DIR "/bench/calls.wasm"))));
  if (native) {
    auto& code = *compiled.code();
    const auto image = must("calls.wasm", runtime::compile_image(code.bytes.view(), code.module.features, {}));
    code.attach_image(must("calls.wasm", runtime::Image::from_bytes(image, code.image_expectation(""))));
  }
  const auto module = runtime.instantiate(compiled);
  if (!module)
    std::exit(1);
  auto& add = *module->handle()->instance->function(1);
  const auto function = *module->exported_function("add");
  const auto call_host = *module->exported_function("call host");
  std::array<std::uint64_t, 2> slots{};
  const std::array values = {Value::i32(1), Value::i32(2)};
  const auto raw = nanoseconds_each([&] {
    for (std::uint32_t i = 0; i < kCalls; ++i)
      (void)runtime::call(add, slots);
  });
  const auto through_values = nanoseconds_each([&] {
    for (std::uint32_t i = 0; i < kCalls; ++i)
      (void)function.call(values);
  });
  const auto out = nanoseconds_each([&] { (void)call_host.call(std::array{Value::i32(kCalls)}); });
  fmt::print("{:<12} {:>14.1f} {:>14.1f} {:>14.1f}\n", engine, raw, through_values, out);
}

}  // namespace

int main() {
  fmt::print("{:<12} {:>14} {:>14} {:>14}\n", "ns a call", "into, slots", "into, values", "host function");
  measure("interpreter", false);
  measure("llvm", true);
}
