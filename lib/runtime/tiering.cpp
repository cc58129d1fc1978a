#include "runtime/tiering.h"

#include "baseline/baseline.h"
#include "runtime/instance.h"
#include "runtime/processors.h"
#include "runtime/unit_store.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <iterator>
#include <utility>

namespace wzrun::runtime {

namespace {

/// Calls or backward branches of one function between two reports; about 50 us of interpretation.
constexpr std::uint32_t kPatience = 3000;
/// What was made is kept when there has been nothing to do for so long, so that a program's end need not wait for it.
constexpr std::chrono::milliseconds kLull{50};
/// And now and then where there is always something to do.
constexpr std::chrono::seconds kKeepingInterval{1};
/// A program that ends earlier is not worth loading the compiler for, if all it does is to improve what was kept.
constexpr std::chrono::milliseconds kGrace{50};
constexpr int kLeastPriority = 19;

}  // namespace

Tiering::Tiering(CompiledCode& code, TieringOptions options)
    : code_(code),
      options_(std::move(options)),
      hot_(
          code.module, options_.opt_level, Clock::now(),
          [&code](std::uint32_t function_index) { return code.engine_code->calls(function_index); },
          options_.stress ? 0 : HotFunctions::kStuckEvents),
      kept_(Clock::now()),
      random_(options_.stress.value_or(0)) {}

Tiering::~Tiering() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
  keep();
}

std::uint32_t Tiering::patience() {
  if (!options_.stress)
    return kPatience;
  constexpr std::uint32_t kLongestUnderStress = 8;
  return 1 + static_cast<std::uint32_t>(choose(kLongestUnderStress));
}

std::uint64_t Tiering::choose(std::uint64_t limit) {
  const std::scoped_lock lock(choosing_);
  return random_() % limit;
}

void Tiering::is_hot(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint32_t count) {
  std::unique_lock lock(mutex_);
  if (useless_ || stopping_ || !hot_.note(function_index, loop, count, Clock::now()))
    return;
  if (options_.stress) {
    if (compiling_ > 0 || choose(4) == 0)
      return;
    const auto job = hot_.next();
    if (!job)
      return;
    ++compiling_;
    lock.unlock();
    return compile(*job, stressed_);
  }
  reported_ = true;
  if (threads_.size() == compiling_ && threads_.size() < most_threads())
    start_thread();
  lock.unlock();
  changed_.notify_one();
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
void Tiering::start_thread() {
  // Signals are for the threads that run programs.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_.emplace_back([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Tiering::start_improving() {
  const std::scoped_lock lock(mutex_);
  if (!options_.stress && threads_.empty() && !stopping_ && hot_.has_next())
    start_thread();
}

LoopEntry Tiering::loop_entry(std::uint32_t function_index, std::uint32_t loop) {
  const std::scoped_lock lock(mutex_);
  const auto found = loops_.find({function_index, loop});
  return found == loops_.end() ? nullptr : found->second.entry;
}

TieringReport Tiering::report() const {
  const std::scoped_lock lock(mutex_);
  auto report = report_;
  report.loop_entries = loop_entries_.load(std::memory_order_relaxed);
  report.interpreted_functions = code_.engine_code->profile().size();
  return report;
}

void Tiering::work() {
  // Where there are not two processors, the program keeps nearly all of its one; threads that this one starts do the
  // same.
  if (usable_processors() < 2)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLeastPriority);
  CompilerSession session;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kGrace, [&] { return reported_ || stopping_; });
  }
  adopt_newer();
  std::unique_lock lock(mutex_);
  while (const auto job = wait_for_job(lock)) {
    ++compiling_;
    lock.unlock();
    compile(*job, session);
    lock.lock();
    if (is_time_to_keep(Clock::now()))
      keep_now(lock);
  }
}

/// Nothing if it is time to stop. Keeps what is new when there has been nothing to do for a while.
std::optional<HotFunctions::Job> Tiering::wait_for_job(std::unique_lock<std::mutex>& lock) {
  std::optional<HotFunctions::Job> job;
  const auto is_due = [&] { return stopping_ || useless_ || (job = hot_.next()); };
  while (!is_due()) {
    if (new_units_.empty() || keeping_ || options_.store == nullptr)
      changed_.wait(lock);
    else if (changed_.wait_for(lock, kLull) == std::cv_status::timeout)
      keep_now(lock);
  }
  return stopping_ || useless_ ? std::nullopt : job;
}

bool Tiering::is_time_to_keep(Clock::time_point now) const {
  return !keeping_ && !new_units_.empty() && now - kept_ >= kKeepingInterval;
}

void Tiering::keep_now(std::unique_lock<std::mutex>& lock) {
  keeping_ = true;
  lock.unlock();
  keep();
  lock.lock();
  keeping_ = false;
  kept_ = Clock::now();
}

void Tiering::compile(const HotFunctions::Job& job, CompilerSession& session) {
  const auto begin = Clock::now();
  auto made = make(job, session);
  finish(job, std::move(made), Clock::now() - begin);
}

/// Quickly compiled is what the baseline compiler can do, and LLVM has the rest.
Tiering::Made Tiering::make(const HotFunctions::Job& job, CompilerSession& session) {
  Made made;
  auto functions = job.functions;
  if (job.opt_level == HotFunctions::kQuickLevel && baseline::is_available()) {
    auto compiled = baseline::compile(code_.module, {.functions = functions,
                                                     .loops = job.loops,
                                                     .guarded = options_.guarded,
                                                     .target = options_.target,
                                                     .module = module_digest()});
    if (compiled && !compiled->image.empty())
      made.units.push_back(std::move(compiled->image));
    if (compiled)
      functions = std::move(compiled->left_out);
  }
  if (functions.empty())
    return made;
  std::vector<CodegenLoop> loops;
  std::ranges::copy_if(job.loops, std::back_inserter(loops),
                       [&](const auto& loop) { return std::ranges::binary_search(functions, loop.function); });
  CompileOptions options;
  options.opt_level = job.opt_level;
  options.threads = 1;
  options.guarded = options_.guarded;
  options.target = options_.target;
  options.functions = functions;
  options.loops = loops;
  options.session = &session;
  if (has_compiler())
    if (auto unit = compile_image(code_.bytes.view(), code_.module.features, options)) {
      made.units.push_back(*std::move(unit));
      return made;
    }
  made.failed = std::move(functions);
  return made;
}

Sha256Digest Tiering::module_digest() {
  std::call_once(hashing_, [&] { module_digest_ = sha256(code_.bytes.view()); });
  return module_digest_;
}

void Tiering::finish(const HotFunctions::Job& job, Made made, Clock::duration took) {
  std::vector<std::shared_ptr<const Unit>> adopted;
  for (auto& unit : made.units)
    if (const auto image = Image::from_bytes(unit, code_.image_expectation(options_.target)); image && adopt(*image))
      adopted.push_back(std::make_shared<const Unit>(std::move(unit)));
  const std::scoped_lock lock(mutex_);
  --compiling_;
  report_.compiling += took;
  report_.units += adopted.size();
  if (!adopted.empty()) {
    report_.compiled_functions += job.functions.size() - job.repeated;
    report_.improved_functions += job.repeated;
    new_units_.insert(new_units_.end(), adopted.begin(), adopted.end());
  }
  useless_ = !baseline::is_available() && !has_compiler();
  for (const auto function : adopted.size() == made.units.size() ? made.failed : job.functions)
    hot_.give_up(function);
  changed_.notify_all();  // what was compiled quickly can be compiled well now, by any thread
}

void Tiering::adopt(const UnitFile& kept) {
  for (const auto& unit : kept.units()) {
    ImageHeader header;
    std::memcpy(&header, kept.bytes(unit).data(), sizeof header);
    if (is_known(header.checksum))
      continue;
    const auto image =
        options_.audience.opener()(kept.fd(), unit.offset, unit.size, code_.image_expectation(options_.target));
    if (!image || !adopt(*image))
      continue;
    const std::scoped_lock lock(mutex_);
    report_.kept_functions += (*image)->members().size();
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& function : kept.profile())
    hot_.remember(function);
}

bool Tiering::is_known(const Sha256Digest& checksum) const {
  const std::scoped_lock lock(mutex_);
  return known_.contains(checksum);
}

/// What another process has kept since this one looked.
void Tiering::adopt_newer() {
  if (options_.store == nullptr)
    return;
  if (const auto newer = options_.store->find_newer())
    adopt(*newer);
}

bool Tiering::adopt(const std::shared_ptr<const Image>& unit) {
  if (unit->is_guarded() != options_.guarded || unit->members().empty())
    return false;
  {
    const std::scoped_lock lock(mutex_);
    if (!known_.insert(unit->header().checksum).second)
      return true;
  }
  const auto imported = code_.module.imported_functions;
  const auto defined = code_.module.code.size();
  code_.attach_unit(unit);
  // What a profiler or debugger is not told of runs all the same.
  auto shown = announce(code_, *unit, options_.audience);
  {
    const std::scoped_lock lock(mutex_);
    if (shown && *shown != nullptr)
      shown_.push_back(*std::move(shown));
    for (const auto member : unit->members()) {
      if (member >= defined)
        continue;
      hot_.has_code(imported + member, unit->opt_level());
      if (unit->function(member) == nullptr)
        hot_.give_up(imported + member);
    }
    for (const auto& loop : unit->loops()) {
      auto* const entry = unit->loop_entry(loop);
      if (entry == nullptr || loop.function >= defined)
        continue;
      auto& entered = loops_[{imported + loop.function, loop.loop}];
      if (entered.entry == nullptr || entered.opt_level < unit->opt_level())
        entered = {entry, unit->opt_level()};
      hot_.has_loop(imported + loop.function, loop.loop, unit->opt_level());
    }
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
    units_being_kept_.insert(units_being_kept_.end(), units.begin(), units.end());
  }
  if (units.empty())
    return;
  options_.store->keep(units, code_.engine_code->profile());
  adopt_newer();
  const std::scoped_lock lock(mutex_);
  std::erase_if(units_being_kept_, [&](const auto& unit) { return std::ranges::find(units, unit) != units.end(); });
}

std::vector<std::uint8_t> Tiering::pack_new() const {
  if (options_.store == nullptr)
    return {};
  std::vector<std::shared_ptr<const Unit>> units;
  {
    const std::scoped_lock lock(mutex_);
    units = units_being_kept_;
    units.insert(units.end(), new_units_.begin(), new_units_.end());
  }
  return options_.store->pack(units, code_.engine_code->profile());
}

}  // namespace wzrun::runtime
