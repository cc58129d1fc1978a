#include "wzrun/wasi.h"

#include "functions.h"

#include <concepts>

namespace wzrun::wasi {
namespace {

constexpr char kStateKey = 0;  // its address is the key

Expected<State*> state_of(Caller& caller) {
  auto& slot = caller.state(&kStateKey);
  if (!slot) [[unlikely]]
    slot = WZRUN_TRY(State::create(caller.config()));
  return static_cast<State*>(slot.get());
}

/// What becomes of the answer: an errno for the program, or the end of its running.
Result<std::uint32_t> conclude(Call& call, const Status& status) {
  if (status) [[likely]]
    return 0;
  if (status.error() == Errno::halted)
    return std::unexpected(call.caller.interruption());
  return static_cast<std::uint32_t>(status.error());
}
template <typename T>
Result<T> conclude(Call&, Result<T> result) {
  return result;
}

template <auto kFunction>
struct Export;

template <typename R, typename... A, R (*kFunction)(Call&, A...)>
struct Export<kFunction> {
  using Returned = decltype(conclude(std::declval<Call&>(), std::declval<R>()));

  static void add(HostModuleBuilder& builder, std::string_view name) {
    builder.function(std::string{name}, [](Caller& caller, A... arguments) -> Returned {
      auto* const state = WZRUN_TRY(state_of(caller));
      const auto memory = caller.memory();
      const auto bytes = memory ? *memory->range(0, memory->size()) : std::span<std::uint8_t>{};
      Call call{caller, *state, GuestMemory{bytes}};
      return conclude(call, kFunction(call, arguments...));
    });
  }
};

/// The documents' name of a function: that of the C++ function without `preview0_`.
constexpr std::string_view plain(std::string_view name) {
  constexpr std::string_view kPrefix = "preview0_";
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

}  // namespace

Expected<void> instantiate(Runtime& runtime) {
  auto preview1 = runtime.host_module("wasi_snapshot_preview1");
  auto preview0 = runtime.host_module("wasi_unstable");
#define WZRUN_WASI_FUNCTION(name, name0)      \
  Export<&name>::add(preview1, plain(#name)); \
  Export<&name0>::add(preview0, plain(#name0));
#include "functions.def"
  WZRUN_CHECK(preview1.instantiate());
  WZRUN_CHECK(preview0.instantiate());
  return {};
}

}  // namespace wzrun::wasi
