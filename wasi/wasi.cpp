#include "wzrun/wasi.h"

#include "denial.h"
#include "functions.h"
#include "parameters.h"
#include "trace.h"
#include "twins.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>

namespace wzrun::wasi {
namespace {

constexpr char kStateKey = 0;  // its address is the key

constexpr std::string_view kGroups[] = {"clock", "fs", "poll", "proc", "random", "sock"};

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

Call call_of(Caller& caller, State& state) {
  const auto memory = caller.memory();
  return {caller, state, GuestMemory{memory ? *memory->range(0, memory->size()) : std::span<std::uint8_t>{}}};
}

/// Between what a function returns and what the runs that are compared share.
Result<std::uint32_t> answer_of(const Result<std::uint32_t>& result) { return result; }
Result<std::uint32_t> answer_of(const Result<void>& result) {
  return result ? Result<std::uint32_t>(0) : std::unexpected(result.error());
}
template <typename Returned>
Returned returned(Result<std::uint32_t> answer) {
  if (!answer)
    return std::unexpected(std::move(answer).error());
  if constexpr (std::is_same_v<Returned, Result<void>>)
    return {};
  else
    return *answer;
}

/// What is traced of a function, and where to. Nothing of it is in the way of a call that is not.
struct Tracer {
  Group group;
  std::shared_ptr<const Trace> trace;

  bool wanted() const { return trace && std::ranges::find(trace->groups, group) != trace->groups.end(); }
};

/// A host function and what it shares with others. Functions with the same parameters are of one type.
template <typename Shared, typename Returned, typename... A>
struct With {
  std::shared_ptr<Shared> shared;
  Returned (*function)(Shared&, Caller&, A...);

  Returned operator()(Caller& caller, A... arguments) const { return function(*shared, caller, arguments...); }
};

template <auto kFunction, const TracedFunction& kDescription>
struct Export;

template <typename R, typename... A, R (*kFunction)(Call&, A...), const TracedFunction& kDescription>
struct Export<kFunction, kDescription> {
  using Returned = decltype(conclude(std::declval<Call&>(), std::declval<R>()));
  static constexpr std::string_view kName = kDescription.name();
  static_assert(for_each_parameter(kDescription.parameters(), [](const Parameter&) {}) == sizeof...(A));

  static R answer(Call& call, A... arguments) {
    auto answer = kFunction(call, arguments...);
    if constexpr (std::is_same_v<R, Status> && kDescription.parameters().contains("path")) {
      if (!answer) [[unlikely]]
        observe_denial(call, kDescription.parameters(), std::to_array({static_cast<std::uint64_t>(arguments)...}),
                       answer.error());
    }
    return answer;
  }

  static R traced(Call& call, const Trace& trace, A... arguments) {
    const std::array<std::uint64_t, sizeof...(A)> values{static_cast<std::uint64_t>(arguments)...};
    CallTrace line{kDescription, call.memory, values};
    auto result = answer(call, arguments...);
    if constexpr (std::is_same_v<R, Status>)
      trace.write(line.finish(result));
    else
      trace.write(result ? line.finish({}) : line.finish_without_return());
    return result;
  }

  /// The function for the first of two runs that are compared.
  static Returned lead(Meeting& meeting, Caller& caller, A... arguments) {
    auto call = call_of(caller, *WZRUN_TRY(state_of(caller)));
    const std::array<std::uint64_t, sizeof...(A)> values{static_cast<std::uint64_t>(arguments)...};
    if (auto halt = meeting.lead(caller, kDescription, call.memory, values))
      return std::unexpected(*std::move(halt));
    GuestMemory::Log written;
    call.memory.log_to(written);
    auto result = conclude(call, answer(call, arguments...));
    meeting.share(written, answer_of(result));
    return result;
  }
  /// And for the second.
  static Returned follow(Meeting& meeting, Caller& caller, A... arguments) {
    const auto memory = caller.memory();
    const GuestMemory bytes(memory ? *memory->range(0, memory->size()) : std::span<std::uint8_t>{});
    const std::array<std::uint64_t, sizeof...(A)> values{static_cast<std::uint64_t>(arguments)...};
    return returned<Returned>(meeting.follow(caller, kDescription, bytes, values));
  }
  static Returned call_traced(const Trace& trace, Caller& caller, A... arguments) {
    auto call = call_of(caller, *WZRUN_TRY(state_of(caller)));
    return conclude(call, traced(call, trace, arguments...));
  }

  // Not inlined: a program imports few of them, and the others are then not even looked at.
  [[gnu::noinline]] static void add(HostModuleBuilder& first, HostModuleBuilder& second,
                                    const std::shared_ptr<Meeting>& meeting) {
    first.function(std::string(kName), With{meeting, lead});
    second.function(std::string(kName), With{meeting, follow});
  }
  [[gnu::noinline]] static void add(HostModuleBuilder& builder, const Tracer& tracer) {
    if (tracer.wanted())
      builder.function(std::string(kName), With{tracer.trace, call_traced});
    else
      builder.function(std::string(kName), [](Caller& caller, A... arguments) -> Returned {
        auto call = call_of(caller, *WZRUN_TRY(state_of(caller)));
        return conclude(call, answer(call, arguments...));
      });
  }
};

constexpr const char* kPreview1Module = "wasi_snapshot_preview1";
constexpr const char* kPreview0Module = "wasi_unstable";

namespace preview1 {
#define WZRUN_WASI_FUNCTION(function, function0, group, parameters) \
  constexpr TracedFunction function{#function, parameters, false};
#include "functions.def"
}  // namespace preview1
namespace preview0 {
#define WZRUN_WASI_FUNCTION(function, function0, group, parameters) \
  constexpr TracedFunction function{#function, parameters, true};
#include "functions.def"
}  // namespace preview0

/// Calls visit.operator()<Export of preview 1, Export of its predecessor>(group) for each function.
template <typename Visit>
void for_each_function(Visit visit) {
#define WZRUN_WASI_FUNCTION(function, function0, group, parameters) \
  visit.template                                                    \
  operator()<Export<&wasi::function, preview1::function>, Export<&wasi::function0, preview0::function>>(Group::group);
#include "functions.def"
}

/// Whether a function is wanted, and, without a name, a module at all.
using Wanted = std::function<bool(std::string_view module, std::string_view name)>;

Expected<void> instantiate_wanted(Runtime& runtime, Trace trace, const Wanted& wanted) {
  auto preview1 = runtime.host_module(kPreview1Module);
  auto preview0 = runtime.host_module(kPreview0Module);
  const auto shared = trace.groups.empty() ? nullptr : std::make_shared<const Trace>(std::move(trace));
  for_each_function([&]<typename Function, typename Function0>(Group group) {
    if (wanted(kPreview1Module, Function::kName))
      Function::add(preview1, Tracer{group, shared});
    if (wanted(kPreview0Module, Function0::kName))
      Function0::add(preview0, Tracer{group, shared});
  });
  if (wanted(kPreview1Module, {}))
    WZRUN_CHECK(preview1.instantiate());
  if (wanted(kPreview0Module, {}))
    WZRUN_CHECK(preview0.instantiate());
  return {};
}

}  // namespace

Expected<void> instantiate(Runtime& runtime, Trace trace) {
  return instantiate_wanted(runtime, std::move(trace), [](std::string_view, std::string_view) { return true; });
}

Expected<void> instantiate_for(std::span<const External> imports, Runtime& runtime, Trace trace) {
  return instantiate_wanted(runtime, std::move(trace), [&](std::string_view module, std::string_view name) {
    return std::ranges::any_of(imports, [&](const External& import) {
      return (name.empty() || import.name == name) && import.module == module;
    });
  });
}

Expected<void> Twins::instantiate(Runtime& first, Runtime& second) {
  auto first1 = first.host_module(kPreview1Module), second1 = second.host_module(kPreview1Module);
  auto first0 = first.host_module(kPreview0Module), second0 = second.host_module(kPreview0Module);
  for_each_function([&]<typename Function, typename Function0>(Group) {
    Function::add(first1, second1, meeting_);
    Function0::add(first0, second0, meeting_);
  });
  for (auto* const module : {&first1, &second1, &first0, &second0})
    WZRUN_CHECK(module->instantiate());
  return {};
}

std::string_view to_string(Group group) { return kGroups[static_cast<std::size_t>(group)]; }

std::optional<Group> parse_group(std::string_view name) {
  const auto* const found = std::ranges::find(kGroups, name);
  if (found == std::end(kGroups))
    return std::nullopt;
  return static_cast<Group>(found - kGroups);
}

}  // namespace wzrun::wasi
