// Runs generated programs on the code of both compilers, of LLVM at every optimisation level, with guarded and with
// checked memory, and changing between engines at random moments, and compares with a plain evaluator; execute_fuzz
// compares that with the interpreter.
// usage: wzrun_differential [--seed=N] [--first=N] [--programs=N] [--seconds=N] [--verify=WZRUN]
// With --verify the executable compares its engines on them instead.
// Program number i depends on the seed and i alone; its number stands in the message about a difference, and its module
// in execute-mismatch.wasm.
#include "baseline/baseline.h"
#include "runtime/compiler.h"
#include "runtime/tiering.h"
#include "tests/fuzz/differential/verify.h"
#include "tests/fuzz/program/compare.h"
#include "tests/fuzz/program/encode.h"
#include "tests/fuzz/program/generate.h"

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace wzrun;
using namespace wzrun::fuzz;

namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t programs = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t seconds = std::numeric_limits<std::uint32_t>::max();
  std::string verify;  ///< an executable
};

struct Counts {
  std::uint64_t made = 0, compared = 0, trapped = 0, refused = 0, crashed = 0;
  std::uint64_t functions = 0, loops = 0;  ///< compiled and entered while they ran

  Counts& operator+=(const Counts& other) {
    made += other.made;
    compared += other.compared;
    trapped += other.trapped;
    refused += other.refused;
    crashed += other.crashed;
    functions += other.functions;
    loops += other.loops;
    return *this;
  }
};

/// So many programs share a process: a compiler that has crashed is not used again in its process.
constexpr std::uint64_t kBatch = 250;

bool read_number(std::string_view word, std::string_view name, std::uint64_t& number) {
  if (!word.starts_with(name))
    return false;
  word.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

std::array<std::uint8_t, 16> input_of(std::uint64_t seed, std::uint64_t number) {
  std::array<std::uint8_t, 16> input{};
  std::memcpy(input.data(), &seed, 8);
  std::memcpy(input.data() + 8, &number, 8);
  return input;
}

/// All functions of the module in code of the baseline compiler; nothing if it leaves out any. Those are left to the
/// interpreter, whose tail calls keep a frame where what they call is compiled.
std::optional<std::vector<std::uint8_t>> compile_with_baseline(const Comparison& comparison,
                                                               const runtime::CompiledCode& code, bool guarded) {
  if (!baseline::is_available())
    return std::nullopt;
  std::vector<std::uint32_t> functions;
  for (auto index = code.module.imported_functions; index < code.module.functions.size(); ++index)
    functions.push_back(index);
  auto made = baseline::compile(code.module,
                                {.functions = functions, .loops = {}, .guarded = guarded, .target = "differential"});
  if (!made)
    comparison.fail(made.error().to_string());
  if (made->image.empty() || !made->left_out.empty())
    return std::nullopt;
  return std::move(made->image);
}

void attach_baseline_code(const Comparison& comparison, const CompiledModule& compiled, bool guarded) {
  auto& code = *compiled.code();
  const auto image = compile_with_baseline(comparison, code, guarded);
  if (!image)
    return;
  auto mapped = runtime::Image::from_bytes(*image, code.image_expectation("differential"));
  if (!mapped)
    comparison.fail(mapped.error().to_string());
  code.attach_image(*std::move(mapped));
}

void attach_tiering(const Comparison& comparison, const CompiledModule& compiled, bool guarded, std::uint64_t seed) {
  auto& code = *compiled.code();
  code.tiering.reset();
  if (!compile_with_baseline(comparison, code, guarded))
    return;
  code.guarded_code = guarded;
  code.tiering = std::make_unique<runtime::Tiering>(
      code, runtime::TieringOptions{
                .opt_level = 1, .guarded = guarded, .target = "differential", .store = {}, .stress = seed});
}

void test_baseline_and_tiers(Comparison& comparison, bool checked, std::uint64_t number, Counts& counts) {
  comparison.run({.checked = checked,
                  .prepare = [&](const auto& compiled) { attach_baseline_code(comparison, compiled, !checked); },
                  .name = fmt::format("program {}, baseline", number)});
  constexpr std::uint64_t kSeeds = 4;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed)
    comparison.run({.checked = checked,
                    .prepare = [&](const auto& compiled) { attach_tiering(comparison, compiled, !checked, seed); },
                    .finish =
                        [&](const auto& compiled) {
                          if (compiled.code()->tiering == nullptr)
                            return;
                          const auto report = compiled.code()->tiering->report();
                          counts.functions += report.compiled_functions + report.improved_functions;
                          counts.loops += report.loop_entries;
                        },
                    .name = fmt::format("program {}, tiers with seed {}", number, seed)});
}

/// Compiles the program and compares, at the level and with the memory that its number says.
void test(const Options& options, std::uint64_t number, Counts& counts) {
  const auto input = input_of(options.seed, number);
  const auto program = Generator(input).generate();
  const auto module = Encoder(program).encode();
  Comparison comparison(program, module);
  ++counts.made;
  if (!comparison.is_comparable())
    return;
  if (!options.verify.empty()) {
    if (const auto difference = verify(options.verify, program, module, number % 4))
      comparison.fail(fmt::format("program {}: {}", number, *difference));
    ++counts.compared;
    return;
  }
  runtime::CompileOptions compile;
  compile.opt_level = static_cast<unsigned>(number % 4);
  compile.guarded = number / 4 % 2 == 0;
  compile.threads = 1;
  compile.target = "differential";
  comparison.run({.checked = !compile.guarded,
                  .prepare =
                      [&](const CompiledModule& compiled) {
                        auto& code = *compiled.code();
                        const auto image = runtime::compile_image(module, code.module.features, compile);
                        if (!image && image.error().message.contains("LLVM 22 compiles wrongly")) {
                          ++counts.refused;
                          return;
                        }
                        if (!image && image.error().message.contains("the compiler crashed")) {
                          ++counts.crashed;
                          fmt::print(stderr, "program {}, level {}: {}\n", number, compile.opt_level,
                                     image.error().to_string());
                          return;
                        }
                        if (!image)
                          comparison.fail(image.error().to_string());
                        auto mapped = runtime::Image::from_bytes(*image, code.image_expectation(compile.target));
                        if (!mapped)
                          comparison.fail(mapped.error().to_string());
                        code.attach_image(*std::move(mapped));
                      },
                  .name = fmt::format("program {}, level {}", number, compile.opt_level)});
  test_baseline_and_tiers(comparison, !compile.guarded, number, counts);
  ++counts.compared;
  counts.trapped += comparison.traps() ? 1 : 0;
}

/// Tests programs from `first` on in a process of their own, until there are enough or the compiler crashes. Nothing if
/// it found a difference.
template <typename Done>
std::optional<Counts> test_batch(const Options& options, std::uint64_t first, Done done) {
  std::array<int, 2> channel{};
  if (pipe(channel.data()) != 0)
    return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    Counts counts;
    while (!done(counts.made) && counts.made < kBatch && counts.crashed == 0)
      test(options, first + counts.made, counts);
    _exit(write(channel[1], &counts, sizeof counts) == sizeof counts ? 0 : 1);
  }
  close(channel[1]);
  Counts counts;
  const bool told = read(channel[0], &counts, sizeof counts) == sizeof counts;
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return told && status == 0 ? std::optional(counts) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    constexpr std::string_view kVerify = "--verify=";
    if (word.starts_with(kVerify))
      options.verify = word.substr(kVerify.size());
    else if (!read_number(word, "--seed=", options.seed) && !read_number(word, "--programs=", options.programs) &&
             !read_number(word, "--seconds=", options.seconds) && !read_number(word, "--first=", options.first)) {
      fmt::print(stderr, "usage: {} [--seed=N] [--first=N] [--programs=N] [--seconds=N] [--verify=WZRUN]\n", argv[0]);
      return 2;
    }
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  Counts counts;
  const auto done = [&](std::uint64_t more) {
    return counts.made + more >= options.programs || std::chrono::steady_clock::now() >= end;
  };
  while (!done(0)) {
    const auto batch = test_batch(options, options.first + counts.made, done);
    if (!batch)
      return 1;
    counts += *batch;
  }
  fmt::print("{} programs, {} compared, {} of them trap, {} refused by the compiler, which crashed {} times\n",
             counts.made, counts.compared, counts.trapped, counts.refused, counts.crashed);
  fmt::print("{} functions compiled and {} loops entered while they ran\n", counts.functions, counts.loops);
  return 0;
}
