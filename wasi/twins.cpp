#include "twins.h"

#include "parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace wzrun::wasi {
namespace {

/// Memories are compared at each call if that is quick, and otherwise so seldom that a quarter of the time goes there.
constexpr auto kQuick = std::chrono::microseconds(50);
constexpr int kShare = 3;

constexpr std::string_view name_of(Twins::Run run) {
  return run == Twins::Run::first ? "the interpreter" : "compiled code";
}

Meeting::Arrival arrival_of(const TracedFunction& function, const GuestMemory& memory,
                            std::span<const std::uint64_t> arguments) {
  return {&function, {arguments.begin(), arguments.end()}, memory.bytes()};
}

/// The call as a trace shows it.
std::string text_of(const Meeting::Arrival& arrival) {
  const GuestMemory memory(arrival.memory);
  return CallTrace(*arrival.function, memory, arrival.arguments).call();
}

bool same(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second) {
  return first.size() == second.size() &&
         (first.empty() || std::memcmp(first.data(), second.data(), first.size()) == 0);
}

/// Whether a range of both memories has the same bytes; one that lies outside both is the same.
bool same_range(const GuestMemory& first, const GuestMemory& second, std::uint64_t address, std::uint64_t length) {
  const auto a = first.range(address, length);
  const auto b = second.range(address, length);
  return a && b ? same(*a, *b) : !a && !b;
}

bool same_buffers(const GuestMemory& first, const GuestMemory& second, std::uint64_t list, std::uint64_t count) {
  if (!same_range(first, second, list, count * sizeof(Iovec)))
    return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = first.read<Iovec>(list + i * sizeof(Iovec));
    if (!entry)
      return true;  // EFAULT in both
    if (!same_range(first, second, entry->buf, entry->buf_len))
      return false;
  }
  return true;
}

/// Whether all that a call reads of the memory is the same. Requires equal arguments.
bool same_input(const Meeting::Arrival& first, const Meeting::Arrival& second) {
  const GuestMemory a(first.memory), b(second.memory);
  bool equal = true;
  for_each_parameter(first.function->parameters(), [&](const Parameter& parameter) {
    if (parameter.is_result)
      return;
    const auto value = first.arguments[parameter.argument];
    const auto next = [&](std::size_t by) { return first.arguments[parameter.argument + by]; };
    if (parameter.word == "path" || parameter.word == "text")
      equal = equal && same_range(a, b, value, next(1));
    else if (parameter.word == "buffers")
      equal = equal && same_buffers(a, b, value, next(1));
    else if (parameter.word == "filled")
      equal = equal && same_range(a, b, value, next(1) * sizeof(Iovec));
    else if (parameter.word == "subscriptions")
      equal = equal &&
              same_range(a, b, value,
                         next(2) * (first.function->preview0 ? sizeof(Preview0Subscription) : sizeof(Subscription)));
  });
  return equal;
}

}  // namespace

template <typename Condition>
bool Meeting::wait(std::unique_lock<std::mutex>& lock, const Caller& caller, Condition condition) {
  constexpr auto kLookAround = std::chrono::milliseconds(20);  // an interruption does not wake a condition variable
  while (!condition()) {
    if (caller.interrupted())
      return false;
    changed_.wait_for(lock, kLookAround);
  }
  return true;
}

Halt Meeting::differ(std::string what) {
  if (!difference_)
    difference_ = std::move(what);
  changed_.notify_all();
  return Trap{.kind = TrapKind::runs_differ};
}

bool Meeting::is_time_to_compare() const {
  return comparing_ <= kQuick || Clock::now() - compared_ >= kShare * comparing_;
}

std::optional<std::string> Meeting::compare_memories(std::span<const std::uint8_t> first,
                                                     std::span<const std::uint8_t> second) {
  if (first.size() != second.size())
    return fmt::format("the memory has {} bytes for {} and {} for {}", first.size(), name_of(Twins::Run::first),
                       second.size(), name_of(Twins::Run::second));
  const auto begin = Clock::now();
  const bool equal = same(first, second);
  compared_ = Clock::now();
  comparing_ = compared_ - begin;
  if (equal)
    return std::nullopt;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(first, second).in1 - first.begin());
  return fmt::format("the byte at {:#x} of the memory is {:#04x} for {} and {:#04x} for {}", at, first[at],
                     name_of(Twins::Run::first), second[at], name_of(Twins::Run::second));
}

std::optional<std::string> Meeting::compare_calls(const Arrival& first, const Arrival& second) {
  const bool equal = first.function == second.function && first.arguments == second.arguments;
  if (!equal || !same_input(first, second)) {
    const auto calls = text_of(first), other = text_of(second);
    return fmt::format("{} calls {}, and {} {}", name_of(Twins::Run::first), calls, name_of(Twins::Run::second),
                       calls == other ? "with other bytes" : other);
  }
  if (first.memory.size() == second.memory.size() && !is_time_to_compare())
    return std::nullopt;
  auto different = compare_memories(first.memory, second.memory);
  if (different)
    *different += ", when both call " + text_of(first);
  return different;
}

std::optional<Halt> Meeting::lead(const Caller& caller, const TracedFunction& function, const GuestMemory& memory,
                                  std::span<const std::uint64_t> arguments) {
  std::unique_lock lock(mutex_);
  first_ = arrival_of(function, memory, arguments);
  changed_.notify_all();
  auto& end = ends_[static_cast<int>(Twins::Run::second)];
  if (!wait(lock, caller, [&] { return second_ || end || difference_; }))
    return caller.interruption();
  if (difference_)
    return Trap{.kind = TrapKind::runs_differ};
  if (!second_)
    return differ(fmt::format("after {} equal calls {} calls {}, and {} {}", calls_, name_of(Twins::Run::first),
                              text_of(*first_), name_of(Twins::Run::second), end->how));
  if (auto different = compare_calls(*first_, *second_))
    return differ(fmt::format("after {} equal calls {}", calls_, *different));
  return std::nullopt;
}

void Meeting::share(std::span<const std::span<std::uint8_t>> written, Result<std::uint32_t> answer) {
  const std::scoped_lock lock(mutex_);
  for (const auto& range : written)
    std::memcpy(second_->memory.data() + (range.data() - first_->memory.data()), range.data(), range.size());
  ++calls_;
  first_.reset();
  second_.reset();
  answer_ = std::move(answer);
  changed_.notify_all();
}

Result<std::uint32_t> Meeting::follow(const Caller& caller, const TracedFunction& function, const GuestMemory& memory,
                                      std::span<const std::uint64_t> arguments) {
  std::unique_lock lock(mutex_);
  second_ = arrival_of(function, memory, arguments);
  changed_.notify_all();
  auto& end = ends_[static_cast<int>(Twins::Run::first)];
  const bool met = wait(lock, caller, [&] { return answer_ || end || difference_; });
  if (answer_)
    return *std::exchange(answer_, std::nullopt);
  if (!met)
    return std::unexpected(caller.interruption());
  if (difference_)
    return std::unexpected(Trap{.kind = TrapKind::runs_differ});
  return std::unexpected(
      differ(fmt::format("after {} equal calls {} calls {}, and {} {}", calls_, name_of(Twins::Run::second),
                         text_of(*second_), name_of(Twins::Run::first), end->how)));
}

void Meeting::ended(Twins::Run run, std::string how, std::optional<Memory> memory) {
  const std::scoped_lock lock(mutex_);
  ends_[static_cast<int>(run)] =
      End{std::move(how), memory ? *memory->range(0, memory->size()) : std::span<std::uint8_t>{}};
  changed_.notify_all();
  const auto& [first, second] = ends_;
  if (!first || !second || difference_)
    return;
  if (first->how != second->how)
    difference_ = fmt::format("after {} equal calls {} {}, and {} {}", calls_, name_of(Twins::Run::first), first->how,
                              name_of(Twins::Run::second), second->how);
  else if (auto different = compare_memories(first->memory, second->memory))
    difference_ = *different + ", at the end";
}

std::optional<std::string> Meeting::difference() const {
  const std::scoped_lock lock(mutex_);
  return difference_;
}

std::uint64_t Meeting::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

Twins::Twins() : meeting_(std::make_shared<Meeting>()) {}
Twins::~Twins() = default;

void Twins::ended(Run run, std::string how, std::optional<Memory> memory) {
  meeting_->ended(run, std::move(how), memory);
}
std::optional<std::string> Twins::difference() const { return meeting_->difference(); }
std::uint64_t Twins::calls() const { return meeting_->calls(); }

}  // namespace wzrun::wasi
