#include "wasm/validator.h"

#include "checking_sink.h"
#include "module_bytes.h"
#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <string>

using namespace wzrun;
using namespace wzrun::wasm;
using namespace wzrun::wasm::test;

namespace {

Expected<void> judge(const ModuleBytes& bytes, CoreFeatures features = CoreFeatures::all, unsigned threads = 1) {
  const auto module = WZRUN_TRY(decode(bytes, features));
  return validate(module, {threads});
}

void check_accepted(const ModuleBytes& bytes) {
  const auto module = decode(bytes, CoreFeatures::all);
  REQUIRE_MESSAGE(module, module.error().to_string());
  const auto status = validate(*module);
  REQUIRE_MESSAGE(status, status.error().to_string());
  CheckingSink sink;
  FunctionReader<CheckingSink> reader(*module, sink);
  for (std::uint32_t i = 0; i < module->code.size(); ++i)
    CHECK(reader.read(module->imported_functions + i));
}

Error refused(const ModuleBytes& bytes, CoreFeatures features = CoreFeatures::all) {
  const auto status = judge(bytes, features);
  REQUIRE_FALSE(status);
  return status.error();
}

constexpr std::uint64_t kCodeOffset = 23;  ///< of the code of a module made by function(), if it is short

const ModuleBytes kI32 = {0x41, 0x00};  // i32.const 0
const ModuleBytes kDrop = {0x1a};
const ModuleBytes kBlock = {0x02, 0x40};  // block
const ModuleBytes kEnd = {0x0b};

}  // namespace

TEST_CASE("validate: an error says function, name, instruction, what was expected and what was found") {
  const auto names = custom("name", {0x01, 0x07, 0x01, 0x00, 0x04, 'm', 'a', 'i', 'n'});
  const auto bytes = function({0x41, 0x00, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x6a, 0x1a}) + names;
  const auto error = refused(bytes);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK(error.message == "function 0 \"main\": i32.add: type mismatch: expected i32, found f64");
  CHECK(error.offset == kCodeOffset + 11);
  CHECK(error.to_string() == "0x22: function 0 \"main\": i32.add: type mismatch: expected i32, found f64");
}

TEST_CASE("validate: a function's name is harmless to a terminal") {
  const auto names = custom("name", {0x01, 0x08, 0x01, 0x00, 0x05, 0x1b, '[', '2', 'J', 0xff});
  CHECK(refused(function({0x6a}) + names).message ==
        R"(function 0 "\1b[2J\ff": i32.add: type mismatch: expected i32, found nothing)");
}

TEST_CASE("validate: what the instruction names must exist") {
  const auto message = [](const ModuleBytes& code) { return refused(function(code)).message; };
  CHECK(message({0x20, 0x05}) == "function 0: local.get: unknown local 5: there are 0");
  CHECK(message({0x23, 0x05}) == "function 0: global.get: unknown global 5: there are 0");
  CHECK(message({0x0c, 0x01}) == "function 0: br: unknown label 1: there are 1");
  CHECK(message({0x10, 0x07}) == "function 0: call: unknown function 7: there are 1");
  CHECK(message({0x41, 0x00, 0x28, 0x02, 0x00}) == "function 0: i32.load: unknown memory 0: there are 0");
  CHECK(message({0x41, 0x00, 0x25, 0x00}) == "function 0: table.get: unknown table 0: there are 0");
  CHECK(message({0x08, 0x00}) == "function 0: throw: unknown tag 0: there are 0");
}

TEST_CASE("validate: bytes that are no instruction are malformed") {
  CHECK(refused(function({0xff})).message == "function 0: illegal opcode ff");
  CHECK(refused(function({0xff})).offset == kCodeOffset);
  CHECK(refused(function({0xfc, 0x7f})).message == "function 0: illegal opcode fc 7f");
  CHECK(refused(function({0xfd, 0xff, 0xff, 0x03})).kind == ErrorKind::malformed);
  CHECK(refused(function({0x0b, 0x01})).message ==
        "function 0: END opcode expected: 2 bytes follow the function's end");
  CHECK(refused(functions({{0x00, 0x41, 0x00}})).message ==
        "function 0: unexpected end of section or function: END opcode expected");
  CHECK(refused(functions({{0x00, 0x02, 0x40, 0x0b}})).message == "function 0: unexpected end of section or function");
  CHECK(refused(functions({{0x00}})).kind == ErrorKind::malformed);
  CHECK(refused(functions({{}})).kind == ErrorKind::malformed);
}

TEST_CASE("validate: cut anywhere, a body is refused") {
  const ModuleBytes code = {0x02, 0x7f, 0x41, 0x80, 0x80, 0x04, 0x44, 0,    0,    0,    0, 0,    0,    0,    0,   0x1a,
                            0xfd, 0x0c, 0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,    0,   0,
                            0,    0,    0x1a, 0x0b, 0x28, 0x02, 0x90, 0x01, 0x1a, 0x41, 0, 0x0e, 0x01, 0x00, 0x00};
  check_accepted(function(code, memory_of_one_page()));
  const auto whole = kNoLocals + code + kEnd;
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(judge(functions({ModuleBytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))},
                                memory_of_one_page())));
}

TEST_CASE("validate: long forms of every immediate are read as the short ones") {
  // Each instruction once with padded numbers, and at the very end of a body.
  const auto padded = [](std::uint8_t value) {
    return ModuleBytes{static_cast<std::uint8_t>(value | 0x80), 0x80, 0x80, 0x80, 0x00};
  };
  const auto memory = memory_of_one_page();
  check_accepted(function(ModuleBytes{0x41} + padded(5) + ModuleBytes{0x28} + padded(2) + padded(9) + kDrop, memory));
  check_accepted(function(
      ModuleBytes{0x41} + padded(5) + ModuleBytes{0x41} + padded(1) + ModuleBytes{0x36, 0x02} + padded(9), memory));
  check_accepted(function(ModuleBytes{0x10} + padded(0)));
  check_accepted(
      function(ModuleBytes{0x02, 0x40, 0x41, 0x7f, 0x0d} + padded(1) + ModuleBytes{0x0c} + padded(0) + kEnd));
  check_accepted(functions({ModuleBytes{0x01, 0x01, 0x7f, 0x20} + padded(0) + ModuleBytes{0x21} + padded(0) + kEnd}));
  check_accepted(function({0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x1a}));
  CHECK(refused(function({0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x01, 0x01, 0x01})).message ==
        "function 0: i32.const: integer too large");
  CHECK(refused(function({0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x1a, 0x01})).message ==
        "function 0: i32.const: integer representation too long");
  CHECK(refused(function(kI32 + ModuleBytes{0x28, 0x02, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x1a}, memory)).message ==
        "function 0: i32.load: offset out of range: 0x1ffffffff, the memory has i32 addresses");
}

TEST_CASE("validate: 50,000 locals are allowed, and one more is not") {
  check_accepted(functions({{0x01, 0xd0, 0x86, 0x03, 0x7f, 0x20, 0xcf, 0x86, 0x03, 0x1a, 0x0b}}));
  const auto error = refused(functions({{0x01, 0xd1, 0x86, 0x03, 0x7f, 0x0b}}));
  CHECK(error.kind == ErrorKind::unsupported);
  CHECK(error.message == "function 0: too many locals: 50001, the limit is 50000");
  CHECK(refused(functions({{0x02, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x02, 0x7e, 0x0b}})).kind ==
        ErrorKind::malformed);
}

TEST_CASE("validate: 10^5 functions of 50,000 locals each cost no more than their bytes") {
  constexpr std::size_t kCount = 100'000;
  const auto body = sized({0x02, 0xcf, 0x86, 0x03, 0x7f, 0x01, 0x7e, 0x20, 0xcf, 0x86, 0x03, 0x50, 0x1a, 0x0b});
  const auto bytes = kHeader + section(kType, vec(1, {0x60, 0x00, 0x00})) +
                     section(kFunction, vec(kCount, repeat(kCount, {0x00}))) +
                     section(kCode, vec(kCount, repeat(kCount, body)));
  CHECK(judge(bytes));
}

TEST_CASE("validate: 10^5 nested blocks") {
  constexpr std::size_t kDepth = 100'000;
  check_accepted(function(repeat(kDepth, kBlock) + repeat(kDepth, kEnd)));
  const auto too_deep = function(repeat(1'000'000, kBlock) + repeat(1'000'000, kEnd));
  CHECK(refused(too_deep).kind == ErrorKind::unsupported);
}

TEST_CASE("validate: a br_table of 10^6 arms, to few labels and to many") {
  constexpr std::size_t kArms = 1'000'000;
  check_accepted(function(kI32 + ModuleBytes{0x0e} + leb(kArms) + repeat(kArms + 1, {0x00})));
  constexpr std::size_t kDepth = 10'000;
  ModuleBytes arms;
  for (std::size_t i = 0; i < kArms; ++i)
    arms += leb(i % kDepth);
  check_accepted(
      function(repeat(kDepth, kBlock) + kI32 + ModuleBytes{0x0e} + leb(kArms) + arms + leb(0) + repeat(kDepth, kEnd)));
}

TEST_CASE("validate: a br_table that claims 2^32-1 arms") {
  CHECK(refused(function(kI32 + ModuleBytes{0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f})).kind == ErrorKind::malformed);
}

TEST_CASE("validate: 30,000 chained blocks and 20,000 empty loops") {
  check_accepted(function(repeat(30'000, kBlock + kI32 + ModuleBytes{0x0d, 0x00} + kEnd)));
  check_accepted(function(repeat(20'000, {0x03, 0x40, 0x0b})));
}

TEST_CASE("validate: one function of 5 MB, and 20 MB of nops") {
  check_accepted(function(repeat(1'250'000, {0x41, 0x01, 0x1a, 0x01})));
  check_accepted(function(repeat(20'000'000, {0x01})));
}

TEST_CASE("validate: an operand stack without end is refused") {
  check_accepted(function(repeat(500'000, kI32) + ModuleBytes{0x00}));
  CHECK(refused(function(repeat(2'500'000, kI32) + ModuleBytes{0x00})).kind == ErrorKind::unsupported);
  // 1000 results a call: two bytes make 1000 operands
  ModuleBytes type = ModuleBytes{0x60, 0x00} + vec(1000, repeat(1000, {0x7f}));
  const auto body = sized(kNoLocals + repeat(1'000'000, {0x10, 0x00}) + ModuleBytes{0x00, 0x0b});
  const auto bytes =
      kHeader + section(kType, vec(1, type)) + section(kFunction, vec(1, {0x00})) + section(kCode, vec(1, body));
  CHECK(refused(bytes).kind == ErrorKind::unsupported);
}

TEST_CASE("validate: the first error of the module is reported, whatever the number of threads") {
  ModuleBytes code;
  constexpr std::size_t kCount = 2000;
  for (std::size_t i = 0; i < kCount; ++i)
    code += sized(i >= 700 && i % 3 == 1 ? ModuleBytes{0x00, 0x6a, 0x0b} : ModuleBytes{0x00, 0x01, 0x0b});
  const auto bytes = kHeader + section(kType, vec(1, {0x60, 0x00, 0x00})) +
                     section(kFunction, vec(kCount, repeat(kCount, {0x00}))) + section(kCode, vec(kCount, code));
  for (const unsigned threads : {1U, 2U, 4U, 0U})
    for (int i = 0; i < 20; ++i) {
      const auto status = judge(bytes, CoreFeatures::V3, threads);
      REQUIRE_FALSE(status);
      CHECK(status.error().message == "function 700: i32.add: type mismatch: expected i32, found nothing");
    }
}

TEST_CASE("validate: an instruction of a feature that is off names it") {
  const auto message = [](const ModuleBytes& bytes, Feature feature) {
    const auto error = refused(bytes, CoreFeatures::all.with(feature, false));
    CHECK(error.kind == ErrorKind::unsupported);
    return error.message;
  };
  const auto v128 = ModuleBytes{0xfd, 0x0c} + repeat(16, {0x00});
  CHECK(message(function(v128 + kDrop), Feature::simd) ==
        "function 0: v128.const: the instruction v128.const needs the feature \"simd\", which is disabled");
  CHECK(message(function(v128 + v128 + ModuleBytes{0xfd, 0x80, 0x02} + kDrop), Feature::relaxed_simd) ==
        "function 0: i8x16.relaxed_swizzle: the instruction i8x16.relaxed_swizzle needs the feature \"relaxed-simd\", "
        "which is disabled");
  CHECK(message(function(kI32 + ModuleBytes{0xc0} + kDrop), Feature::sign_extension_ops) ==
        "function 0: i32.extend8_s: the instruction i32.extend8_s needs the feature \"sign-extension-ops\", which is "
        "disabled");
  CHECK(message(function({0x12, 0x00}), Feature::tail_call) ==
        "function 0: return_call: the instruction return_call needs the feature \"tail-call\", which is disabled");
  CHECK(message(function({0x06, 0x40, 0x0b}), Feature::legacy_exceptions) ==
        "function 0: try: the instruction try needs the feature \"legacy-exceptions\", which is disabled");
  CHECK(message(function({0xfe, 0x03, 0x00}), Feature::threads) ==
        "function 0: atomic.fence: the instruction atomic.fence needs the feature \"threads\", which is disabled");
  CHECK(message(function(kI32 + ModuleBytes{0xfb, 0x1c} + kDrop), Feature::gc) ==
        "function 0: ref.i31: the instruction ref.i31 needs the feature \"gc\", which is disabled");
  CHECK(message(function({0x02, 0x00, 0x0b}), Feature::multi_value) ==
        "function 0: block: a block with a type index needs the feature \"multi-value\", which is disabled");
}

TEST_CASE("validate: dead code is checked, and the sink is not told of it") {
  CHECK(refused(function({0x00, 0x42, 0x00, 0x6a, 0x1a})).message ==
        "function 0: i32.add: type mismatch: expected i32, found i64");
  const auto bytes = function({0x02, 0x40, 0x0c, 0x00, 0x6a, 0x1a, 0x0b, 0x01});  // block br 0 i32.add drop end nop
  const auto module = decode(bytes, CoreFeatures::V3);
  REQUIRE(module);
  CheckingSink sink;
  REQUIRE(FunctionReader<CheckingSink>(*module, sink).read(0));
  CHECK(sink.instructions == 5);  // block, br, end, nop, end
}

TEST_CASE("validate: constant expressions are typed, and see only the globals before them") {
  const auto global = [](const ModuleBytes& content, std::size_t count = 1) {
    return kHeader + section(kGlobal, vec(count, content));
  };
  CHECK(judge(global({0x7f, 0x00, 0x41, 0x01, 0x0b, 0x7f, 0x00, 0x23, 0x00, 0x0b}, 2)));
  CHECK(refused(global({0x7f, 0x00, 0x42, 0x01, 0x0b})).message ==
        "global 0: end: type mismatch: expected i32, found i64");
  CHECK(refused(global({0x7f, 0x00, 0x23, 0x00, 0x0b})).message ==
        "global 0: global.get: unknown global 0: there are 0");
  CHECK(refused(global({0x7f, 0x00, 0x0b})).message == "global 0: end: type mismatch: expected i32, found nothing");
  CHECK(refused(global({0x7f, 0x00, 0x41, 0x00, 0x67, 0x0b})).message ==
        "global section: global 0: constant expression required: i32.clz is none");
  CHECK(refused(kHeader + section(kGlobal, vec(2, {0x7f, 0x01, 0x41, 0x01, 0x0b, 0x7f, 0x00, 0x23, 0x00, 0x0b})))
            .message == "global 1: global.get: constant expression required: global 0 is mutable");
}
