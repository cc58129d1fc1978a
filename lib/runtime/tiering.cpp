#include "runtime/tiering.h"

#include "baseline/baseline.h"
#include "runtime/processors.h"
#include "runtime/unit_store.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

namespace wzrun::runtime {

namespace {

/// Calls or backward branches of one function between two reports; about 50 us of interpretation.
constexpr std::uint32_t kPatience = 500;
/// The same where there is one processor: what is reported waits there anyway.
constexpr std::uint32_t kPatienceOnOne = 5000;
/// What was made is kept when there has been nothing to do for so long, so that a program's end need not wait for it.
constexpr std::chrono::milliseconds kLull{50};
/// And now and then where there is always something to do.
constexpr std::chrono::seconds kKeepingInterval{1};
/// The first time, if the module is kept too: a run that begins when this one ends would have to read it.
constexpr std::chrono::milliseconds kKeepingOfModule{150};
/// A program that ends earlier is not worth loading the compiler for, if all it does is to improve what was kept.
constexpr std::chrono::milliseconds kGrace{50};
/// The same for what is compiled quickly, on the one processor that the program has.
constexpr std::chrono::milliseconds kGraceOnOne{200};
/// For as long again it takes one part in so many of that processor's time.
constexpr int kYouthsPart = 5;
constexpr int kLeastPriority = 19;
/// Below that of what is compiled quickly, which the program waits for more.
constexpr int kLowPriority = 10;

}  // namespace

Tiering::Tiering(CompiledCode& code, TieringOptions options)
    : code_(code),
      options_(std::move(options)),
      hot_(code.module,
           {.opt_level = options_.opt_level,
            .quick_is_cheap = baseline::is_available(),
            .stuck_events = options_.stress ? 0 : HotFunctions::kStuckEvents,
            .stuck_reports = options_.stress ? 2 : HotFunctions::kStuckReports,
            .least_entered_bytes = options_.stress ? 0 : HotFunctions::kEnteredUnitBytes,
            .youth = options_.stress ? std::chrono::milliseconds(0) : HotFunctions::kYouth,
            .least_events = options_.stress ? 0 : HotFunctions::kWorthyEvents,
            .events_per_byte = options_.stress ? 0 : HotFunctions::kEventsPerByte,
            .time_per_byte = options_.stress ? std::chrono::microseconds(0) : HotFunctions::kTimePerByte},
           Clock::now(), [&code](std::uint32_t function_index) { return code.engine_code->calls(function_index); }),
      start_(Clock::now()),
      kept_(start_),
      finished_(start_),
      random_(options_.stress.value_or(0)),
      patience_(kPatience) {}

void Tiering::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    improving_.reset();
  }
  quick_changed_.notify_all();
  good_changed_.notify_all();
}

Tiering::~Tiering() {
  stop();
  for (auto& thread : threads_)
    thread.join();
  keep();
  if (options_.store != nullptr)
    options_.store->keep_module();
}

std::uint32_t Tiering::patience() {
  if (!options_.stress)
    return patience_.load(std::memory_order_relaxed);
  constexpr std::uint32_t kLongestUnderStress = 8;
  return 1 + static_cast<std::uint32_t>(choose(kLongestUnderStress));
}

std::uint64_t Tiering::choose(std::uint64_t limit) {
  const std::scoped_lock lock(choosing_);
  return random_() % limit;
}

void Tiering::is_entered(std::uint32_t function_index) {
  std::unique_lock lock(mutex_);
  if (!useless_ && !stopping_ && hot_.enter(function_index, Clock::now()))
    act(lock, Work::quick);
}

void Tiering::is_hot(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint32_t count) {
  std::unique_lock lock(mutex_);
  if (!useless_ && !stopping_ && hot_.note(function_index, loop, count, Clock::now()))
    act(lock, hot_.is_stuck(function_index) ? Work::good : Work::quick);
}

std::uint32_t Tiering::code_patience() const {
  constexpr std::uint32_t kUnderStress = 4;
  return options_.stress ? kUnderStress : HotFunctions::kCodePatience;
}

LoopEntry Tiering::code_is_hot(std::uint32_t function_index, std::uint32_t loop) {
  const auto which = loop == kNoLoop ? std::nullopt : std::optional(loop);
  {
    std::unique_lock lock(mutex_);
    const auto now = Clock::now();
    // Where there has been much to do lately, whoever compiles looks for more anyway.
    if (!useless_ && !stopping_ && hot_.note_code(function_index, which, code_patience(), now) &&
        (options_.stress || hot_.is_stuck(function_index) || now - finished_ >= kLull))
      act(lock, Work::good);
  }
  const auto entry = which ? loop_entry(function_index, loop, HotFunctions::kQuickLevel + 1) : nullptr;
  if (entry != nullptr)
    note_loop_entry();
  return entry;
}

/// There is work of a kind; unlocks, if it does that itself.
void Tiering::act(std::unique_lock<std::mutex>& lock, Work work) {
  if (options_.stress) {
    if (compiling_ > 0 || choose(4) == 0)
      return;
    const auto job = hot_.next();
    if (!job)
      return;
    begin();
    ++compiling_;
    lock.unlock();
    return compile(*job, stressed_);
  }
  reported_ = true;
  if (!baseline::is_available())
    work = Work::any;
  // On one processor nobody is woken who has nothing to do, and nobody looks for what nobody has told of. Where there
  // are more, whoever compiles well begins earlier if it looks for work each time.
  const bool is_spared = has_one_processor_ && work == Work::quick;
  const bool is_awaited = !is_spared || is_quick_thread_idle_;
  start_threads(is_spared ? work : Work::any);
  lock.unlock();
  if (is_awaited)
    changed(work).notify_all();
  if (work == Work::quick && !is_spared)
    good_changed_.notify_all();
}

/// Requires the lock.
unsigned Tiering::most_threads() {
  constexpr unsigned kMost = 4;  // each takes memory, and has the module decoded for itself
  if (!most_threads_) {
    const auto others = static_cast<unsigned>(std::max(2.0, usable_processors())) - 1;  // one is the program's
    most_threads_ = std::min({options_.threads == 0 ? others : options_.threads, others, kMost});
  }
  return *most_threads_;
}

/// Requires the lock.
void Tiering::begin() {
  if (!std::exchange(begun_, true) && options_.begins)
    options_.begins();
}

/// Starts those that there is work for. Where quick work is cheap it has a thread of its own, which is not counted: it
/// must not wait for LLVM, and mostly sleeps. `news`: the kind of work that may be new. Requires the lock.
void Tiering::start_threads(Work news) {
  if (stopping_)  // who stops them goes through the list without the lock
    return;
  const bool is_separate = baseline::is_available();
  if (is_separate && !has_quick_thread_ && hot_.has_next(Work::quick)) {
    has_quick_thread_ = true;
    has_one_processor_ = usable_processors() < 2;
    if (has_one_processor_) {
      patience_.store(kPatienceOnOne, std::memory_order_relaxed);
      hot_.leave_entered();
    }
    if (!start_thread(Work::quick))
      return;
  }
  const auto work = is_separate ? Work::good : Work::any;
  if (news != Work::quick && idle_good_threads_ == 0 && good_threads_ < most_threads() && hot_.has_next(work)) {
    if (start_thread(work))
      ++good_threads_;
    else
      most_threads_ = good_threads_;
  }
}

/// False if the system gives none: then the program does with those that there are. Requires the lock.
bool Tiering::start_thread(Work work) {
  begin();
  // Signals are for the threads that run programs.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool is_started = true;
  try {
    threads_.emplace_back([this, work] { this->work(work); });
  } catch (const std::system_error&) {
    is_started = false;
    useless_ = threads_.empty();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return is_started;
}

void Tiering::start_improving() {
  const std::scoped_lock lock(mutex_);
  if (!options_.stress)
    start_threads(Work::any);
}

LoopEntry Tiering::loop_entry(std::uint32_t function_index, std::uint32_t loop, unsigned least_level) {
  const std::scoped_lock lock(mutex_);
  const auto found = loops_.find({function_index, loop});
  return found == loops_.end() || found->second.opt_level < least_level ? nullptr : found->second.entry;
}

TieringReport Tiering::report() const {
  const std::scoped_lock lock(mutex_);
  auto report = report_;
  report.loop_entries = loop_entries_.load(std::memory_order_relaxed);
  report.interpreted_functions = code_.engine_code->profile().size();
  return report;
}

void Tiering::work(Work work) {
  const bool has_one_processor = usable_processors() < 2;
  // Where there are not two processors, the program keeps nearly all of its one; threads that this one starts do the
  // same.
  if (work != Work::quick)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), has_one_processor ? kLeastPriority : kLowPriority);
  CompilerSession session;
  if (work == Work::quick && has_one_processor) {  // a short program would only lose
    std::unique_lock lock(mutex_);
    quick_changed_.wait_until(lock, start_ + kGraceOnOne, [&] { return stopping_; });
  }
  if (work != Work::quick) {
    std::unique_lock lock(mutex_);
    good_changed_.wait_until(lock, start_ + kGrace,
                             [&] { return (reported_ && work == Work::any) || hot_.has_stuck() || stopping_; });
    if (!has_one_processor)
      claim_improving(lock);
  }
  // The run before may have ended when this one began, and be kept only now. To compile well what it has compiled well
  // already would be for nothing.
  adopt_newer();
  std::unique_lock lock(mutex_);
  while (const auto job = wait_for_job(lock, work)) {
    ++compiling_;
    lock.unlock();
    compile(*job, session);
    lock.lock();
    start_threads(Work::any);
    if (is_time_to_keep(work))
      keep_now(lock, work);
    if (work == Work::quick && has_one_processor_)
      pace(lock);
  }
}

/// Unlocks meanwhile.
void Tiering::claim_improving(std::unique_lock<std::mutex>& lock) {
  if (stopping_ || improving_ != nullptr || options_.store == nullptr)
    return;
  lock.unlock();
  auto claim = options_.store->claim_improving();
  lock.lock();
  if (!stopping_)
    improving_ = std::move(claim);
}

/// A young program keeps most of the one processor that it has.
void Tiering::pace(std::unique_lock<std::mutex>& lock) {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  const auto compiling = std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  quick_changed_.wait_until(lock,
                            start_ + kGraceOnOne + std::min<Clock::duration>(compiling * kYouthsPart, kGraceOnOne),
                            [&] { return stopping_; });
}

/// Nothing if it is time to stop. Keeps what is new when there has been nothing to do for a while.
std::optional<HotFunctions::Job> Tiering::wait_for_job(std::unique_lock<std::mutex>& lock, Work work) {
  std::optional<HotFunctions::Job> job;
  const auto is_due = [&] { return stopping_ || useless_ || (job = hot_.next(work, Clock::now())); };
  const unsigned counted = work == Work::quick ? 0 : 1;
  idle_good_threads_ += counted;
  is_quick_thread_idle_ = work == Work::quick || is_quick_thread_idle_;
  while (!is_due()) {
    const bool has_later = work == Work::quick ? hot_.has_rest() : hot_.has_later(Clock::now());
    if (!can_keep() && !has_later) {
      changed(work).wait(lock);
    } else if (changed(work).wait_for(lock, kLull) == std::cv_status::timeout) {
      job = rest(lock, work);
      if (job)
        break;
    }
  }
  idle_good_threads_ -= counted;
  is_quick_thread_idle_ = work != Work::quick && is_quick_thread_idle_;
  return stopping_ || useless_ ? std::nullopt : job;
}

/// What to do where there has been nothing to do for a while; keeps what is new if there is nothing else.
std::optional<HotFunctions::Job> Tiering::rest(std::unique_lock<std::mutex>& lock, Work work) {
  if (Clock::now() - finished_ < kLull)  // another thread has had something to do
    return std::nullopt;
  auto job = work == Work::quick ? hot_.next_at_rest() : std::nullopt;
  if (!job && can_keep())
    keep_now(lock, work);
  return job;
}

bool Tiering::can_keep() const { return !keeping_ && !new_units_.empty() && options_.store != nullptr; }

bool Tiering::is_time_to_keep(Work work) const {
  if (!can_keep())
    return false;
  const auto since = Clock::now() - kept_;
  return since >= kKeepingInterval || (!has_kept_ && work != Work::quick && !has_one_processor_ &&
                                       since >= kKeepingOfModule && options_.store->wants_module());
}

void Tiering::keep_now(std::unique_lock<std::mutex>& lock, Work work) {
  keeping_ = has_kept_ = true;
  lock.unlock();
  keep();
  if (work != Work::quick)  // takes long, and the program waits for what is compiled quickly
    options_.store->keep_module();
  lock.lock();
  keeping_ = false;
  kept_ = Clock::now();
}

void Tiering::compile(const HotFunctions::Job& job, CompilerSession& session) {
  const auto begin = Clock::now();
  auto made = make(job, session);
  finish(job, std::move(made), Clock::now() - begin);
}

Tiering::Made Tiering::make(const HotFunctions::Job& job, CompilerSession& session) {
  Made made;
  if (job.by_baseline) {
    auto compiled = baseline::compile(code_.module, {.functions = job.functions,
                                                     .loops = job.loops,
                                                     .guarded = options_.guarded,
                                                     .patience = code_patience(),
                                                     .target = options_.target});
    if (compiled && !compiled->image.empty())
      made.unit = std::move(compiled->image);
    if (compiled)
      made.left_out = std::move(compiled->left_out);
    else
      made.failed = job.functions;
    return made;
  }
  CompileOptions options;
  options.opt_level = job.opt_level;
  options.threads = 1;
  options.guarded = options_.guarded;
  options.target = options_.target;
  options.functions = job.functions;
  options.loops = job.loops;
  options.session = &session;
  auto unit =
      has_compiler() ? compile_image(code_.bytes.view(), code_.module.features, options) : std::unexpected(Error{});
  if (unit)
    made.unit = *std::move(unit);
  else
    made.failed = job.functions;
  return made;
}

void Tiering::finish(const HotFunctions::Job& job, Made made, Clock::duration took) {
  bool is_adopted = false;
  if (made.unit) {
    const auto image = image_of(*made.unit);
    is_adopted = image && adopt(*image);
    if (!is_adopted)
      made.failed = job.functions;
  }
  const std::scoped_lock lock(mutex_);
  --compiling_;
  report_.compiling += took;
  if (is_adopted) {
    ++report_.units;
    report_.compiled_functions += job.functions.size() - job.repeated - made.left_out.size();
    report_.improved_functions += job.repeated;
    if (options_.store != nullptr)
      new_units_.push_back(std::make_shared<const Unit>(*std::move(made.unit)));
  }
  useless_ = !baseline::is_available() && !has_compiler();
  for (const auto function : made.failed)
    hot_.give_up(function);
  for (const auto function : made.left_out)
    hot_.leave_to_llvm(function);
  finished_ = Clock::now();
  if (useless_)
    quick_changed_.notify_all();
  if (useless_ || !has_one_processor_ || hot_.has_good(job.functions, finished_))
    good_changed_.notify_all();  // what was compiled quickly can be compiled well now
}

}  // namespace wzrun::runtime
