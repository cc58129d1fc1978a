#include "tests/test_engine.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

// What compiling yields, whatever is done with it.
namespace wzrun::engine {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void append_u32(Bytes& to, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}

void append_section(Bytes& to, std::uint8_t id, const Bytes& contents) {
  to.push_back(id);
  append_u32(to, static_cast<std::uint32_t>(contents.size()));
  append(to, contents);
}

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

/// A module with a memory and functions that sum what is in it and call each other.
Bytes summing_module(std::uint32_t functions) {
  Bytes module = {0, 'a', 's', 'm', 1, 0, 0, 0};
  append_section(module, 1, {1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f});
  Bytes types;
  Bytes code;
  append_u32(types, functions);
  append_u32(code, functions);
  for (std::uint32_t i = 0; i < functions; ++i) {
    append_u32(types, 0);
    const auto body = summing_function(i, (i * 7 + 1) % functions, 60 + i);
    append_u32(code, static_cast<std::uint32_t>(body.size()));
    append(code, body);
  }
  append_section(module, 3, types);
  append_section(module, 5, {1, 0, 1});
  append_section(module, 10, code);
  return module;
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

}  // namespace wzrun::engine
