#include "tests/engine/module_bytes.h"
#include "tests/test_engine.h"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string>

// What compiling costs grows with the program, not with its square. Each shape is one function.
namespace wzrun::engine {
namespace {

Bytes straight_line(std::uint32_t count) {
  Bytes body = {0};
  for (std::uint32_t i = 0; i < count; ++i) {
    append(body, {0x20, 0, 0x20, 1, 0x6a, 0x41});  // local.get 0; local.get 1; i32.add; i32.const
    append_u32(body, i % 50);                      //   below 64: not negative
    append(body, {0x73, 0x21, 0});                 // i32.xor; local.set 0
  }
  append(body, {0x20, 0, 0x0b});
  return body;
}

Bytes live_loads(std::uint32_t count) {
  Bytes body = {0};
  for (std::uint32_t i = 0; i < count; ++i) {
    append(body, {0x20, 0, 0x28, 0});  // local.get 0; i32.load
    append_u32(body, 4 * i);
  }
  for (std::uint32_t i = 1; i < count; ++i)
    body.push_back(0x6a);  // i32.add
  body.push_back(0x0b);
  return body;
}

Bytes many_targets(std::uint32_t count) {
  Bytes body = {0, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e};  // block; block; local.get 0; br_table
  append_u32(body, count);
  for (std::uint32_t i = 0; i <= count; ++i)
    body.push_back(i % 2);
  append(body, {0x0b, 0x41, 3, 0x0f, 0x0b, 0x20, 1, 0x0b});  // end; i32.const 3; return; end; local.get 1; end
  return body;
}

Bytes many_blocks(std::uint32_t count) {
  Bytes body = {0};
  for (std::uint32_t i = 0; i < count; ++i)
    append(body, {0x02, 0x40, 0x20, 1, 0x0d, 0,             // block; local.get 1; br_if 0
                  0x20, 0, 0x41, 3, 0x6a, 0x21, 0, 0x0b});  //   local.get 0; i32.const 3; i32.add; local.set 0; end
  append(body, {0x20, 0, 0x0b});
  return body;
}

Bytes many_locals(std::uint32_t count) {
  Bytes body = {1};
  append_u32(body, count);
  body.push_back(0x7f);
  for (std::uint32_t i = 0; i < count; ++i) {
    append(body, {0x20, 0, 0x28, 0, 0, 0x21});  // local.get 0; i32.load; local.set
    append_u32(body, 2 + i);
  }
  append(body, {0x03, 0x40});  // loop
  for (std::uint32_t i = 0; i < count; ++i) {
    append(body, {0x20, 1, 0x20});  // local.get 1; local.get
    append_u32(body, 2 + i);
    append(body, {0x6a, 0x21, 1});  // i32.add; local.set 1
  }
  append(body, {0x20, 1, 0x0d, 0, 0x0b, 0x20, 1, 0x0b});  // local.get 1; br_if 0; end; local.get 1; end
  return body;
}

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
}

double seconds_to_compile(const Bytes& module, unsigned level) {
  runtime::CompileOptions options;
  options.opt_level = level;
  options.threads = 1;
  const auto before = user_seconds();
  REQUIRE(runtime::compile_image(module, CoreFeatures::all, options));
  return user_seconds() - before;
}

struct Shape {
  const char* name;
  Bytes (*body)(std::uint32_t count);
  std::uint32_t count;
};

constexpr Shape kShapes[] = {{"a straight line", straight_line, 4000},
                             {"loads that stay alive", live_loads, 2000},
                             {"a br_table", many_targets, 8000},
                             {"blocks in a row", many_blocks, 3000},
                             {"locals", many_locals, 1500}};

}  // namespace

TEST_CASE("scaling: a function that is longer takes longer to compile in proportion") {
  if (!test_engine().starts_with("llvm"))
    return;
  constexpr double kLeast = 0.05;  // below that, what every compilation costs decides
  for (const auto& shape : kShapes) {
    for (const unsigned level : {0U, 1U, 2U, 3U}) {
      INFO(std::string(shape.name) << ", level " << level);
      const auto one = std::max(kLeast, seconds_to_compile(module_of({shape.body(shape.count)}), level));
      for (const unsigned factor : {2U, 8U, 32U})
        CHECK(seconds_to_compile(module_of({shape.body(factor * shape.count)}), level) < 2 * factor * one);
    }
  }
}

}  // namespace wzrun::engine
