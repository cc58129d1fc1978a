#include "codegen/loop_versioning.h"
#include "loop_versioning_support.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <random>

namespace wzrun::codegen::test {
namespace {

constexpr std::uint64_t kWholeMemory = std::uint64_t{1} << 32;

std::vector<std::uint8_t> pattern(std::uint64_t size) {
  std::vector<std::uint8_t> bytes(size > kWindow ? 2 * kWindow : kWindow);
  std::minstd_rand random(7);  // NOLINT(bugprone-random-generator-seed): the same memory each time
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>(random() >> 8);
  return bytes;
}

/// Runs the compiled loop and the model on the same memory and compares result, trap and memory. True if it trapped.
bool check_against_model(const LoopShape& shape, const LoopInput& input, CompiledLoop& loop, Arena& arena) {
  static const auto small = pattern(kWindow);
  static const auto large = pattern(kWholeMemory);
  const auto& initial = arena.size() > kWindow ? large : small;
  auto expected_memory = initial;
  const auto expected = run_model(shape, input, expected_memory, arena.size());
  if (!expected)
    return false;
  arena.set_windows(initial);
  const auto result = loop.run(arena, input);
  const auto memory = arena.windows();
  CHECK(result == *expected);
  CHECK((memory == expected_memory));
  return !result;
}

/// Whether the fast loop runs for this input; that the result is right is checked as well.
bool runs_fast(const LoopShape& shape, const LoopInput& input, std::uint64_t size = kWindow) {
  Arena arena(size);
  CompiledLoop loop(to_ir(shape), kVersionOnly);
  check_against_model(shape, input, loop, arena);
  return loop.fast_entries() == input.outer;
}

/// a[i] = b[i], 32 bits each.
LoopShape copy_shape(std::int32_t step = 4) {
  return {.accesses = {{.start = 1, .step = step}, {.store = true, .start = 0, .step = step}}};
}

}  // namespace

TEST_CASE("loop versioning: a copy between disjoint arrays becomes a fast loop and vectorises") {
  const auto ir = to_ir(copy_shape());
  CHECK(transform(ir, kVersionOnly).versioned_loops() == 1);
  CHECK(transform(ir, kVectorise).has_vectors());
  CHECK(runs_fast(copy_shape(), {.n = 100, .starts = {0, 400}}));
  CHECK_FALSE(optimise(ir, 1).has_vectors());
  CHECK(optimise(ir, 2).has_vectors());
  CHECK(optimise(ir, 3).has_vectors());
}

TEST_CASE("loop versioning: a loop is taken if it surely ends") {
  for (const auto counting : {Counting::up_below, Counting::up_until, Counting::down, Counting::four_until,
                              Counting::four_exactly, Counting::up_below_wide}) {
    auto shape = copy_shape();
    shape.counting = counting;
    CAPTURE(static_cast<int>(counting));
    CHECK(runs_fast(shape, {.n = 100, .starts = {1024, 0}}));
  }
  auto shape = copy_shape();
  shape.counting = Counting::four_exactly;
  CHECK_FALSE(runs_fast(shape, {.n = 102, .starts = {1024, 0}}));
  shape.counting = Counting::up_below_wide;
  CHECK_FALSE(runs_fast(shape, {.n = 0x8000'0000, .starts = {1024, 0}}));
  CHECK_FALSE(runs_fast(shape, {.n = 0xffff'ffff, .starts = {1024, 0}}));
  shape.counting = Counting::three_below;  // endless if n is above 2^32 - 3
  CHECK(transform(to_ir(shape), kVersionOnly).versioned_loops() == 0);
}

TEST_CASE("loop versioning: ranges that overlap by one byte are not disjoint, adjacent ones are") {
  CHECK(runs_fast(copy_shape(), {.n = 100, .starts = {400, 0}}));
  CHECK_FALSE(runs_fast(copy_shape(), {.n = 100, .starts = {399, 0}}));
  CHECK(runs_fast(copy_shape(), {.n = 100, .starts = {0, 400}}));
  CHECK_FALSE(runs_fast(copy_shape(), {.n = 100, .starts = {0, 399}}));
  CHECK_FALSE(runs_fast(copy_shape(), {.n = 100, .starts = {0, 0}}));
}

TEST_CASE("loop versioning: what is only read may overlap") {
  const LoopShape shape{.accesses = {{.start = 0, .step = 4}, {.start = 1, .step = 8}}};
  CHECK(runs_fast(shape, {.n = 100, .starts = {0, 2}}));
}

TEST_CASE("loop versioning: a loop may end at the memory's last byte and not behind it") {
  for (const auto size : {std::uint64_t{kWindow}, kWholeMemory}) {
    CAPTURE(size);
    const auto start = static_cast<std::uint32_t>(size - 400);
    CHECK(runs_fast(copy_shape(), {.n = 100, .starts = {start, 0}}, size));
    CHECK(runs_fast(copy_shape(), {.n = 100, .starts = {0, start}}, size));
    CHECK_FALSE(runs_fast(copy_shape(), {.n = 100, .starts = {start + 1, 0}}, size));
    CHECK_FALSE(runs_fast(copy_shape(), {.n = 101, .starts = {0, start}}, size));
  }
}

TEST_CASE("loop versioning: the constant offset of an access counts in 64 bits") {
  LoopShape shape{.accesses = {{.store = true, .step = 4, .offset = 0xffff'ffff}}};
  CHECK_FALSE(runs_fast(shape, {.n = 100, .starts = {1}}, kWholeMemory));
  shape.accesses[0].offset = 0x8000'0000;
  CHECK(runs_fast(shape, {.n = 100, .starts = {0x8000'0000U - 400}}, kWholeMemory));
  CHECK_FALSE(runs_fast(shape, {.n = 100, .starts = {0x8000'0000U - 399}}, kWholeMemory));
}

TEST_CASE("loop versioning: an address that wraps 2^32 keeps wrapping") {
  const LoopShape up{.accesses = {{.store = true, .bytes = 1, .step = 1}}};
  CHECK(runs_fast(up, {.n = 50, .starts = {0U - 50}}, kWholeMemory));
  CHECK_FALSE(runs_fast(up, {.n = 51, .starts = {0U - 50}}, kWholeMemory));
  const LoopShape down{.accesses = {{.store = true, .bytes = 1, .step = -1}}};
  CHECK(runs_fast(down, {.n = 50, .starts = {49}}, kWholeMemory));
  CHECK_FALSE(runs_fast(down, {.n = 51, .starts = {49}}, kWholeMemory));
  const LoopShape apart{.accesses = {{.bytes = 1, .step = 1}, {.bytes = 1, .distance = 100, .step = 1}}};
  CHECK(runs_fast(apart, {.n = 50, .starts = {0U - 150}}, kWholeMemory));
  CHECK_FALSE(runs_fast(apart, {.n = 51, .starts = {0U - 150}}, kWholeMemory));
}

TEST_CASE("loop versioning: steps of 2^31 and beyond are steps backwards") {
  for (const auto step : {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()}) {
    const LoopShape shape{.accesses = {{.store = true, .step = step}}};
    for (const auto start : {0U, 0x8000'0000U, 0xffff'fffcU})
      CHECK_FALSE(runs_fast(shape, {.n = 50, .starts = {start}}, kWholeMemory));
  }
}

TEST_CASE("loop versioning: a few iterations are not worth the checks") {
  CHECK_FALSE(runs_fast(copy_shape(), {.n = 0, .starts = {0, 1000}}));
  CHECK_FALSE(runs_fast(copy_shape(), {.n = LoopVersioningOptions{}.min_trip_count - 1, .starts = {0, 1000}}));
  CHECK(runs_fast(copy_shape(), {.n = LoopVersioningOptions{}.min_trip_count, .starts = {0, 1000}}));
}

TEST_CASE("loop versioning: 2^32 - 1 and 2^32 iterations trap where the original does") {
  for (const auto counting : {Counting::up_below, Counting::up_until, Counting::down, Counting::three_below}) {
    auto shape = copy_shape();
    shape.counting = counting;
    for (const auto n : {0xffff'ffffU, 0xffff'fffeU, 0U})
      CHECK_FALSE(runs_fast(shape, {.n = n, .starts = {0, 30000}}));
  }
}

TEST_CASE("loop versioning: what is written between two reads of one array is apart from others") {
  const LoopShape shape{.accesses = {{.start = 1, .step = 4},
                                     {.store = true, .start = 0, .step = 4},
                                     {.start = 0, .distance = 4, .step = 4}}};
  CHECK(runs_fast(shape, {.n = 100, .starts = {0, 404}}));
  CHECK_FALSE(runs_fast(shape, {.n = 100, .starts = {0, 100}}));
}

TEST_CASE("loop versioning: an update in place needs no disjointness") {
  const LoopShape shape{.accesses = {{.step = 8}, {.store = true, .step = 8}}};
  CHECK(transform(to_ir(shape), kVectorise).has_vectors());
  CHECK(runs_fast(shape, {.n = 100, .starts = {8}}));
}

TEST_CASE("loop versioning: a recurrence through memory keeps its order") {
  const LoopShape shape{.accesses = {{.distance = -4, .step = 4}, {.store = true, .step = 4}}};
  CHECK(runs_fast(shape, {.n = 100, .starts = {8}}));
  CHECK_FALSE(runs_fast(shape, {.n = 100, .starts = {0}}));
}

TEST_CASE("loop versioning: an accumulator in memory lives in a register") {
  const LoopShape shape{.accesses = {{.start = 0, .step = 4}, {.start = 1}, {.store = true, .start = 1}}};
  CHECK(runs_fast(shape, {.n = 100, .starts = {0, 400}}));
  CHECK_FALSE(runs_fast(shape, {.n = 100, .starts = {0, 399}}));
}

TEST_CASE("loop versioning: a loop that counts down from an even end is followed through its xor") {
  // What clang makes of x[n - 1 - i] and x[n - 2 - i] in a loop unrolled by two.
  const auto ir = R"(define i64 @f(ptr %instance, i32 %n, i32 %m, ptr %starts) {
entry:
  %base = load ptr, ptr %instance, !invariant.load !0, !nonnull !0, !noundef !0, !wzrun.memory_base !0
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %back = xor i32 %i, -2
  %address = add i32 %back, %n
  %e = zext i32 %address to i64
  %p = getelementptr i8, ptr %base, i64 %e
  store volatile i8 7, ptr %p, align 1
  %next = add i32 %i, 2
  %again = icmp ne i32 %next, 100
  br i1 %again, label %loop, label %done
done:
  ret i64 1
}
!0 = !{}
)";
  Arena arena(kWindow);
  CompiledLoop loop(ir, kVersionOnly);
  arena.set_windows(std::vector<std::uint8_t>(kWindow));
  CHECK(loop.run(arena, {.n = 200, .starts = {}}) == LoopResult{1});
  CHECK(loop.fast_entries() == 1);
  for (unsigned address = 0; address < 300; ++address)
    CHECK(arena.base()[address] == (address >= 100 && address < 200 && address % 2 == 0 ? 7 : 0));
}

TEST_CASE("loop versioning: iterations of an outer loop may touch what another one wrote") {
  // Row j + 1 from row j: apart within the inner loop, not from one run of it to the next.
  const LoopShape shape{.accesses = {{.start = 0, .step = 4, .outer_step = 400},
                                     {.store = true, .start = 1, .step = 4, .outer_step = 400}}};
  Arena arena(kWindow);
  for (const auto passes : {kVersionOnly, kVectorise}) {
    CompiledLoop loop(to_ir(shape), passes);
    check_against_model(shape, {.n = 100, .outer = 20, .starts = {0, 400}}, loop, arena);
    CHECK(loop.fast_entries() == 20);
  }
}

TEST_CASE("loop versioning: a dead load that traps still does if it is out of bounds") {
  const auto ir = R"(define i64 @f(ptr %instance, i32 %n, i32 %m, ptr %starts) {
entry:
  %base = load ptr, ptr %instance, !invariant.load !0, !nonnull !0, !noundef !0, !wzrun.memory_base !0
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %e = zext i32 %i to i64
  %p = getelementptr i8, ptr %base, i64 %e
  %unused = load volatile i8, ptr %p, align 1
  %next = add i32 %i, 1
  %again = icmp ne i32 %next, %n
  br i1 %again, label %loop, label %done
done:
  ret i64 1
}
!0 = !{}
)";
  Arena arena(kWindow);
  CompiledLoop loop(ir, kVectorise);
  CHECK(loop.run(arena, {.n = kWindow, .starts = {}}) == LoopResult{1});
  CHECK(loop.fast_entries() == 1);
  CHECK(loop.run(arena, {.n = kWindow + 1, .starts = {}}) == LoopResult{});
  CHECK(loop.fast_entries() == 1);
}

TEST_CASE("loop versioning: loops it cannot know are left alone") {
  const auto with_body = [](std::string_view body, std::string_view condition) {
    return fmt::format(R"(declare void @grow(ptr)
define i64 @f(ptr %instance, i32 %n, i32 %m, ptr %starts) {{
entry:
  %base = load ptr, ptr %instance, !invariant.load !0, !nonnull !0, !noundef !0, !wzrun.memory_base !0
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %rest ]
  %e = zext i32 %i to i64
  %p = getelementptr i8, ptr %base, i64 %e
  %x = load volatile i8, ptr %p, align 1
  {}
  br label %rest
rest:
  %next = add i32 %i, 1
  {}
  br i1 %again, label %loop, label %done
done:
  ret i64 1
}}
!0 = !{{}}
)",
                       body, condition);
  };
  const std::string_view counted = "%again = icmp ult i32 %next, %n";
  CHECK(transform(with_body("", counted), kVersionOnly).versioned_loops() == 1);
  struct Case {
    const char* name;
    const char* body;
    const char* condition = "%again = icmp ult i32 %next, %n";
  };
  const Case cases[] = {
      {"calls, for instance to grow the memory", "call void @grow(ptr %instance)"},
      {"stores to a global", "%g = getelementptr i8, ptr %instance, i64 512\n store volatile i32 %i, ptr %g"},
      {"leaves early", "%z = icmp eq i8 %x, 0\n br i1 %z, label %done, label %rest2\nrest2:"},
      {"is endless", "", "%again = icmp eq i32 0, 0"},
      {"ends when the data says so", "", "%again = icmp ne i8 %x, 0"},
      {"loads through a table",
       "%t = zext i8 %x to i64\n %tp = getelementptr i8, ptr %base, i64 %t\n %y = load volatile i8, ptr %tp"},
      {"has fences", "fence seq_cst"},
      {"has an atomic access", "%old = atomicrmw add ptr %p, i8 1 seq_cst"},
  };
  for (const auto& [name, body, condition] : cases) {
    CAPTURE(name);
    CHECK(transform(with_body(body, condition), kVersionOnly).versioned_loops() == 0);
  }
  auto other_pointer = with_body("", counted);
  other_pointer.replace(other_pointer.find(", !wzrun.memory_base !0"), 23, "");
  CHECK(transform(other_pointer, kVersionOnly).versioned_loops() == 0);
}

namespace {

class RandomLoops {
 public:
  explicit RandomLoops(unsigned seed) : random_(seed) {}

  LoopShape shape() {
    LoopShape shape{.counting = static_cast<Counting>(below(kCountings)), .accesses = {}};
    const auto count = 1 + below(5);
    for (unsigned k = 0; k < count; ++k)
      shape.accesses.push_back(access());
    shape.accesses[0].only_when_odd = false;
    if (shape.accesses[0].step == 0)
      shape.accesses[0].step = static_cast<std::int32_t>(shape.accesses[0].bytes);
    return shape;
  }

  LoopInput input(std::uint64_t size) {
    LoopInput input{.n = below(8) == 0 ? below(12) : below(300), .outer = 1 + below(4), .starts = {}};
    if (size == kWindow && below(16) == 0)
      input.n = 0U - below(4);
    for (unsigned k = 0; k < kStarts; ++k)
      input.starts.push_back(start(size));
    return input;
  }

 private:
  static constexpr unsigned kStarts = 3;

  LoopAccess access() {
    const auto bytes = 1U << below(4);
    const auto width = static_cast<std::int32_t>(bytes);
    const std::int32_t steps[] = {width, width, width, 2 * width, 4 * width, -width, 0, 1, 3, -2 * width};
    return {.store = below(3) == 0,
            .only_when_odd = below(8) == 0,
            .bytes = bytes,
            .start = below(kStarts),
            .distance = (static_cast<std::int32_t>(below(9)) - 4) * width * (below(6) == 0 ? 100 : 1),
            .step = steps[below(std::size(steps))],
            .outer_step = static_cast<std::int32_t>(below(3)) * 400 - 400,
            .offset = below(4) == 0 ? below(5000) : below(3) * bytes};
  }

  std::uint32_t start(std::uint64_t size) {
    switch (below(6)) {
      case 0:
        return static_cast<std::uint32_t>(size) - below(3000);
      case 1:
        return below(600);
      case 2:
        return 0U - below(600);
      default:
        return 2000 * below(30);
    }
  }

  std::uint32_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, static_cast<std::uint32_t>(limit) - 1)(random_);
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("loop versioning: random loops give what the model gives") {
  Arena small(kWindow);
  Arena whole(kWholeMemory);
  RandomLoops random(20261121);
  unsigned runs = 0;
  unsigned traps = 0;
  unsigned fast = 0;
  unsigned vectorised = 0;
  for (unsigned k = 0; k < 120; ++k) {
    const auto shape = random.shape();
    const auto ir = to_ir(shape);
    CAPTURE(ir);
    vectorised += transform(ir, kVectorise).has_vectors();
    for (const auto passes : {kVersionOnly, kVectorise}) {
      CompiledLoop loop(ir, passes);
      for (unsigned n = 0; n < 60; ++n) {
        auto& arena = n % 3 == 2 ? whole : small;
        const auto input = random.input(arena.size());
        CAPTURE(fmt::format("n {} outer {} starts {}, {}, {} size {}", input.n, input.outer, input.starts[0],
                            input.starts[1], input.starts[2], arena.size()));
        const auto before = loop.fast_entries();
        traps += check_against_model(shape, input, loop, arena);
        fast += loop.fast_entries() > before;
        ++runs;
      }
    }
  }
  MESSAGE(runs << " runs, " << traps << " traps, " << fast << " fast, " << vectorised << " loops with vectors");
  CHECK(traps > runs / 10);
  CHECK(fast > runs / 10);
  CHECK(vectorised > 30);
}

}  // namespace wzrun::codegen::test
