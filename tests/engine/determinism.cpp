#include "tests/engine/module_bytes.h"
#include "tests/test_engine.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

// What compiling yields, whatever is done with it.
namespace wzrun::engine {
namespace {

/// A function of the module below: (param $p i32) (param $end i32) (result i32) (local $sum i32). `steps`: how often a
/// few instructions come again, so that functions are long enough to fill parts.
Bytes summing_function(std::uint32_t offset, std::uint32_t callee, std::uint32_t steps) {
  Bytes body = {1,    1,    0x7f,        // one local, i32
                0x03, 0x40,              // loop
                0x20, 2,    0x20, 0,     //   local.get $sum; local.get $p
                0x28, 0};                //   i32.load
  append_u32(body, offset);              //     offset
  append(body, {0x6a, 0x21, 2,           //   i32.add; local.set $sum
                0x20, 0, 0x41, 4, 0x6a,  //   local.get $p; i32.const 4; i32.add
                0x22, 0, 0x20, 1, 0x47,  //   local.tee $p; local.get $end; i32.ne
                0x0d, 0, 0x0b});         //   br_if 0; end
  for (std::uint32_t i = 0; i < steps; ++i)
    append(body, {0x20, 2, 0x20, 1, 0x73, 0x21, 2,    // local.get $sum; local.get $end; i32.xor; local.set $sum
                  0x20, 2, 0x41, 7, 0x6c, 0x21, 2});  // local.get $sum; i32.const 7; i32.mul; local.set $sum
  append(body, {0x20, 2, 0x20, 1, 0x10});             // local.get $sum; local.get $end; call
  append_u32(body, callee);
  body.push_back(0x0b);
  return body;
}

Bytes summing_module(std::uint32_t functions) {
  std::vector<Bytes> bodies;
  bodies.reserve(functions);
  for (std::uint32_t i = 0; i < functions; ++i)
    bodies.push_back(summing_function(i, (i * 7 + 1) % functions, 60 + i));
  return module_of(bodies);
}

}  // namespace

TEST_CASE("determinism: a module yields the same bytes on one, two and five threads at every level") {
  if (!test_engine().starts_with("llvm"))
    return;
  const auto module = summing_module(48);
  for (const unsigned level : {0U, 1U, 2U, 3U}) {
    INFO("level " << level);
    runtime::CompileOptions options;
    options.opt_level = level;
    options.threads = 1;
    const auto alone = runtime::compile_image(module, CoreFeatures::all, options);
    REQUIRE(alone);
    for (const unsigned threads : {2U, 5U}) {
      INFO(threads << " threads");
      options.threads = threads;
      const auto together = runtime::compile_image(module, CoreFeatures::all, options);
      REQUIRE(together);
      CHECK(*alone == *together);
    }
  }
}

TEST_CASE("determinism: hot functions get other code, the same on any number of threads") {
  if (!test_engine().starts_with("llvm"))
    return;
  const auto module = summing_module(48);
  const std::vector<std::uint32_t> hot = {0, 1, 20, 40, 47, 48, 1'000'000};  // the last two are no functions
  runtime::CompileOptions options;
  options.opt_level = 1;
  options.threads = 1;
  const auto without = runtime::compile_image(module, CoreFeatures::all, options);
  REQUIRE(without);
  options.hot_functions = hot;
  const auto with = runtime::compile_image(module, CoreFeatures::all, options);
  REQUIRE(with);
  CHECK(*with != *without);
  options.threads = 3;
  CHECK(runtime::compile_image(module, CoreFeatures::all, options) == *with);
}

TEST_CASE("determinism: with two compilers too") {
  if (!test_engine().starts_with("llvm"))
    return;
  const auto module = summing_module(48);
  runtime::CompileOptions options;
  options.stress = 1;
  options.threads = 1;
  const auto alone = runtime::compile_image(module, CoreFeatures::all, options);
  options.threads = 3;
  const auto together = runtime::compile_image(module, CoreFeatures::all, options);
  REQUIRE(alone);
  REQUIRE(together);
  CHECK(*alone == *together);
}

TEST_CASE("determinism: of a large module LLVM compiles what is likely to be hot, and everything has code") {
  if (!test_engine().starts_with("llvm") || !baseline::is_available())
    return;
  constexpr std::uint32_t kGiants = 40, kSmall = 8;
  std::vector<Bytes> bodies;
  bodies.reserve(kGiants + kSmall);
  for (std::uint32_t i = 0; i < kGiants; ++i)
    bodies.push_back(summing_function(0, i, 9000));  // of 126 KB
  for (std::uint32_t i = 0; i < kSmall; ++i)
    bodies.push_back(summing_function(0, kGiants + i, 1));
  const auto module = module_of(bodies);
  REQUIRE(module.size() > runtime::kMostBytesForLlvm);
  const auto compile = [&](unsigned level, std::span<const std::uint32_t> hot) {
    runtime::CompileOptions options;
    options.opt_level = level;
    options.hot_functions = hot;
    options.target = "test";
    const auto bytes = runtime::compile_image(module, CoreFeatures::all, options);
    REQUIRE(bytes);
    const auto image = runtime::Image::from_bytes(*bytes, {"test", kGiants + kSmall, 1});
    REQUIRE(image);
    return *image;
  };
  const auto by_two = compile(2, {}), by_one = compile(0, {});
  const auto size = [](const runtime::Image& image, std::uint32_t function) {
    const auto at = static_cast<const std::uint8_t*>(image.function(function)) - image.code().data();
    const auto* const range = image.range_at(static_cast<std::uint64_t>(at));
    return range->end - range->begin;
  };
  for (std::uint32_t i = 0; i < kGiants + kSmall; ++i) {
    INFO("function " << i);
    REQUIRE(by_two->function(i) != nullptr);
    CHECK((size(*by_two, i) == size(*by_one, i)) == (i < kGiants));
    CHECK((by_two->function(i) < by_two->function(0)) == (i >= kGiants));  // what is hot comes first
  }
  const std::vector<std::uint32_t> hot = {3, 1'000'000};  // the last is no function
  const auto by_profile = compile(2, hot);
  CHECK(size(*by_profile, 3) != size(*by_one, 3));
  CHECK(size(*by_profile, 4) == size(*by_one, 4));
  CHECK(by_profile->function(3) < by_profile->function(kGiants));
}

}  // namespace wzrun::engine
