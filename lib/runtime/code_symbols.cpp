#include "runtime/code_symbols.h"

#include "wasm/escape.h"

#include <fmt/format.h>

#include <algorithm>

namespace wzrun::runtime {

namespace {

constexpr std::size_t kLongestName = 4096;

std::string symbol_name(const CompiledCode& code, std::uint32_t function) {
  if (function == kNoCode)
    return "wzrun-entry";
  const auto name = code.names().function_name(function);
  return name.empty() ? fmt::format("wasm-function[{}]", function) : wasm::escaped(name, kLongestName);
}

}  // namespace

std::vector<CodeSymbol> code_symbols(const CompiledCode& code, const Image& image) {
  const auto bytes = image.code();
  // A function that was compiled while it ran may have code of several levels.
  const auto suffix = image.members().empty() ? "" : fmt::format(" (opt {})", image.opt_level());
  std::vector<CodeSymbol> symbols;
  for (const auto& range : image.ranges()) {
    const auto end = std::min<std::size_t>(range.end, bytes.size());
    if (range.begin < end)
      symbols.push_back({bytes.subspan(range.begin, end - range.begin), symbol_name(code, range.function) + suffix});
  }
  return symbols;
}

}  // namespace wzrun::runtime
