#include "wzrun/error.h"

#include "wasm/escape.h"
#include "wzrun/features.h"

#include <doctest/doctest.h>

#include <string>

using namespace wzrun;

TEST_CASE("errors: they print with their offset in hexadecimal, if they have one") {
  CHECK(Error{ErrorKind::invalid, 0x1a2b, "type mismatch"}.to_string() == "0x1a2b: type mismatch");
  CHECK(Error{ErrorKind::io, Error::kNoOffset, "cannot open app.wasm"}.to_string() == "cannot open app.wasm");
}

TEST_CASE("traps: message first, then a frame a line") {
  Trap trap{.kind = TrapKind::integer_divide_by_zero, .detail = {}, .frames = {}};
  CHECK(trap.to_string() == "integer divide by zero");
  trap.frames = {{"app", "divide", 7, 0x123}, {"", "", 3, 0x45}};
  CHECK(trap.to_string() == "integer divide by zero\n    0: app!divide (0x123)\n    1: function 3 (0x45)");
  trap.detail = "in the test";
  CHECK(trap.to_string().starts_with("integer divide by zero: in the test\n"));
}

TEST_CASE("traps: frames left out are counted, and the numbers go on behind them") {
  const Frame frame{"", "f", 0, 1};
  const Trap trap{.kind = TrapKind::call_stack_exhausted,
                  .detail = {},
                  .frames = {frame, frame, frame},
                  .omitted = 100,
                  .omitted_at = 2};
  CHECK(trap.to_string() ==
        "call stack exhausted\n    0: f (0x1)\n    1: f (0x1)\n       ... 100 frames left out ...\n  102: f (0x1)");
}

TEST_CASE("traps: names cannot command a terminal") {
  const Trap trap{.kind = TrapKind::unreachable, .detail = {}, .frames = {{"m\x1b]0;x\x07", "f\n\r", 0, 0}}};
  CHECK(trap.to_string() == "unreachable\n    0: m\\1b]0;x\\07!f\\0a\\0d (0x0)");
}

TEST_CASE("escapes: printable text stays, controls and what is not UTF-8 do not") {
  CHECK(wasm::escaped("plain \xc3\xa9 \xe2\x82\xac") == "plain \xc3\xa9 \xe2\x82\xac");
  CHECK(wasm::escaped("\x7f\xff\xc2\x9b") == "\\7f\\ff\\c2\\9b");
  CHECK(wasm::escaped("\xe2\x80\xae right to left") == "\\e2\\80\\ae right to left");
  CHECK(wasm::quoted("a\"b\\") == "\"a\\22b\\5c\"");
  CHECK(wasm::escaped("abcdef", 3) == "abc...");
}

TEST_CASE("features: names and sets") {
  CHECK(feature_by_name("bulk-memory-operations") == Feature::bulk_memory_operations);
  CHECK_FALSE(feature_by_name("bulk"));
  CHECK(CoreFeatures::V1.to_string() == "mutable-global");
  CHECK(CoreFeatures::all.contains(Feature::threads));
  CHECK_FALSE(CoreFeatures::V3.contains(Feature::threads));
  CHECK(CoreFeatures().to_string().empty());
}
