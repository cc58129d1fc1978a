#include "runtime/hot_functions.h"

#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace wzrun::runtime {
namespace {

using namespace std::chrono_literals;

/// A module of functions without parameters and results, each so many bytes long, that call others first.
class Program {
 public:
  struct Function {
    std::uint32_t bytes = 0;
    std::vector<std::uint8_t> callees;  ///< indices below 128
  };
  explicit Program(const std::vector<Function>& functions) {
    module_.types.emplace_back();
    module_.types.back().kind = wasm::CompositeKind::function;
    for (const auto& function : functions) {
      auto& body = bodies_.emplace_back(1, 0);  // no locals
      for (const auto callee : function.callees)
        body.insert(body.end(), {0x10, callee});
      constexpr std::uint8_t kNop = 0x01, kEnd = 0x0b;
      body.resize(function.bytes - 1, kNop);
      body.push_back(kEnd);
      module_.functions.push_back({.type_index = 0});
    }
    for (const auto& body : bodies_)
      module_.code.push_back({.bytes = body, .offset = 0});
  }
  const wasm::Module& module() const { return module_; }
  HotFunctions hot(unsigned opt_level = 2, bool quick_is_cheap = false, std::uint64_t events_per_byte = 0) const {
    return {module_,
            {.opt_level = opt_level, .quick_is_cheap = quick_is_cheap, .events_per_byte = events_per_byte},
            {},
            [this](auto index) { return calls.contains(index) ? calls.at(index) : 0; }};
  }
  std::map<std::uint32_t, std::uint64_t> calls;

 private:
  std::vector<std::vector<std::uint8_t>> bodies_;
  wasm::Module module_;
};

using Indices = std::vector<std::uint32_t>;
HotFunctions::Time at(std::chrono::milliseconds time) { return HotFunctions::Time(time); }

/// Says that there is code of a job's functions, as whoever has compiled it does.
void done(HotFunctions& hot, const HotFunctions::Job& job) {
  for (const auto function : job.functions)
    hot.has_code(function, job.opt_level);
  for (const auto& loop : job.loops)
    hot.has_loop(loop.function, loop.loop, job.opt_level);
}

}  // namespace

TEST_CASE("hot functions: nothing is compiled before something is hot") {
  const Program program({{100, {}}});
  CHECK_FALSE(program.hot().next());
}

TEST_CASE("hot functions: where LLVM compiles quickly too, whose code counts nothing, what was hot is compiled well") {
  const Program program({{10'000, {}}});
  auto hot = program.hot(2, false, HotFunctions::kEventsPerByte);
  hot.note(0, std::nullopt, 500, at(1ms));
  const auto quick = hot.next(HotFunctions::Work::any, at(1ms));
  REQUIRE(quick);
  done(hot, *quick);
  CHECK(hot.has_left());
  CHECK_FALSE(hot.next(HotFunctions::Work::any, at(599ms)));  // it takes 600, and the program may end before
  const auto good = hot.next(HotFunctions::Work::any, at(600ms));
  REQUIRE(good);
  CHECK(good->opt_level == 2);
  CHECK_FALSE(hot.has_left());
}

TEST_CASE("hot functions: they are compiled quickly first, the hottest in front, and well when nothing waits") {
  const Program program({{10'000, {}}, {10'000, {}}, {100, {}}});
  auto hot = program.hot();
  CHECK(hot.note(0, {}, 3000, at(1ms)));
  CHECK(hot.note(1, {}, 9000, at(2ms)));
  CHECK(hot.note(2, {}, 6000, at(3ms)));
  const auto first = hot.next();
  REQUIRE(first);
  CHECK(first->functions == Indices{1, 2});  // with 0 there would be too many bytes
  CHECK(first->opt_level == 0);
  CHECK(first->repeated == 0);
  const auto second = hot.next();
  REQUIRE(second);
  CHECK(second->functions == Indices{0});
  CHECK(second->opt_level == 0);
  Indices improved;
  while (const auto job = hot.next()) {
    CHECK(job->opt_level == 2);
    CHECK(job->repeated == job->functions.size());
    improved.insert(improved.end(), job->functions.begin(), job->functions.end());
  }
  CHECK(improved == Indices{2, 1, 0});  // small and busy ones first
}

TEST_CASE("hot functions: a loop that goes on although its function has code is entered in good code") {
  const Program program({{100, {}}});
  auto hot = program.hot();
  CHECK(hot.note(0, 7, 3000, at(1ms)));
  const auto quick = hot.next();
  REQUIRE(quick);
  CHECK(quick->loops.empty());
  done(hot, *quick);
  CHECK_FALSE(hot.note(0, 7, HotFunctions::kStuckEvents - 1, at(2ms)));
  CHECK(hot.note(0, 7, 1, at(3ms)));
  const auto good = hot.next();
  REQUIRE(good);
  CHECK(good->opt_level == 2);
  REQUIRE(good->loops.size() == 1);
  CHECK(good->loops[0].function == 0);
  CHECK(good->loops[0].loop == 7);
  // Whether the compiler has made that entry or not: it is not asked again.
  CHECK_FALSE(hot.note(0, 7, HotFunctions::kStuckEvents, at(4ms)));
  CHECK_FALSE(hot.next());
}

TEST_CASE("hot functions: good code takes in callees that are called often, each once") {
  Program program({{100, {1, 2, 3}}, {1000, {}}, {100, {}}, {100, {}}, {100, {2}}});
  program.calls = {{1, HotFunctions::kWarmCalls}, {2, HotFunctions::kWarmCalls}, {3, HotFunctions::kWarmCalls - 1}};
  auto hot = program.hot();
  hot.note(0, {}, 3000, at(1ms));
  hot.note(4, {}, 3000, at(90ms));
  REQUIRE(hot.next());
  const auto caller = hot.next();
  REQUIRE(caller);
  CHECK(caller->functions == Indices{0, 1, 2});
  const auto other = hot.next();
  REQUIRE(other);
  CHECK(other->functions == Indices{4});
}

TEST_CASE("hot functions: calls of earlier runs count for callees") {
  const Program program({{100, {1}}, {1000, {}}});
  auto hot = program.hot();
  hot.remember({.function = 1, .calls = HotFunctions::kWarmCalls});
  hot.note(0, {}, 3000, at(1ms));
  REQUIRE(hot.next());
  const auto job = hot.next();
  REQUIRE(job);
  CHECK(job->functions == Indices{0, 1});
}

TEST_CASE(
    "hot functions: what earlier runs have used is compiled when nothing waits, and no function that is unknown") {
  const Program program({{100, {}}, {100, {}}, {100, {}}});
  auto hot = program.hot();
  hot.remember({.function = 1, .calls = HotFunctions::kRememberedEvents - 1, .back_edges = 1});
  hot.remember({.function = 2, .calls = HotFunctions::kRememberedEvents - 1});
  hot.remember({.function = 3, .calls = HotFunctions::kRememberedEvents});
  hot.note(0, {}, 3000, at(1ms));
  const auto wanted = hot.next();
  REQUIRE(wanted);
  CHECK(wanted->functions == Indices{0});
  const auto remembered = hot.next();
  REQUIRE(remembered);
  CHECK(remembered->functions == Indices{1});
  CHECK(remembered->opt_level == 0);
}

TEST_CASE(
    "hot functions: a giant is compiled quickly, alone, and not before what is hotter; later better, but not well") {
  const Program program({{HotFunctions::kGiantBytes + 1, {1}}, {100, {}}, {100, {}}});
  auto hot = program.hot();
  hot.note(0, 3, 9000, at(1ms));
  hot.note(1, {}, 3000, at(2ms));
  hot.note(2, {}, 12'000, at(2ms));
  const auto small = hot.next();
  REQUIRE(small);
  CHECK(small->functions == Indices{1, 2});
  hot.note(1, 1, HotFunctions::kStuckEvents, at(3ms));
  const auto stuck = hot.next();
  REQUIRE(stuck);
  CHECK(stuck->functions == Indices{1});
  const auto giant = hot.next();
  REQUIRE(giant);
  CHECK(giant->functions == Indices{0});
  CHECK(giant->opt_level == 0);
  CHECK(giant->loops.empty());
  hot.note(0, 3, HotFunctions::kStuckEvents, at(4ms));
  const auto stuck_giant = hot.next();
  REQUIRE(stuck_giant);
  CHECK(stuck_giant->functions == Indices{0});
  CHECK(stuck_giant->opt_level == 0);
  CHECK(stuck_giant->loops.size() == 1);
  const auto improved = hot.next();
  REQUIRE(improved);
  CHECK(improved->functions == Indices{2});
  const auto better = hot.next();
  REQUIRE(better);
  CHECK(better->functions == Indices{0});
  CHECK(better->opt_level == HotFunctions::kGiantLevel);
  CHECK(better->loops.empty());
  CHECK_FALSE(hot.next());
}

TEST_CASE("hot functions: what cannot be compiled is not tried again") {
  const Program program({{100, {}}});
  auto hot = program.hot();
  hot.note(0, {}, 3000, at(1ms));
  REQUIRE(hot.next());
  hot.give_up(0);
  CHECK_FALSE(hot.note(0, 1, 1'000'000, at(2ms)));
  CHECK_FALSE(hot.next());
}

TEST_CASE("hot functions: code that is as good as it gets is not made again") {
  const Program program({{100, {}}, {100, {}}});
  auto hot = program.hot();
  hot.has_code(0, 0);
  hot.has_code(1, 2);
  hot.note_code(0, {}, HotFunctions::kRememberedEvents, at(1ms));
  hot.note_code(1, {}, HotFunctions::kRememberedEvents, at(1ms));
  const auto job = hot.next();
  REQUIRE(job);
  CHECK(job->functions == Indices{0});
  CHECK(job->opt_level == 2);
  CHECK_FALSE(hot.next());
}

using Work = HotFunctions::Work;

TEST_CASE("hot functions: what is only entered is compiled quickly, in that order, behind what is hot, and not well") {
  constexpr std::uint32_t kHalf = HotFunctions::kEnteredUnitBytes / 2;
  const Program program({{kHalf, {}}, {kHalf, {}}, {100, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  CHECK_FALSE(hot.enter(1, at(20ms)));
  CHECK_FALSE(hot.enter(2, at(20ms)));
  CHECK_FALSE(hot.next());  // not worth a unit yet
  CHECK(hot.enter(0, at(20ms)));
  CHECK(hot.has_next(Work::quick));
  hot.note(3, {}, 500, at(1ms));
  const auto wanted = hot.next(Work::quick);
  REQUIRE(wanted);
  CHECK(wanted->functions == Indices{3});
  const auto entered = hot.next(Work::quick);
  REQUIRE(entered);
  CHECK(entered->functions == Indices{0, 1, 2});
  CHECK(entered->opt_level == 0);
  CHECK(entered->by_baseline);
  const auto good = hot.next(Work::good);
  REQUIRE(good);
  CHECK(good->functions == Indices{3});
  CHECK_FALSE(hot.next(Work::good));
  hot.note_code(1, {}, HotFunctions::kRememberedEvents, at(2ms));
  CHECK(hot.next(Work::good));
}

TEST_CASE("hot functions: what a young program has only entered waits, and is left if it ends") {
  const Program program({{HotFunctions::kEnteredUnitBytes, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  CHECK_FALSE(hot.has_entered_left());
  CHECK_FALSE(hot.enter(0, at(HotFunctions::kYouth - 1ms)));
  CHECK_FALSE(hot.next(Work::quick, at(HotFunctions::kYouth - 1ms)));
  CHECK(hot.has_entered_left());
  CHECK(hot.enter(1, at(HotFunctions::kYouth)));
  const auto job = hot.next(Work::quick, at(HotFunctions::kYouth));
  REQUIRE(job);
  CHECK(job->functions == Indices{0});
  CHECK_FALSE(hot.has_entered_left());  // the other is not worth a unit
}

TEST_CASE("hot functions: at rest the last few that were entered are compiled too, but for those that have code") {
  const Program program({{100, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  hot.enter(0, at(20ms));
  hot.enter(1, at(20ms));
  hot.has_code(0, 2);
  CHECK_FALSE(hot.next(Work::quick));
  CHECK(hot.has_rest());
  const auto rest = hot.next_at_rest();
  REQUIRE(rest);
  CHECK(rest->functions == Indices{1});
  CHECK_FALSE(hot.next_at_rest());
  CHECK_FALSE(hot.has_rest());
}

TEST_CASE(
    "hot functions: what earlier runs have entered waits behind what they have used, if anybody has time for it") {
  const Program program({{HotFunctions::kEnteredUnitBytes, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  hot.remember({.function = 0, .calls = 1});
  hot.remember({.function = 1, .calls = HotFunctions::kRememberedEvents});
  auto busy = program.hot(2, true);
  busy.leave_entered();
  busy.remember({.function = 0, .calls = 1});
  CHECK_FALSE(busy.has_next());
  const auto first = hot.next(Work::quick);
  REQUIRE(first);
  CHECK(first->functions == Indices{1});
  const auto second = hot.next(Work::quick);
  REQUIRE(second);
  CHECK(second->functions == Indices{0});
}

TEST_CASE("hot functions: where quick work is cheap it takes giants along, and the loops that are in the way") {
  const Program program({{HotFunctions::kGiantBytes + 1, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  hot.note(0, 3, 500, at(1ms));
  hot.note(1, {}, 500, at(1ms));
  CHECK_FALSE(hot.next(Work::good));
  const auto quick = hot.next(Work::quick);
  REQUIRE(quick);
  CHECK(quick->functions == Indices{0, 1});
  CHECK(quick->by_baseline);
  REQUIRE(quick->loops.size() == 1);
  CHECK(quick->loops[0].loop == 3);
  done(hot, *quick);
  CHECK_FALSE(hot.next(Work::quick));
  // The interpreter is in another loop of the same function: an entry more is cheap too, and made once.
  CHECK(hot.note(0, 4, 500, at(2ms)));
  CHECK(hot.note(0, 4, 500, at(2ms)));
  const auto again = hot.next(Work::quick);
  REQUIRE(again);
  CHECK(again->functions == Indices{0});
  REQUIRE(again->loops.size() == 1);
  CHECK(again->loops[0].loop == 4);
  CHECK_FALSE(hot.next(Work::quick));
  const auto small = hot.next(Work::good);
  REQUIRE(small);
  CHECK(small->functions == Indices{1});
  CHECK(small->opt_level == 2);
  const auto giant = hot.next(Work::good);
  REQUIRE(giant);
  CHECK(giant->functions == Indices{0});
  CHECK(giant->opt_level == 2);
}

TEST_CASE("hot functions: what code counts decides what is compiled well first, and lasts") {
  const Program program({{1000, {}}, {1000, {}}});
  auto hot = program.hot(2, true);
  hot.note(0, {}, 1000, at(1ms));
  hot.note(1, {}, 500, at(1ms));
  const auto quick = hot.next(Work::quick);
  REQUIRE(quick);
  done(hot, *quick);
  CHECK_FALSE(hot.note_code(1, {}, 16383, at(2ms)));  // worth it, and too early
  CHECK(hot.note_code(1, {}, 1, at(1s)));
  const auto first = hot.next(Work::good);
  REQUIRE(first);
  CHECK(first->functions == Indices{1});
  CHECK(first->loops.empty());
  std::vector<FunctionProfile> profile;
  hot.add_counts(profile);
  REQUIRE(profile.size() == 1);
  CHECK(profile[0].function == 1);
  CHECK(profile[0].back_edges == 16384);
}

TEST_CASE("hot functions: good code must save enough in one run for its length") {
  constexpr std::uint64_t kPerByte = 10;
  const Program program({{1000, {}}, {1000, {}}, {1000, {}}, {10, {}}});
  auto hot = program.hot(2, true, kPerByte);
  hot.remember({.function = 0, .runs = 3, .calls = 10'000, .back_edges = 19'999});
  hot.remember({.function = 1, .runs = 3, .calls = 10'000, .back_edges = 20'000});
  hot.remember({.function = 2, .runs = 1, .calls = 9'999});
  hot.remember({.function = 3, .runs = 1, .calls = HotFunctions::kWorthyEvents - 1});
  for (std::uint32_t function = 0; function < 4; ++function)
    hot.has_code(function, 0);
  const auto first = hot.next(Work::good);
  REQUIRE(first);
  CHECK(first->functions == Indices{1});
  CHECK_FALSE(hot.next(Work::good));
  hot.note_code(2, {}, 9'999, at(1ms));  // as much as in the run before: nothing new
  CHECK_FALSE(hot.next(Work::good));
  hot.note_code(2, {}, 1, at(1ms));
  const auto second = hot.next(Work::good);
  REQUIRE(second);
  CHECK(second->functions == Indices{2});
}

TEST_CASE("hot functions: a call that goes on and on is worth good code only if that is not too long for it") {
  const Program program({{1000, {}}});
  auto hot = program.hot(2, true, 32);
  hot.has_code(0, 0);
  CHECK_FALSE(hot.note_code(0, 5, 16'384, at(1ms)));
  CHECK(hot.note_code(0, 5, 16'384, at(2ms)));
  CHECK(hot.has_stuck());
  const Program long_program({{2000, {}}});
  auto long_hot = long_program.hot(2, true, 32);
  long_hot.has_code(0, 0);
  for (int report = 0; report < 3; ++report)
    CHECK_FALSE(long_hot.note_code(0, 5, 16'384, at(1ms)));
  CHECK(long_hot.note_code(0, 5, 16'384, at(2ms)));
}

TEST_CASE("hot functions: what takes longer than the program has run is compiled well later") {
  const Program program({{1000, {}}, {2000, {}}, {3000, {}}});
  auto hot = program.hot(2, true);
  for (std::uint32_t function = 0; function < 3; ++function) {
    hot.has_code(function, 0);
    hot.note_code(function, {}, std::uint64_t{16'384} * (function + 1), at(1ms));
  }
  const auto time = [](std::uint32_t bytes) { return HotFunctions::Time(bytes * HotFunctions::kTimePerByte); };
  CHECK(hot.has_next(Work::good));
  CHECK_FALSE(hot.next(Work::good, time(1000) - 1ms));
  CHECK(hot.has_later(time(1000) - 1ms));
  const auto first = hot.next(Work::good, time(2000));
  REQUIRE(first);
  CHECK(first->functions == Indices{1});
  const auto second = hot.next(Work::good, time(2000));
  REQUIRE(second);
  CHECK(second->functions == Indices{0});
  CHECK_FALSE(hot.next(Work::good, time(2000)));
  CHECK(hot.has_later(time(2000)));
  const auto third = hot.next(Work::good, time(3000));
  REQUIRE(third);
  CHECK(third->functions == Indices{2});
  CHECK_FALSE(hot.has_later(time(3000)));
}

TEST_CASE("hot functions: a loop that a call does not leave is compiled well at any time") {
  const Program program({{10'000, {}}});
  auto hot = program.hot(2, true);
  hot.has_code(0, 0);
  hot.note_code(0, 5, 16'384, at(1ms));
  CHECK_FALSE(hot.next(Work::good, at(2ms)));
  hot.note_code(0, 5, 16'384, at(2ms));
  const auto job = hot.next(Work::good, at(2ms));
  REQUIRE(job);
  CHECK(job->loops.size() == 1);
}

TEST_CASE("hot functions: small ones are compiled well together, the hottest first, and large ones alone") {
  constexpr auto kSmall = HotFunctions::kGoodUnitBytes / 4;
  const Program program({{kSmall, {}}, {kSmall, {}}, {8 * kSmall, {}}, {kSmall, {}}, {kSmall, {}}});
  auto hot = program.hot(2, true);
  const std::array<std::uint64_t, 5> events = {9000, 8000, 7000, 1000, 500};
  for (std::uint32_t i = 0; i < events.size(); ++i)
    hot.note(i, {}, events[i], at(1ms));
  const auto quick = hot.next(Work::quick);
  REQUIRE(quick);
  done(hot, *quick);
  for (const auto& expected : {Indices{0, 1}, Indices{2}, Indices{3, 4}}) {
    const auto good = hot.next(Work::good);
    REQUIRE(good);
    CHECK(good->functions == expected);
    CHECK(good->loops.empty());
    done(hot, *good);
  }
  CHECK_FALSE(hot.next(Work::good));
}

TEST_CASE("hot functions: a call that stays in a loop of quick code gets an entry to good code there, once") {
  const Program program({{100, {}}});
  auto hot = program.hot(2, true);
  hot.note(0, 1, 500, at(1ms));
  const auto quick = hot.next(Work::quick);
  REQUIRE(quick);
  done(hot, *quick);
  CHECK_FALSE(hot.note_code(0, 1, 16384, at(2ms)));
  CHECK(hot.note_code(0, 1, 16384, at(2ms)));
  const auto good = hot.next(Work::good);
  REQUIRE(good);
  CHECK(good->opt_level == 2);
  REQUIRE(good->loops.size() == 1);
  CHECK(good->loops[0].loop == 1);
  done(hot, *good);
  CHECK_FALSE(hot.note_code(0, 1, 16384, at(3ms)));
  CHECK_FALSE(hot.next());
  // Beside good code reports of loops are of a call that may end soon.
  for (unsigned i = 2; i < HotFunctions::kStuckReports; ++i)
    CHECK_FALSE(hot.note_code(0, 2, 16384, at(3ms)));
  CHECK(hot.note_code(0, 2, 16384, at(3ms)));
  const auto other = hot.next(Work::good);
  REQUIRE(other);
  REQUIRE(other->loops.size() == 1);
  CHECK(other->loops[0].loop == 2);
}

TEST_CASE("hot functions: what the baseline compiler leaves out LLVM compiles, quickly first") {
  const Program program({{100, {}}, {100, {}}});
  auto hot = program.hot(2, true);
  hot.note(0, {}, 500, at(1ms));
  hot.note(1, {}, 500, at(1ms));
  REQUIRE(hot.next(Work::quick));
  hot.has_code(0, 0);
  hot.leave_to_llvm(1);
  CHECK_FALSE(hot.next(Work::quick));
  const auto left = hot.next(Work::good);
  REQUIRE(left);
  CHECK(left->functions == Indices{1});
  CHECK(left->opt_level == 0);
  CHECK_FALSE(left->by_baseline);
}

}  // namespace wzrun::runtime
