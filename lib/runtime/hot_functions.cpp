#include "runtime/hot_functions.h"

#include "wasm/callees.h"

#include <algorithm>
#include <utility>

namespace wzrun::runtime {

HotFunctions::HotFunctions(const wasm::Module& module, unsigned opt_level, Time start, Calls calls,
                           std::uint64_t stuck_events)
    : module_(module), opt_level_(opt_level), start_(start), calls_(std::move(calls)), stuck_events_(stuck_events) {}

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

bool HotFunctions::note(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events,
                        Time now) {
  constexpr std::chrono::duration<double> kTick = std::chrono::microseconds(10);
  auto& candidate = get(function_index);
  const auto since = std::max<std::chrono::duration<double>>(now - candidate.reported, kTick);
  candidate.rate = std::max(candidate.rate, static_cast<double>(events) / since.count());
  candidate.reported = now;
  candidate.events += events;
  if (candidate.hopeless)
    return false;
  if (loop && !candidate.loops.contains(*loop)) {
    candidate.wanted_loop = loop;
    candidate.wanted = candidate.opt_level && candidate.events - candidate.events_before_code >= stuck_events_;
  }
  candidate.wanted = candidate.wanted || !candidate.opt_level;
  return candidate.wanted;
}

void HotFunctions::remember(const FunctionProfile& profile) {
  if (profile.function < module_.imported_functions || profile.function >= module_.functions.size())
    return;
  auto& candidate = get(profile.function);
  candidate.earlier_calls = profile.calls;
  candidate.earlier_events = profile.calls + profile.back_edges;
}

void HotFunctions::has_code(std::uint32_t function_index, unsigned opt_level) {
  auto& candidate = get(function_index);
  candidate.opt_level = std::max(candidate.opt_level.value_or(0), opt_level);
}

void HotFunctions::has_loop(std::uint32_t function_index, std::uint32_t loop, unsigned opt_level) {
  auto& level = get(function_index).loops[loop];
  level = std::max(level.value_or(0), opt_level);
}

void HotFunctions::give_up(std::uint32_t function_index) {
  auto& candidate = get(function_index);
  candidate.hopeless = true;
  candidate.wanted = false;
}

bool HotFunctions::is_remembered(const Entry& entry) const {
  const auto& [function, candidate] = entry;
  return !candidate.opt_level && !candidate.hopeless && candidate.earlier_events >= kRememberedEvents &&
         !is_giant(function);
}

bool HotFunctions::can_improve(const Entry& entry) const {
  const auto& [function, candidate] = entry;
  return candidate.opt_level && *candidate.opt_level < best_level(function) && !candidate.hopeless;
}

/// Those that the condition holds for, the hottest first.
std::vector<HotFunctions::Entry*> HotFunctions::waiting(bool (HotFunctions::*is_waiting)(const Entry&) const) {
  std::vector<Entry*> entries;
  for (auto& entry : candidates_)
    if ((this->*is_waiting)(entry))
      entries.push_back(&entry);
  std::ranges::sort(entries, std::ranges::greater{}, [](const Entry* entry) {
    return std::pair(entry->second.events + entry->second.earlier_events, entry->second.rate);
  });
  return entries;
}

bool HotFunctions::has_next() const {
  return std::ranges::any_of(candidates_, [this](const Entry& entry) {
    return is_wanted(entry) || is_remembered(entry) || can_improve(entry);
  });
}

std::optional<HotFunctions::Job> HotFunctions::next() {
  for (const auto is_waiting : {&HotFunctions::is_wanted, &HotFunctions::is_remembered}) {
    const auto entries = waiting(is_waiting);
    if (entries.empty())
      continue;
    auto& hottest = *entries.front();
    if (!hottest.second.opt_level)
      return compile_quickly(entries);
    // Its loop is wanted although there is code: what enters it may stay there for long.
    return compile_well(hottest, is_giant(hottest.first) ? kQuickLevel : opt_level_);
  }
  const auto improvable = waiting(&HotFunctions::can_improve);
  if (improvable.empty())
    return std::nullopt;
  auto& best = **std::ranges::max_element(improvable, {}, [this](const Entry* entry) {
    const auto events = entry->second.rate + static_cast<double>(entry->second.earlier_events);
    return events / static_cast<double>(size(entry->first) + kCalleeBytes);
  });
  return compile_well(best, best_level(best.first));
}

void HotFunctions::add_function(Job& job, std::uint32_t function_index, Candidate& candidate) {
  job.functions.push_back(function_index);
  job.repeated += candidate.opt_level ? 1 : 0;
  candidate.opt_level = std::max(candidate.opt_level.value_or(0), job.opt_level);
  candidate.events_before_code = candidate.events;
  candidate.wanted = false;
}

/// The hottest of them that have no code, or a giant alone, without entries at their loops: most loops end soon.
HotFunctions::Job HotFunctions::compile_quickly(const std::vector<Entry*>& entries) {
  Job job;
  job.opt_level = kQuickLevel;
  std::uint64_t bytes = 0;
  for (auto* const entry : entries) {
    if (entry->second.opt_level || (is_giant(entry->first) && entry != entries.front()))
      continue;
    bytes += size(entry->first);
    if (bytes > kQuickUnitBytes && !job.functions.empty())
      break;
    add_function(job, entry->first, entry->second);
  }
  std::ranges::sort(job.functions);
  return job;
}

HotFunctions::Job HotFunctions::compile_well(Entry& entry, unsigned opt_level) {
  auto& [function, candidate] = entry;
  Job job;
  job.opt_level = opt_level;
  add_function(job, function, candidate);
  if (!is_giant(function))
    add_callees(job);
  // One entry is enough to leave the interpreter, and each is the whole function once more.
  if (const auto loop = std::exchange(candidate.wanted_loop, std::nullopt))
    candidate.loops.try_emplace(*loop);
  // Whatever goes round in a loop that has an entry is in compiled code by now, and stays there.
  for (const auto& [loop, entry_level] : candidate.loops)
    if (!entry_level)
      job.loops.push_back({function, loop});
  std::ranges::sort(job.functions);
  // Also those that the compiler will leave out: it is not asked again.
  for (const auto& [member, loop] : job.loops)
    has_loop(member, loop, job.opt_level);
  return job;
}

void HotFunctions::add_callees(Job& job) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < job.functions.size(); ++i) {
    for (const auto callee : wasm::direct_callees(module_, job.functions[i])) {
      if (callee < module_.imported_functions || std::ranges::find(job.functions, callee) != job.functions.end())
        continue;
      auto& candidate = get(callee);
      const bool is_done = candidate.opt_level && *candidate.opt_level >= job.opt_level && size(callee) > kInlinedBytes;
      if (is_done || candidate.hopeless || bytes + size(callee) > kCalleeBytes || calls(callee) < kWarmCalls)
        continue;
      bytes += size(callee);
      add_function(job, callee, candidate);
    }
  }
}

}  // namespace wzrun::runtime
