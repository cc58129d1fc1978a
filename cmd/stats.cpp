#include "stats.h"

#include "json.h"
#include "report.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <iterator>

namespace wzrun::cmd {
namespace {

double milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::string tiering_json(const std::optional<TieringReport>& report) {
  if (!report)
    return "null";
  return fmt::format(R"({{"interpreted_functions": {}, "compiled_functions": {}, "improved_functions": {}, )"
                     R"("kept_functions": {}, "units": {}, "loop_entries": {}, "compiling_ms": {:.6f}}})",
                     report->interpreted_functions, report->compiled_functions, report->improved_functions,
                     report->kept_functions, report->units, report->loop_entries, milliseconds(report->compiling));
}

}  // namespace

std::string describe_cache(const CompilationReport& report, std::string_view why_no_cache) {
  switch (report.cache) {
    case CompilationReport::Cache::hit:
      return "hit";
    case CompilationReport::Cache::hot:
      return "has what was hot in earlier runs";
    case CompilationReport::Cache::miss:
      return "miss: " + report.cache_reason + (report.stored ? "; it is now" : "");
    case CompilationReport::Cache::unused:
      break;
  }
  return why_no_cache.empty() ? "not used" : fmt::format("not used: {}", why_no_cache);
}

void Stats::phase(std::string_view name) {
  const auto now = Clock::now();
  phases_.push_back({name, now - last_});
  last_ = now;
}

void Stats::compiled(const CompilationReport& report, std::string why_no_cache) {
  phases_.insert(phases_.end(), report.phases.begin(), report.phases.end());
  last_ = Clock::now();
  report_ = report;
  why_no_cache_ = std::move(why_no_cache);
}

void Stats::starting() {
  phase("link");
  first_instruction_ = last_;
}

std::string Stats::cache() const { return describe_cache(report_, why_no_cache_); }

std::string Stats::human(std::string_view module) const {
  const auto now = Clock::now();
  auto text = fmt::format("wzrun: {}: engine {}, cache {}\n", printable(module), to_string(report_.engine), cache());
  const auto line = [&](std::string_view name, double ms) {
    fmt::format_to(std::back_inserter(text), "  {:<18} {:>12.3f} ms\n", name, ms);
  };
  for (const auto& [name, duration] : phases_)
    line(name, milliseconds(duration));
  if (first_instruction_ != StartTime{}) {
    line("first instruction", milliseconds(first_instruction_ - start_));
    line("run", milliseconds(now - first_instruction_));
  }
  line("in all", milliseconds(now - start_));
  if (tiering_) {
    const auto count = [&](std::string_view name, std::uint64_t number) {
      fmt::format_to(std::back_inserter(text), "  {:<18} {:>12}\n", name, number);
    };
    count("interpreted", tiering_->interpreted_functions);
    count("compiled", tiering_->compiled_functions);
    count("compiled again", tiering_->improved_functions);
    count("compiled before", tiering_->kept_functions);
    count("loop entries", tiering_->loop_entries);
    line("compiling", milliseconds(tiering_->compiling));
  }
  fmt::format_to(std::back_inserter(text), "  {:<18} {:>12.1f} MiB\n", "peak memory",
                 static_cast<double>(peak_memory_bytes()) / (1 << 20));
  return text;
}

std::string Stats::json(std::string_view module, int status) const {
  const auto now = Clock::now();
  std::string phases;
  for (const auto& [name, duration] : phases_)
    fmt::format_to(std::back_inserter(phases), R"({}{{"name": {}, "ms": {:.6f}}})", phases.empty() ? "" : ", ",
                   json_string(name), milliseconds(duration));
  const bool started = first_instruction_ != StartTime{};
  return fmt::format(
      R"({{"module": {}, "engine": {}, "cache": {}, "warning": {}, "phases": [{}], )"
      R"("first_instruction_ms": {}, "run_ms": {}, "total_ms": {:.6f}, "tiering": {}, "peak_memory_bytes": {}, "status": {}}})"
      "\n",
      json_string(module), json_string(to_string(report_.engine)), json_string(cache()), json_string(report_.warning),
      phases, started ? fmt::format("{:.6f}", milliseconds(first_instruction_ - start_)) : "null",
      started ? fmt::format("{:.6f}", milliseconds(now - first_instruction_)) : "null", milliseconds(now - start_),
      tiering_json(tiering_), peak_memory_bytes(), status);
}

}  // namespace wzrun::cmd
