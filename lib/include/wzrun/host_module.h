#pragma once

#include "wzrun/error.h"
#include "wzrun/module.h"
#include "wzrun/value_type.h"

#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace wzrun {

class Runtime;

/// What a host function sees of the instance that called it; valid during the call.
class Caller {
 public:
  explicit Caller(runtime::Instance& instance) : instance_(&instance) {}

  /// Memory 0 of the calling instance, if it has one.
  std::optional<Memory> memory() const;
  const ModuleConfig& config() const;
  /// True once somebody asked the running call to end (timeout, close). A host function that waits must then stop
  /// waiting, which a signal interrupts with EINTR, and return interruption().
  bool interrupted() const;
  /// The halt to return when interrupted() is true.
  Halt interruption() const;
  /// State of the calling instance that a host module keeps under a key (an address of its own); created empty.
  std::shared_ptr<void>& state(const void* key) const;
  runtime::Instance& instance() const { return *instance_; }

 private:
  runtime::Instance* instance_;
};

/// Host functions may throw: the program ends as if by a trap, and the exception goes on from the call that ran the
/// program (Function::call, Runtime::instantiate), which a host function may have made, and then it may catch it there.
/// They must not end their thread or jump out.

/// A host function over the raw stack: arguments in its first slots, one 64-bit slot each (a v128 takes two),
/// replaced by the results; numbers in the low bits, floats as their bits.
using RawHostFunction = std::function<Result<void>(Caller&, std::span<std::uint64_t> stack)>;

namespace detail {

template <typename T>
constexpr ValueType host_value_type() {
  if constexpr (std::is_same_v<T, float>)
    return value_types::f32;
  else if constexpr (std::is_same_v<T, double>)
    return value_types::f64;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 4)
    return value_types::i32;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 8)
    return value_types::i64;
  else
    static_assert(sizeof(T) == 0, "host functions take and return 32 and 64 bit integers, float and double");
}

template <typename T>
T from_slot(std::uint64_t slot) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(static_cast<std::uint32_t>(slot));
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<double>(slot);
  else
    return static_cast<T>(slot);
}

template <typename T>
std::uint64_t to_slot(T value) {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<std::uint32_t>(value);
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<std::uint64_t>(value);
  else
    return static_cast<std::make_unsigned_t<T>>(value);
}

template <typename T>
struct HostResult {
  using Value = T;
  static constexpr bool can_halt = false;
};
template <typename T>
struct HostResult<Result<T>> {
  using Value = T;
  static constexpr bool can_halt = true;
};

template <typename Callable>
struct HostSignature : HostSignature<decltype(&Callable::operator())> {};
template <typename C, typename R, typename... A>
struct HostSignature<R (C::*)(Caller&, A...) const> : HostSignature<R (*)(Caller&, A...)> {};
template <typename R, typename... A>
struct HostSignature<R (*)(Caller&, A...)> {
  using Returned = HostResult<R>;
  static std::vector<ValueType> params() { return {host_value_type<A>()...}; }
  static std::vector<ValueType> results() {
    if constexpr (std::is_void_v<typename Returned::Value>)
      return {};
    else
      return {host_value_type<typename Returned::Value>()};
  }
  template <typename F>
  static Result<void> invoke(const F& function, Caller& caller, std::span<std::uint64_t> stack) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) -> Result<void> {
      if constexpr (Returned::can_halt) {
        auto result = function(caller, from_slot<A>(stack[I])...);
        if (!result)
          return std::unexpected(std::move(result).error());
        if constexpr (!std::is_void_v<typename Returned::Value>)
          stack[0] = to_slot(*result);
      } else if constexpr (std::is_void_v<R>) {
        function(caller, from_slot<A>(stack[I])...);
      } else {
        stack[0] = to_slot(function(caller, from_slot<A>(stack[I])...));
      }
      return {};
    }(std::index_sequence_for<A...>{});
  }
};

}  // namespace detail

/// Collects the functions of a host module. Each name exported twice keeps the later function.
class HostModuleBuilder {
 public:
  struct HostFunction {
    std::string name;
    std::vector<ValueType> params;
    std::vector<ValueType> results;
    RawHostFunction function;
  };

  /// `function` takes Caller& and then 32 or 64 bit integers, float and double; it returns one of these or void,
  /// bare or as Result<T> if it can trap or exit.
  template <typename F>
  HostModuleBuilder& function(std::string name, F callable) {
    using Signature = detail::HostSignature<F>;
    return raw_function(std::move(name), Signature::params(), Signature::results(), raw(std::move(callable)));
  }
  HostModuleBuilder& raw_function(std::string name, std::vector<ValueType> params, std::vector<ValueType> results,
                                  RawHostFunction function);
  /// Makes the functions importable under the module's name.
  /// Errors: invalid_argument if the name is empty or taken.
  Expected<Module> instantiate();

 private:
  friend class Runtime;
  template <typename F>
  static auto raw(F callable) {
    using Signature = detail::HostSignature<F>;
    if constexpr (std::is_empty_v<F> && std::is_trivially_default_constructible_v<F>) {
      // One type for all lambdas without captures, and so one set of what RawHostFunction needs of a type.
      return +[](Caller& caller, std::span<std::uint64_t> stack) { return Signature::invoke(F(), caller, stack); };
    } else {
      return [callable = std::move(callable)](Caller& caller, std::span<std::uint64_t> stack) {
        return Signature::invoke(callable, caller, stack);
      };
    }
  }
  HostModuleBuilder(Runtime& runtime, std::string name) : runtime_(&runtime), name_(std::move(name)) {}
  Runtime* runtime_;
  std::string name_;
  std::vector<HostFunction> functions_;
};

}  // namespace wzrun
