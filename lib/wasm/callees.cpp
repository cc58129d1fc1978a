#include "wasm/callees.h"

#include "wasm/function_reader.h"
#include "wasm/null_sink.h"

#include <algorithm>

namespace wzrun::wasm {

namespace {

struct CalleeFinder : NullSink {
  static constexpr bool kListens = true;
  std::vector<std::uint32_t> found;

  void note(std::uint32_t function_index) {
    if (std::ranges::find(found, function_index) == found.end())
      found.push_back(function_index);
  }
  // NOLINTBEGIN(bugprone-derived-method-shadowing-base-method): that is what a sink does
  void call(std::uint32_t function_index, const FunctionType&) { note(function_index); }
  void return_call(std::uint32_t function_index, const FunctionType&) { note(function_index); }
  // NOLINTEND(bugprone-derived-method-shadowing-base-method)
};

}  // namespace

std::vector<std::uint32_t> direct_callees(const Module& module, std::uint32_t function_index) {
  CalleeFinder finder;
  FunctionReader<CalleeFinder> reader(module, finder);
  [[maybe_unused]] const auto read = reader.read(function_index);
  return std::move(finder.found);
}

}  // namespace wzrun::wasm
