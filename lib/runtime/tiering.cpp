#include "runtime/tiering.h"

#include "runtime/instance.h"
#include "runtime/unit_store.h"
#include "wasm/callees.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <utility>

namespace wzrun::runtime {

namespace {

using Clock = std::chrono::steady_clock;

/// Calls or backward branches of one function between two reports; about 50 us of interpretation.
constexpr std::uint32_t kPatience = 3000;
/// Bytes of bodies that a unit takes in beside the function it is made for.
constexpr std::uint64_t kUnitBytes = 4096;
/// Larger functions are compiled at level 1: the higher ones take them more time than a program has.
constexpr std::uint64_t kGiantBytes = 24U << 10;
/// A callee that was called so often is worth a place in its caller's unit.
constexpr std::uint64_t kWarmCalls = 200;
constexpr std::chrono::milliseconds kLull{50};
constexpr int kLeastPriority = 19;

}  // namespace

Tiering::Tiering(CompiledCode& code, TieringOptions options)
    : code_(code), options_(std::move(options)), random_(options_.stress.value_or(0)) {}

Tiering::~Tiering() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
  keep();
}

std::uint32_t Tiering::patience() {
  if (!options_.stress)
    return kPatience;
  constexpr std::uint32_t kLongestUnderStress = 8;
  const std::scoped_lock lock(mutex_);
  return 1 + static_cast<std::uint32_t>(random_() % kLongestUnderStress);
}

void Tiering::is_hot(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint32_t count) {
  std::unique_lock lock(mutex_);
  if (useless_ || stopping_)
    return;
  auto& candidate = candidates_[function_index];
  candidate.heat += count;
  if (candidate.hopeless)
    return;
  if (loop && !loops_.contains({function_index, *loop}) &&
      std::ranges::find(candidate.loops, *loop) == candidate.loops.end()) {
    candidate.loops.push_back(*loop);
    candidate.wanted = true;
  }
  candidate.wanted = candidate.wanted || !candidate.compiled;
  if (options_.stress) {
    if (!candidate.wanted || compiling_ || random_() % 4 == 0)
      return;
    compiling_ = true;
    const auto job = next_job();
    lock.unlock();
    compile(job);
    return;
  }
  if (!thread_.joinable()) {
    // Signals are for the threads that run programs.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  lock.unlock();
  changed_.notify_all();
}

LoopEntry Tiering::loop_entry(std::uint32_t function_index, std::uint32_t loop) {
  const std::scoped_lock lock(mutex_);
  const auto found = loops_.find({function_index, loop});
  return found == loops_.end() ? nullptr : found->second;
}

TieringReport Tiering::report() const {
  const std::scoped_lock lock(mutex_);
  auto report = report_;
  report.loop_entries = loop_entries_.load(std::memory_order_relaxed);
  report.interpreted_functions = code_.engine_code->profile().size();
  return report;
}

bool Tiering::has_work() const {
  return std::ranges::any_of(candidates_, [](const auto& entry) { return entry.second.wanted; });
}

void Tiering::work() {
  // Where the program has the only processor, it keeps nearly all of it; threads that this one starts do the same.
  if (std::thread::hardware_concurrency() == 1)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLeastPriority);
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    if (stopping_)
      return;
    compiling_ = true;
    const auto job = next_job();
    lock.unlock();
    compile(job);
    lock.lock();
  }
}

/// Keeps what is new when there has been nothing to do for a while.
void Tiering::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto is_due = [this] { return stopping_ || has_work(); };
  if (!new_units_.empty() && options_.store != nullptr && !changed_.wait_for(lock, kLull, is_due)) {
    lock.unlock();
    keep();
    lock.lock();
  }
  changed_.wait(lock, is_due);
}

/// The hottest function that is wanted, and what goes with it. Requires the lock and that there is one.
Tiering::Job Tiering::next_job() {
  auto hottest = candidates_.end();
  for (auto at = candidates_.begin(); at != candidates_.end(); ++at)
    if (at->second.wanted && (hottest == candidates_.end() || at->second.heat > hottest->second.heat))
      hottest = at;
  Job job;
  job.functions.push_back(hottest->first);
  auto& candidate = hottest->second;
  std::ranges::sort(candidate.loops);
  for (const auto loop : candidate.loops)
    if (!loops_.contains({hottest->first, loop}))
      job.loops.push_back({hottest->first, loop});
  candidate.wanted = false;
  if (!candidate.compiled && !is_giant(job))
    add_callees(job);
  for (const auto function : job.functions)
    candidates_[function].compiled = true;
  std::ranges::sort(job.functions);
  return job;
}

void Tiering::add_callees(Job& job) {
  const auto& module = code_.module;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < job.functions.size(); ++i) {
    for (const auto callee : wasm::direct_callees(module, job.functions[i])) {
      if (callee < module.imported_functions || std::ranges::find(job.functions, callee) != job.functions.end())
        continue;
      const auto size = module.code[callee - module.imported_functions].bytes.size();
      const auto known = candidates_.find(callee);
      const bool is_compiled = known != candidates_.end() && known->second.compiled;
      if (is_compiled || bytes + size > kUnitBytes || code_.engine_code->calls(callee) < kWarmCalls)
        continue;
      bytes += size;
      job.functions.push_back(callee);
      if (known == candidates_.end())
        continue;
      for (const auto loop : known->second.loops)
        job.loops.push_back({callee, loop});
      known->second.wanted = false;
    }
  }
  std::ranges::sort(job.loops, {}, [](const auto& loop) { return std::pair(loop.function, loop.loop); });
}

bool Tiering::is_giant(const Job& job) const {
  const auto& module = code_.module;
  return std::ranges::any_of(job.functions, [&](auto index) {
    return module.code[index - module.imported_functions].bytes.size() > kGiantBytes;
  });
}

void Tiering::compile(const Job& job) {
  CompileOptions options;
  options.opt_level = is_giant(job) ? std::min(options_.opt_level, 1U) : options_.opt_level;
  options.threads = 1;
  options.guarded = options_.guarded;
  options.target = options_.target;
  options.functions = job.functions;
  options.loops = job.loops;
  options.session = &session_;
  const auto begin = Clock::now();
  Expected<Unit> made = std::unexpected(Error{});
  {
    const std::scoped_lock lock(compiler_);
    if (has_compiler())
      made = compile_image(code_.bytes.view(), code_.module.features, options);
  }
  finish(job, std::move(made), Clock::now() - begin);
}

void Tiering::finish(const Job& job, Expected<Unit> made, std::chrono::nanoseconds took) {
  bool adopted = false;
  if (made) {
    const auto image = Image::from_bytes(*made, code_.image_expectation(options_.target));
    adopted = image && adopt(*image);
  }
  {
    const std::scoped_lock lock(mutex_);
    compiling_ = false;
    report_.compiling += took;
    if (adopted) {
      ++report_.units;
      report_.compiled_functions += job.functions.size();
      new_units_.push_back(std::make_shared<const Unit>(*std::move(made)));
    } else {
      useless_ = !has_compiler();
      for (const auto function : job.functions)
        candidates_[function].hopeless = true;
    }
  }
  changed_.notify_all();
}

void Tiering::adopt(const UnitFile& kept) {
  for (const auto& unit : kept.units()) {
    const auto image = Image::from_file(kept.fd(), unit.offset, unit.size, code_.image_expectation(options_.target));
    if (image && adopt(*image))
      report_.kept_functions += (*image)->members().size();
  }
}

bool Tiering::adopt(const std::shared_ptr<const Image>& unit) {
  if (unit->is_guarded() != options_.guarded || unit->members().empty())
    return false;
  const auto imported = code_.module.imported_functions;
  const auto defined = code_.module.code.size();
  code_.attach_unit(unit);
  {
    const std::scoped_lock lock(mutex_);
    for (const auto member : unit->members())
      if (member < defined) {
        auto& candidate = candidates_[imported + member];
        candidate.compiled = true;
        candidate.hopeless = candidate.hopeless || unit->function(member) == nullptr;
      }
    for (const auto& loop : unit->loops())
      if (auto* const entry = unit->loop_entry(loop); entry != nullptr && loop.function < defined)
        loops_.try_emplace({imported + loop.function, loop.loop}, entry);
  }
  for (const auto member : unit->members())
    if (member < defined && unit->function(member) != nullptr && code_.engine_code != nullptr)
      code_.engine_code->use_compiled(imported + member);
  return true;
}

void Tiering::keep() {
  if (options_.store == nullptr)
    return;
  std::vector<std::shared_ptr<const Unit>> units;
  {
    const std::scoped_lock lock(mutex_);
    units.swap(new_units_);
  }
  if (!units.empty())
    options_.store->keep(units, code_.engine_code->profile());
}

}  // namespace wzrun::runtime
