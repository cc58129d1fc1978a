#include "wasm/numeric.h"

#include "wasm/simd.h"

#include <concepts>
#include <cstdint>
#include <type_traits>

/// Every row of opcodes.def that names a function here finds one of its signature.
namespace wzrun::wasm::numeric {
namespace {

template <typename Signature, typename... Immediates>
struct Row;
template <typename Result, typename... Params, typename... Immediates>
struct Row<Result(Params...), Immediates...> {
  template <typename Function>
  static constexpr bool matches(Function) {
    using Actual = std::invoke_result_t<Function, Params..., Immediates...>;
    return std::same_as<Actual, Result> || std::same_as<Actual, Trapping<Result>>;
  }
};

#define WZRUN_CALL(function) [](auto... operands) { return numeric::function(operands...); }
#define WZRUN_NUMERIC(code, id, text, signature, function, feature) \
  static_assert(Row<signature>::matches(WZRUN_CALL(function)), text);
#define WZRUN_LANE(code, id, text, signature, lanes, function, feature) \
  static_assert(Row<signature, std::uint8_t>::matches(WZRUN_CALL(function)), text);
#define WZRUN_VECTOR_LOAD(code, id, text, bytes, function, feature) \
  static_assert(Row<v128(const std::uint8_t*)>::matches(WZRUN_CALL(function)), text);
#include "wasm/opcodes.def"

}  // namespace
}  // namespace wzrun::wasm::numeric
