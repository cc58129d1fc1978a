#pragma once

#include "runtime/codegen_plugin.h"
#include "runtime/unit_file.h"
#include "wasm/module.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace wzrun::runtime {

/// Which functions of a module are hot, and which of them to compile next, how well. Not for several threads at once.
///
/// Functions are compiled quickly first, many at once: the baseline compiler takes about 40 ns for a byte, LLVM 2 us,
/// and 20 to 50 us if it compiles well. When nothing waits, what earlier runs have used is compiled too, then whatever
/// was entered at all, so that later runs need no interpreter; and what was compiled quickly is compiled well, with its
/// callees. So are functions that have a loop which goes on and on.
class HotFunctions {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How often a function was called in this run.
  using Calls = std::function<std::uint64_t(std::uint32_t function_index)>;

  struct Job {
    std::vector<std::uint32_t> functions;  ///< indices, ascending
    std::vector<CodegenLoop> loops;        ///< ascending
    unsigned opt_level = 0;
    std::size_t repeated = 0;  ///< of the functions, those that have code already
    bool by_baseline = false;  ///< by that compiler, and otherwise by LLVM
  };

  /// What somebody can do: everything, or only one of the two kinds of work, where they do not wait for each other.
  enum class Work : std::uint8_t { any, quick, good };

  static constexpr unsigned kQuickLevel = 0;
  /// Bytes of bodies that a well compiled unit takes in beside the function it is made for.
  static constexpr std::uint64_t kCalleeBytes = 4096;
  /// Small functions are compiled well together: LLVM takes 2 ms for each unit, as for 200 bytes.
  static constexpr std::uint64_t kGoodUnitBytes = 1024;
  /// Calls or rounds of loops, after which code that counts tells of them.
  static constexpr std::uint32_t kCodePatience = 1U << 14;
  /// Of a unit that is compiled quickly.
  static constexpr std::uint64_t kQuickUnitBytes = 16U << 10;
  /// The same with the baseline compiler.
  static constexpr std::uint64_t kCheapUnitBytes = 128U << 10;
  /// What LLVM takes to compile well. A program that is younger than that may end before: then it was for nothing, and
  /// what could have been finished instead is not there either.
  static constexpr std::chrono::microseconds kTimePerByte{60};
  /// Of functions that are only entered: hot ones may come meanwhile.
  static constexpr std::uint64_t kEnteredUnitBytes = 16U << 10;
  /// They are compiled when the program is so old: two processors at work have less memory bandwidth each, and most of
  /// what a young program enters it enters once.
  static constexpr std::chrono::milliseconds kYouth{20};
  /// Larger functions take LLVM more time than most programs have. Where it compiles quickly too, they are compiled
  /// alone, and if they are hotter than all others that wait, and later at kGiantLevel; otherwise well when all others
  /// are.
  static constexpr std::uint64_t kGiantBytes = 24U << 10;
  static constexpr unsigned kGiantLevel = 1;
  /// A callee that was called so often is worth a place in its caller's unit.
  static constexpr std::uint64_t kWarmCalls = 200;
  /// Times that loops of a function went round in the interpreter since the function has code: a call must be in a loop
  /// that it does not leave.
  static constexpr std::uint64_t kStuckEvents = 100'000;
  /// The same for code that counts, in reports: about as long as it takes to compile a small function well.
  static constexpr unsigned kStuckReports = 64;
  /// Events in one run that make a function worth compiling well, if they are enough for its length too.
  static constexpr std::uint64_t kWorthyEvents = 500;
  static constexpr std::uint64_t kEventsPerByte = 32;
  /// Events that make a function of earlier runs worth compiling before those that were only entered.
  static constexpr std::uint64_t kRememberedEvents = 500;

  struct Options {
    unsigned opt_level = 2;      ///< of what is compiled well
    bool quick_is_cheap = true;  ///< the baseline compiler compiles quickly
    std::uint64_t stuck_events = kStuckEvents;
    unsigned stuck_reports = kStuckReports;
    std::uint64_t least_entered_bytes = kEnteredUnitBytes;  ///< of functions that wait, to compile them
    std::chrono::milliseconds youth = kYouth;               ///< until they are compiled
    std::uint64_t entered_unit_bytes = kEnteredUnitBytes;   ///< of one unit of them
    std::uint64_t least_events = kWorthyEvents;             ///< that make a function worth compiling well
    std::uint64_t events_per_byte = kEventsPerByte;
    std::uint64_t good_unit_bytes = kGoodUnitBytes;
    std::uint64_t callee_bytes = kCalleeBytes;
    std::chrono::microseconds time_per_byte = kTimePerByte;
  };
  /// The module must outlive this.
  HotFunctions(const wasm::Module& module, const Options& options, Time start, Calls calls);

  /// The interpreter runs a function for the first time. True if there is something to do now.
  bool enter(std::uint32_t function_index, Time now);
  /// From now on functions are not compiled for having been entered only: nobody has time for it.
  void leave_entered();
  /// A function was called, or went round one of its loops, `events` times more. True if there is something to do now.
  bool note(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events, Time now);
  /// The same of what is compiled quickly, and counts; what there is to do is good work.
  bool note_code(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events, Time now);
  /// What earlier runs have counted, all together.
  void remember(const FunctionProfile& profile);
  /// Appends what code has told of, as backward branches.
  void add_counts(std::vector<FunctionProfile>& profile) const;
  /// There is code of a function, or of the entry at a loop.
  void has_code(std::uint32_t function_index, unsigned opt_level);
  void has_loop(std::uint32_t function_index, std::uint32_t loop, unsigned opt_level);
  /// The baseline compiler leaves a function of its job out.
  void leave_to_llvm(std::uint32_t function_index);
  /// A function cannot be compiled.
  void give_up(std::uint32_t function_index);

  /// Whether next() has something, be it later.
  bool has_next(Work work = Work::any) const;
  /// Whether next() has good work at that time for one of these functions.
  bool has_good(std::span<const std::uint32_t> functions, Time now) const;
  /// Whether there is something that next() has only when the program is older.
  bool has_later(Time now) const;
  /// Whether something is worth compiling well, be it when the program has ended.
  bool has_left() const { return has(&HotFunctions::can_improve); }
  /// Whether enough for a unit was entered and has no code.
  bool has_entered_left() const;
  /// Whether some call goes on in a loop, for which good code is wanted.
  bool has_stuck() const { return has(&HotFunctions::is_stuck); }
  bool is_stuck(std::uint32_t function_index) const { return is_stuck(*candidates_.find(function_index)); }
  /// What to compile, hottest first; nothing if nothing is worth it. It counts as compiled from now on.
  std::optional<Job> next(Work work = Work::any, Time now = Time::max());
  /// Whether next_at_rest() has something.
  bool has_rest() const { return !entered_.empty(); }
  /// Quick work when there has been nothing to do for a while: what else was entered.
  std::optional<Job> next_at_rest() { return next_entered(); }

 private:
  struct Candidate {
    std::uint64_t events = 0;
    double rate = 0;                   ///< highest so far, in events a second
    Time reported;                     ///< last
    std::uint64_t events_of_code = 0;  ///< of `events`, those that compiled code has counted
    std::uint64_t earlier_events = 0;
    std::uint64_t earlier_calls = 0;
    std::uint64_t earlier_events_of_a_run = 0;
    std::uint64_t events_before_code = 0;
    std::optional<unsigned> opt_level;  ///< of its code, if it has any
    bool wanted = false;                ///< quickly compiled, with an entry at wanted_loop
    bool stuck = false;                 ///< in a loop: well compiled code with an entry there is wanted
    bool is_for_llvm = false;           ///< the baseline compiler leaves it out
    bool hopeless = false;
    unsigned reports_of_calls = 0;  ///< by code that counts
    unsigned reports_of_loops = 0;
    unsigned reports_beside_better = 0;                      ///< of loops, since there is better code
    std::optional<std::uint32_t> wanted_loop;                ///< the last that went round without an entry
    std::map<std::uint32_t, std::optional<unsigned>> loops;  ///< that can be entered, and the level of their code
  };
  using Entry = std::map<std::uint32_t, Candidate>::value_type;

  Candidate& get(std::uint32_t function_index);
  std::uint64_t size(std::uint32_t function_index) const;
  bool is_giant(std::uint32_t function_index) const { return size(function_index) > kGiantBytes; }
  bool is_dear(std::uint32_t function_index) const { return is_giant(function_index) && !options_.quick_is_cheap; }
  unsigned best_level(std::uint32_t function_index) const {
    return is_dear(function_index) ? std::min(options_.opt_level, kGiantLevel) : options_.opt_level;
  }
  std::uint64_t calls(std::uint32_t function_index) const;
  bool is_remembered(const Entry& entry) const;
  bool is_worthy(std::uint32_t function_index, const Candidate& candidate) const;
  bool can_improve(const Entry& entry) const;
  bool has_entered() const { return !is_young_ && !entered_.empty() && entered_bytes_ >= options_.least_entered_bytes; }
  void count(Candidate& candidate, std::uint64_t events, Time now);
  bool has_good_code(const Candidate& candidate) const { return candidate.opt_level.value_or(0) > kQuickLevel; }
  bool is_wanted(const Entry& entry) const {
    return entry.second.wanted && !entry.second.is_for_llvm && !entry.second.hopeless;
  }
  bool is_pressing(const Entry& entry) const { return is_wanted(entry) || is_stuck(entry); }
  bool is_left_to_llvm(const Entry& entry) const {
    return entry.second.is_for_llvm && !entry.second.opt_level && !entry.second.hopeless;
  }
  bool is_stuck(const Entry& entry) const { return entry.second.stuck && !entry.second.hopeless; }
  bool is_good_work(const Entry& entry) const { return is_stuck(entry) || can_improve(entry); }
  bool has_time_for(const Entry& entry, Time now) const;
  using Condition = bool (HotFunctions::*)(const Entry&) const;
  bool has(Condition condition) const;
  std::vector<Entry*> waiting(Condition condition);
  /// The same of functions that are listed; the others leave the list.
  std::vector<Entry*> waiting(std::vector<std::uint32_t>& list, Condition condition);
  static void sort_by_heat(std::vector<Entry*>& entries);
  void want(std::uint32_t function_index, Candidate& candidate);

  void note_age(Time now) { is_young_ = is_young_ && now - start_ < options_.youth; }
  void add_entered(std::uint32_t function_index);
  std::optional<Job> next_quick();
  std::optional<Job> next_entered();
  std::optional<Job> next_good(Time now);
  Job compile_quickly(const std::vector<Entry*>& entries, bool by_baseline);
  Job compile_well(Entry& entry, unsigned opt_level);
  Job compile_well(std::span<Entry* const> entries);
  void add_callees(Job& job);
  void add_wanted_loop(Job& job, Entry& entry);
  void finish_loops(Job& job);
  void add_function(Job& job, std::uint32_t function_index, Candidate& candidate);

  const wasm::Module& module_;
  const Options options_;
  const Time start_;
  const Calls calls_;
  std::map<std::uint32_t, Candidate> candidates_;  ///< by function index
  std::vector<std::uint32_t> wanted_;              ///< all that are, and perhaps others
  std::vector<std::uint32_t> remembered_;          ///< the same
  std::deque<std::uint32_t> entered_;              ///< and perhaps compiled since
  std::uint64_t entered_bytes_ = 0;                ///< of these, together
  bool leaves_entered_ = false;
  bool is_young_ = true;  ///< the program, when this was last asked or told
};

}  // namespace wzrun::runtime
