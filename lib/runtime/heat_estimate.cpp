#include "runtime/heat_estimate.h"

#include "wasm/function_reader.h"
#include "wasm/null_sink.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <utility>

namespace wzrun::runtime {

namespace {

using wasm::FunctionType;

/// How often a loop goes round: 2.
constexpr unsigned kBitsOfLoop = 1;
constexpr unsigned kDeepestLoop = 4;
constexpr double kChanceOfCall = 0.3;
constexpr double kHeatOfLoops = 4;
/// Of calls from one function to the next that heat travels along.
constexpr unsigned kLongestChain = 8;
/// LLVM takes five times as long for a byte of longer functions.
constexpr std::uint64_t kMostBytesOfFunction = 96U << 10;

struct Call {
  std::uint32_t callee = 0;  ///< number among the defined functions
  double weight = 0;
};

/// Notes the direct calls of functions, one after the other.
struct CallReader : wasm::NullSink {
  static constexpr bool kListens = true;
  using Stack = wasm::OperandStack<Operand>;

  explicit CallReader(const wasm::Module& wasm) : module(wasm) {}

  const wasm::Module& module;
  std::vector<Call> calls;
  bool has_loops = false;
  bool has_tail_calls = false;
  unsigned depth = 0;

  // NOLINTBEGIN(bugprone-derived-method-shadowing-base-method): that is what a sink does
  void begin(const wasm::Module&, std::uint32_t, std::span<const ValueType>, Stack&, Frame&) {
    has_loops = false;
    depth = 0;
  }
  void loop(Frame&) {
    has_loops = true;
    ++depth;
  }
  void end(Frame& frame, bool) {
    if (frame.kind == wasm::FrameKind::loop)
      --depth;
  }
  void call(std::uint32_t function_index, const FunctionType&) {
    if (function_index >= module.imported_functions)
      calls.push_back({function_index - module.imported_functions,
                       kChanceOfCall * (1U << kBitsOfLoop * std::min(depth, kDeepestLoop))});
  }
  void return_call(std::uint32_t, const FunctionType&) { has_tail_calls = true; }
  void return_call_indirect(std::uint32_t, std::uint32_t, Operand) { has_tail_calls = true; }
  void return_call_ref(std::uint32_t, Operand) { has_tail_calls = true; }
  // NOLINTEND(bugprone-derived-method-shadowing-base-method)
};

}  // namespace

Expected<HeatEstimate> estimate_heat(const wasm::Module& module) {
  const auto count = module.code.size();
  CallReader sink(module);
  wasm::FunctionReader<CallReader> reader(module, sink);
  std::vector<std::size_t> ends;  // of each function's calls
  std::vector<bool> has_loops;
  ends.reserve(count);
  has_loops.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WZRUN_CHECK(reader.read(module.imported_functions + static_cast<std::uint32_t>(i)));
    ends.push_back(sink.calls.size());
    has_loops.push_back(sink.has_loops);
  }
  HeatEstimate estimate{std::vector<double>(count, 1), sink.has_tail_calls};
  std::vector<double> next;
  for (unsigned round = 0; round < kLongestChain; ++round) {
    next.assign(count, 1);
    std::size_t call = 0;
    for (std::size_t caller = 0; caller < count; ++caller)
      for (; call < ends[caller]; ++call)
        next[sink.calls[call].callee] += estimate.heat[caller] * sink.calls[call].weight;
    estimate.heat.swap(next);
  }
  for (std::size_t i = 0; i < count; ++i)
    if (has_loops[i])
      estimate.heat[i] *= kHeatOfLoops;
  return estimate;
}

std::vector<std::uint32_t> worth_optimising(const wasm::Module& module, const HeatEstimate& estimate,
                                            std::uint64_t bytes) {
  const auto size = [&](std::uint32_t i) { return module.code[i].bytes.size(); };
  std::vector<std::uint32_t> functions;
  functions.reserve(module.code.size());
  for (std::uint32_t i = 0; i < module.code.size(); ++i)
    if (size(i) <= kMostBytesOfFunction)
      functions.push_back(i);
  // LLVM's time for a byte grows with a function's size, less than in proportion.
  std::ranges::sort(functions, {}, [&](auto i) {
    return std::pair(-estimate.heat[i] / static_cast<double>(std::bit_width(size(i))), i);
  });
  std::size_t taken = 0;
  for (; taken < functions.size() && size(functions[taken]) <= bytes; ++taken)
    bytes -= size(functions[taken]);
  functions.resize(taken);
  for (auto& function : functions)
    function += module.imported_functions;
  std::ranges::sort(functions);
  return functions;
}

}  // namespace wzrun::runtime
