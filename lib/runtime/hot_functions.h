#pragma once

#include "runtime/codegen_plugin.h"
#include "runtime/unit_file.h"
#include "wasm/module.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace wzrun::runtime {

/// Which functions of a module are hot, and which of them to compile next, how well. Not for several threads at once.
///
/// Functions are compiled quickly first, many at once: the compiler takes about 2 us for a byte so, and 20 to 50 us if
/// it compiles well. When nothing waits, what earlier runs have used is compiled too, and what was compiled quickly is
/// compiled well, with its callees. So are functions that have a loop which goes on and on.
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
  };

  static constexpr unsigned kQuickLevel = 0;
  /// Bytes of bodies that a well compiled unit takes in beside the function it is made for.
  static constexpr std::uint64_t kCalleeBytes = 4096;
  /// Of a unit that is compiled quickly.
  static constexpr std::uint64_t kQuickUnitBytes = 16U << 10;
  /// Larger functions are compiled quickly alone, and if they are hotter than all others that wait, and later at
  /// kGiantLevel: better, they would take more time than a program has.
  static constexpr std::uint64_t kGiantBytes = 24U << 10;
  static constexpr unsigned kGiantLevel = 1;
  /// Smaller functions are compiled once more with each caller, which mostly takes them in.
  static constexpr std::uint64_t kInlinedBytes = 256;
  /// A callee that was called so often is worth a place in its caller's unit.
  static constexpr std::uint64_t kWarmCalls = 200;
  /// Times that loops of a function went round in the interpreter since the function has code: a call must be in a loop
  /// that it does not leave.
  static constexpr std::uint64_t kStuckEvents = 100'000;
  /// Events in earlier runs that make a function worth compiling when there is nothing else to do.
  static constexpr std::uint64_t kRememberedEvents = 500;

  /// The module must outlive this. `opt_level`: of what is compiled well.
  HotFunctions(const wasm::Module& module, unsigned opt_level, Time start, Calls calls,
               std::uint64_t stuck_events = kStuckEvents);

  /// A function was called, or went round one of its loops, `events` times more. True if there is something to do now.
  bool note(std::uint32_t function_index, std::optional<std::uint32_t> loop, std::uint64_t events, Time now);
  /// What earlier runs have counted, all together.
  void remember(const FunctionProfile& profile);
  /// There is code of a function, or of the entry at a loop.
  void has_code(std::uint32_t function_index, unsigned opt_level);
  void has_loop(std::uint32_t function_index, std::uint32_t loop, unsigned opt_level);
  /// A function cannot be compiled.
  void give_up(std::uint32_t function_index);

  /// Whether next() has something.
  bool has_next() const;
  /// What to compile, hottest first; nothing if nothing is worth it. It counts as compiled from now on.
  std::optional<Job> next();

 private:
  struct Candidate {
    std::uint64_t events = 0;
    double rate = 0;  ///< highest so far, in events a second
    Time reported;    ///< last
    std::uint64_t earlier_events = 0;
    std::uint64_t earlier_calls = 0;
    std::uint64_t events_before_code = 0;
    std::optional<unsigned> opt_level;  ///< of its code, if it has any
    bool wanted = false;
    bool hopeless = false;
    std::optional<std::uint32_t> wanted_loop;                ///< the last that went round without an entry
    std::map<std::uint32_t, std::optional<unsigned>> loops;  ///< that can be entered, and the level of their code
  };
  using Entry = std::map<std::uint32_t, Candidate>::value_type;

  Candidate& get(std::uint32_t function_index);
  std::uint64_t size(std::uint32_t function_index) const;
  bool is_giant(std::uint32_t function_index) const { return size(function_index) > kGiantBytes; }
  unsigned best_level(std::uint32_t function_index) const {
    return is_giant(function_index) ? std::min(opt_level_, kGiantLevel) : opt_level_;
  }
  std::uint64_t calls(std::uint32_t function_index) const;
  bool is_remembered(const Entry& entry) const;
  bool can_improve(const Entry& entry) const;
  std::vector<Entry*> waiting(bool (HotFunctions::*is_waiting)(const Entry&) const);
  bool is_wanted(const Entry& entry) const { return entry.second.wanted; }

  Job compile_quickly(const std::vector<Entry*>& entries);
  Job compile_well(Entry& entry, unsigned opt_level);
  void add_callees(Job& job);
  void add_function(Job& job, std::uint32_t function_index, Candidate& candidate);

  const wasm::Module& module_;
  const unsigned opt_level_;
  const Time start_;
  const Calls calls_;
  const std::uint64_t stuck_events_;
  std::map<std::uint32_t, Candidate> candidates_;  ///< by function index
};

}  // namespace wzrun::runtime
