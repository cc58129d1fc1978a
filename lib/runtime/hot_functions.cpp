#include "runtime/hot_functions.h"

#include "wasm/callees.h"

#include <algorithm>
#include <utility>

namespace wzrun::runtime {

HotFunctions::HotFunctions(const wasm::Module& module, const Options& options, Time start, Calls calls)
    : module_(module), options_(options), start_(start), calls_(std::move(calls)) {}

HotFunctions::Candidate& HotFunctions::get(std::uint32_t function_index) {
  return candidates_.try_emplace(function_index, Candidate{.reported = start_}).first->second;
}

std::uint64_t HotFunctions::size(std::uint32_t function_index) const {
  return module_.code[function_index - module_.imported_functions].bytes.size();
}

std::uint64_t HotFunctions::calls(std::uint32_t function_index) const {
  const auto known = candidates_.find(function_index);
  return calls_(function_index) + (known == candidates_.end() ? 0 : known->second.earlier_calls);
}

void HotFunctions::count(Candidate& candidate, std::uint64_t events, Time now) {
  constexpr std::chrono::duration<double> kTick = std::chrono::microseconds(10);
  const auto since = std::max<std::chrono::duration<double>>(now - candidate.reported, kTick);
  candidate.rate = std::max(candidate.rate, static_cast<double>(events) / since.count());
  candidate.reported = now;
  candidate.events += events;
}

void HotFunctions::want(std::uint32_t function_index, Candidate& candidate) {
  if (!std::exchange(candidate.wanted, true))
    wanted_.push_back(function_index);
}

bool HotFunctions::enter(std::uint32_t function_index, Time now) {
  add_entered(function_index);
  note_age(now);
  return has_entered();
}

void HotFunctions::add_entered(std::uint32_t function_index) {
  if (!options_.quick_is_cheap || leaves_entered_)
    return;
  entered_.push_back(function_index);
  entered_bytes_ += size(function_index);
}

bool HotFunctions::has_entered_left() const {
  std::uint64_t bytes = 0;
  for (const auto function : entered_) {
    const auto known = candidates_.find(function);
    if (known == candidates_.end() || is_remembered(*known))
      bytes += size(function);
  }
  return bytes > 0 && bytes >= options_.least_entered_bytes;
}

void HotFunctions::leave_entered() {
  leaves_entered_ = true;
  entered_.clear();
  entered_bytes_ = 0;
}

bool HotFunctions::note(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events,
                        Time now) {
  auto& candidate = get(function_index);
  count(candidate, events, now);
  if (candidate.hopeless)
    return false;
  if (!candidate.opt_level)
    want(function_index, candidate);
  if (!loop || candidate.loops.contains(*loop))
    return candidate.wanted;
  candidate.wanted_loop = loop;
  if (!candidate.opt_level)
    return true;
  // Calls go to its code: this one must be in a loop that it does not leave.
  if (options_.quick_is_cheap && !candidate.is_for_llvm)
    want(function_index, candidate);
  else if (candidate.events - candidate.events_before_code >= options_.stuck_events)
    candidate.stuck = true;
  return candidate.wanted || candidate.stuck;
}

bool HotFunctions::note_code(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events,
                             Time now) {
  auto& candidate = get(function_index);
  count(candidate, events, now);
  if (candidate.hopeless)
    return false;
  candidate.events_of_code += events;
  ++(loop ? candidate.reports_of_loops : candidate.reports_of_calls);
  // What reports only loops may be one call that does not end; what does so beside better code is one.
  constexpr unsigned kReportsOfOneCall = 2;
  const bool is_stuck = has_good_code(candidate)
                            ? loop && ++candidate.reports_beside_better >= options_.stuck_reports
                            : candidate.reports_of_calls == 0 && candidate.reports_of_loops >= kReportsOfOneCall;
  if (loop && is_stuck && options_.opt_level != kQuickLevel && is_worthy(function_index, candidate)) {
    auto& known = candidate.loops[*loop];
    if (known.value_or(kQuickLevel) == kQuickLevel && !std::exchange(candidate.stuck, true)) {
      known.reset();
      return true;
    }
  }
  const auto& entry = *candidates_.find(function_index);
  return can_improve(entry) && has_time_for(entry, now);
}

void HotFunctions::remember(const FunctionProfile& profile) {
  if (profile.function < module_.imported_functions || profile.function >= module_.functions.size())
    return;
  auto& candidate = get(profile.function);
  candidate.earlier_calls = profile.calls;
  candidate.earlier_events_of_a_run = profile.events_of_a_run();
  candidate.earlier_events = profile.calls + profile.back_edges;
  if (candidate.earlier_events >= kRememberedEvents)
    remembered_.push_back(profile.function);
  else
    add_entered(profile.function);
}

void HotFunctions::add_counts(std::vector<FunctionProfile>& profile) const {
  for (const auto& [function, candidate] : candidates_)
    if (candidate.events_of_code != 0)
      profile.push_back({.function = function, .back_edges = candidate.events_of_code});
}

void HotFunctions::has_code(std::uint32_t function_index, unsigned opt_level) {
  auto& candidate = get(function_index);
  candidate.opt_level = std::max(candidate.opt_level.value_or(0), opt_level);
}

void HotFunctions::has_loop(std::uint32_t function_index, std::uint32_t loop, unsigned opt_level) {
  auto& level = get(function_index).loops[loop];
  level = std::max(level.value_or(0), opt_level);
}

void HotFunctions::leave_to_llvm(std::uint32_t function_index) {
  auto& candidate = get(function_index);
  candidate.is_for_llvm = true;
  candidate.opt_level.reset();
  candidate.wanted = false;
  candidate.loops.clear();
}

void HotFunctions::give_up(std::uint32_t function_index) {
  auto& candidate = get(function_index);
  candidate.hopeless = true;
  candidate.wanted = candidate.stuck = false;
}

bool HotFunctions::is_remembered(const Entry& entry) const {
  const auto& [function, candidate] = entry;
  return !candidate.opt_level && !candidate.hopeless && !is_dear(function) && !candidate.is_for_llvm;
}

bool HotFunctions::can_improve(const Entry& entry) const {
  const auto& [function, candidate] = entry;
  return candidate.opt_level && *candidate.opt_level < best_level(function) && !candidate.hopeless &&
         is_worthy(function, candidate);
}

/// Whether good code would save so much in a run that it is worth to be made.
bool HotFunctions::is_worthy(std::uint32_t function_index, const Candidate& candidate) const {
  // What LLVM compiles quickly counts nothing: more than the interpreter has counted before will never be known.
  if (!options_.quick_is_cheap)
    return candidate.events + candidate.earlier_events >= options_.least_events;
  const auto events = std::max(candidate.events, candidate.earlier_events_of_a_run);
  return events >= std::max(options_.least_events, size(function_index) * options_.events_per_byte);
}

/// Whether the program is old enough to begin with this. A call that goes on and on is worth it at any time.
bool HotFunctions::has_time_for(const Entry& entry, Time now) const {
  return is_stuck(entry) || now - start_ >= size(entry.first) * options_.time_per_byte;
}

bool HotFunctions::has(Condition condition) const {
  return std::ranges::any_of(candidates_, [&](const Entry& entry) { return (this->*condition)(entry); });
}

/// Those that the condition holds for, the hottest first.
std::vector<HotFunctions::Entry*> HotFunctions::waiting(Condition condition) {
  std::vector<Entry*> entries;
  for (auto& entry : candidates_)
    if ((this->*condition)(entry))
      entries.push_back(&entry);
  sort_by_heat(entries);
  return entries;
}

std::vector<HotFunctions::Entry*> HotFunctions::waiting(std::vector<std::uint32_t>& list, Condition condition) {
  std::ranges::sort(list);  // one that was wanted, compiled, and wanted again is there twice
  list.erase(std::ranges::unique(list).begin(), list.end());
  std::vector<Entry*> entries;
  std::erase_if(list, [&](auto function) {
    auto& entry = *candidates_.find(function);
    const bool holds = (this->*condition)(entry);
    if (holds)
      entries.push_back(&entry);
    return !holds;
  });
  sort_by_heat(entries);
  return entries;
}

void HotFunctions::sort_by_heat(std::vector<Entry*>& entries) {
  std::ranges::sort(entries, std::ranges::greater{}, [](const Entry* entry) {
    return std::pair(entry->second.events + entry->second.earlier_events, entry->second.rate);
  });
}

bool HotFunctions::has_next(Work work) const {
  const auto has_listed = [&](const std::vector<std::uint32_t>& list, Condition condition) {
    return std::ranges::any_of(list, [&](auto function) { return (this->*condition)(*candidates_.find(function)); });
  };
  const bool has_quick = has_listed(wanted_, &HotFunctions::is_wanted) ||
                         has_listed(remembered_, &HotFunctions::is_remembered) || has_entered();
  if (work == Work::quick || (work == Work::any && has_quick))
    return has_quick;
  return has(&HotFunctions::is_left_to_llvm) || has(&HotFunctions::is_good_work);
}

bool HotFunctions::has_good(std::span<const std::uint32_t> functions, Time now) const {
  return std::ranges::any_of(functions, [&](auto function) {
    const auto& entry = *candidates_.find(function);
    return is_left_to_llvm(entry) || (is_good_work(entry) && has_time_for(entry, now));
  });
}

bool HotFunctions::has_later(Time now) const {
  return std::ranges::any_of(candidates_,
                             [&](const Entry& entry) { return can_improve(entry) && !has_time_for(entry, now); });
}

std::optional<HotFunctions::Job> HotFunctions::next(Work work, Time now) {
  note_age(now);
  const auto pressing = work == Work::any ? waiting(&HotFunctions::is_pressing) : std::vector<Entry*>();
  const bool is_stuck_first = !pressing.empty() && is_stuck(*pressing.front());
  if (work != Work::good && !is_stuck_first)
    if (auto job = next_quick())
      return job;
  return work != Work::quick ? next_good(now) : std::nullopt;
}

std::optional<HotFunctions::Job> HotFunctions::next_quick() {
  auto entries = waiting(wanted_, &HotFunctions::is_wanted);
  if (entries.empty())
    entries = waiting(remembered_, &HotFunctions::is_remembered);
  if (!entries.empty())
    return compile_quickly(entries, options_.quick_is_cheap);
  return has_entered() ? next_entered() : std::nullopt;
}

/// In the order in which they were entered: who calls whom lies together.
std::optional<HotFunctions::Job> HotFunctions::next_entered() {
  Job job;
  job.opt_level = kQuickLevel;
  job.by_baseline = true;
  std::uint64_t bytes = 0;
  while (!entered_.empty() && bytes < options_.entered_unit_bytes) {
    const auto function = entered_.front();
    entered_.pop_front();
    entered_bytes_ -= size(function);
    auto& candidate = get(function);
    if (candidate.opt_level || candidate.hopeless || candidate.is_for_llvm)
      continue;
    bytes += size(function);
    add_function(job, function, candidate);
  }
  if (job.functions.empty())
    return std::nullopt;
  std::ranges::sort(job.functions);
  return job;
}

std::optional<HotFunctions::Job> HotFunctions::next_good(Time now) {
  if (const auto left = waiting(&HotFunctions::is_left_to_llvm); !left.empty())
    return compile_quickly(left, false);
  // Its loop is wanted although there is code: what enters it may stay there for long, and in the interpreter if the
  // code is LLVM's.
  if (!options_.quick_is_cheap)
    if (const auto stuck = waiting(&HotFunctions::is_stuck); !stuck.empty())
      return compile_well(*stuck.front(), is_dear(stuck.front()->first) ? kQuickLevel : options_.opt_level);
  auto work = waiting(&HotFunctions::is_good_work);
  std::erase_if(work, [&](const Entry* entry) { return !has_time_for(*entry, now); });
  if (work.empty())
    return std::nullopt;
  std::ranges::sort(work, std::ranges::greater{}, [this](const Entry* entry) {
    const auto events = static_cast<double>(entry->second.events + entry->second.earlier_events);
    const auto bytes = static_cast<double>(size(entry->first) + kCalleeBytes);
    return std::pair(!is_giant(entry->first), events / bytes);
  });
  return compile_well(work);
}

void HotFunctions::add_function(Job& job, std::uint32_t function_index, Candidate& candidate) {
  job.functions.push_back(function_index);
  job.repeated += candidate.opt_level ? 1 : 0;
  candidate.opt_level = std::max(candidate.opt_level.value_or(0), job.opt_level);
  candidate.events_before_code = candidate.events;
  candidate.wanted = false;
  if (job.opt_level > kQuickLevel)
    candidate.stuck = false;
}

/// The hottest of them. Where that is cheap, with an entry at the loop that one of them is in; most loops end soon.
HotFunctions::Job HotFunctions::compile_quickly(const std::vector<Entry*>& entries, bool by_baseline) {
  Job job;
  job.opt_level = kQuickLevel;
  job.by_baseline = by_baseline;
  const auto most_bytes = by_baseline ? kCheapUnitBytes : kQuickUnitBytes;
  std::uint64_t bytes = 0;
  for (auto* const entry : entries) {
    if (is_giant(entry->first) && !by_baseline && entry != entries.front())
      continue;
    bytes += size(entry->first);
    if (bytes > most_bytes && !job.functions.empty())
      break;
    add_function(job, entry->first, entry->second);
    if (by_baseline)
      add_wanted_loop(job, *entry);
  }
  std::ranges::sort(job.functions);
  finish_loops(job);
  return job;
}

void HotFunctions::add_wanted_loop(Job& job, Entry& entry) {
  auto& [function, candidate] = entry;
  if (const auto loop = std::exchange(candidate.wanted_loop, std::nullopt))
    candidate.loops.try_emplace(*loop);
  // Whatever goes round in a loop that has an entry is in compiled code by now, and stays there.
  for (const auto& [loop, entry_level] : candidate.loops)
    if (!entry_level)
      job.loops.push_back({function, loop});
}

/// Also those that the compiler will leave out: it is not asked again.
void HotFunctions::finish_loops(Job& job) {
  std::ranges::sort(job.loops, {}, [](const CodegenLoop& loop) { return std::pair(loop.function, loop.loop); });
  for (const auto& [member, loop] : job.loops)
    has_loop(member, loop, job.opt_level);
}

HotFunctions::Job HotFunctions::compile_well(Entry& entry, unsigned opt_level) {
  auto& [function, candidate] = entry;
  Job job;
  job.opt_level = opt_level;
  add_function(job, function, candidate);
  candidate.stuck = false;
  if (!is_giant(function))
    add_callees(job);
  // One entry is enough to leave the interpreter, and each is the whole function once more.
  add_wanted_loop(job, entry);
  std::ranges::sort(job.functions);
  finish_loops(job);
  return job;
}

/// The first of them, and with it others if all are small.
HotFunctions::Job HotFunctions::compile_well(std::span<Entry* const> entries) {
  auto& first = *entries.front();
  const auto level = best_level(first.first);
  if (!options_.quick_is_cheap || is_stuck(first))
    return compile_well(first, level);
  Job job;
  job.opt_level = level;
  std::uint64_t bytes = 0;
  for (auto* const entry : entries) {
    auto& [function, candidate] = *entry;
    bytes += size(function);
    if (bytes > options_.good_unit_bytes && !job.functions.empty())
      break;
    if (!is_stuck(*entry))
      add_function(job, function, candidate);
  }
  if (!is_giant(first.first))
    add_callees(job);
  std::ranges::sort(job.functions);
  return job;
}

void HotFunctions::add_callees(Job& job) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < job.functions.size(); ++i) {
    for (const auto callee : wasm::direct_callees(module_, job.functions[i])) {
      if (callee < module_.imported_functions || std::ranges::find(job.functions, callee) != job.functions.end())
        continue;
      auto& candidate = get(callee);
      const bool is_done = candidate.opt_level && *candidate.opt_level >= job.opt_level;
      if (is_done || candidate.hopeless || bytes + size(callee) > options_.callee_bytes || calls(callee) < kWarmCalls)
        continue;
      bytes += size(callee);
      add_function(job, callee, candidate);
    }
  }
}

}  // namespace wzrun::runtime
