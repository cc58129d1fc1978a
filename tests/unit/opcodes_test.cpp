#include "wasm/opcodes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>

using wzrun::CoreFeatures;
using wzrun::Feature;
using namespace wzrun::wasm;

namespace {

struct Row {
  std::string_view id;
  std::string_view text;
  std::uint32_t code;
};

constexpr Row kRows[] = {
#define WZRUN_OPCODE(code, id, text, feature) {#id, text, code},
#include "wasm/opcodes.def"
};

constexpr std::string_view kKeywords[] = {"if", "else", "return", "try", "catch", "throw"};

// Two codes that the text format writes alike.
bool shares_its_name(const Row& row) {
  return row.id == "select_t" || row.id == "ref_test_null" || row.id == "ref_cast_null";
}

}  // namespace

TEST_CASE("opcodes: the codes are unique and ascend") {
  CHECK(std::size(kRows) == kOpcodeCount);
  for (std::size_t i = 1; i < std::size(kRows); ++i)
    CHECK(kRows[i - 1].code < kRows[i].code);
}

TEST_CASE("opcodes: the names are unique, but for instructions with and without a type immediate") {
  std::set<std::string_view> names;
  for (const auto& row : kRows) {
    CAPTURE(row.text);
    CHECK(names.insert(row.text).second != shares_its_name(row));
  }
}

TEST_CASE("opcodes: the identifier is the name with underscores for dots, and one behind a keyword") {
  for (const auto& row : kRows) {
    if (shares_its_name(row))
      continue;
    CAPTURE(row.id);
    std::string expected(row.text);
    std::ranges::replace(expected, '.', '_');
    const bool is_keyword = std::ranges::find(kKeywords, row.text) != std::end(kKeywords);
    CHECK(std::string(row.id) == (is_keyword ? expected + "_" : expected));
  }
}

TEST_CASE("opcodes: an opcode and its code lead to each other") {
  for (std::size_t i = 0; i < kOpcodeCount; ++i) {
    const auto opcode = static_cast<Opcode>(i);
    const auto code = code_of(opcode);
    CAPTURE(to_string(opcode));
    CHECK(to_string(opcode) == kRows[i].text);
    if (code < 0x100)
      CHECK(opcode_of(static_cast<std::uint8_t>(code)) == opcode);
    else
      CHECK(opcode_of(static_cast<std::uint8_t>(code >> 16), code & 0xffff) == opcode);
  }
}

TEST_CASE("opcodes: an unassigned code has no instruction, whatever the number behind the prefix") {
  CHECK(opcode_of(0x16) == kNoOpcode);
  CHECK(opcode_of(0xff) == kNoOpcode);
  for (const std::uint8_t prefix : {0xfb, 0xfc, 0xfd, 0xfe}) {
    CAPTURE(int{prefix});
    CHECK(is_prefix(prefix));
    CHECK(opcode_of(prefix) == kNoOpcode);
    CHECK(opcode_of(prefix, 0x114) == kNoOpcode);
    CHECK(opcode_of(prefix, 0xffffffff) == kNoOpcode);
  }
  CHECK(opcode_of(0xfd, 154) == kNoOpcode);
  CHECK(opcode_of(0xfe, 4) == kNoOpcode);
  CHECK(opcode_of(0x6a, 0) == kNoOpcode);
  CHECK(to_string(kNoOpcode) == "(no instruction)");
}

TEST_CASE("opcodes: each proposal has as many instructions as its specification lists") {
  std::map<Feature, int> counts;
  int first_release = 0;
  for (std::size_t i = 0; i < kOpcodeCount; ++i) {
    if (const auto feature = feature_of(static_cast<Opcode>(i)))
      ++counts[*feature];
    else
      ++first_release;
  }
  CHECK(first_release == 172);
  CHECK(counts[Feature::sign_extension_ops] == 5);
  CHECK(counts[Feature::nontrapping_float_to_int_conversion] == 8);
  CHECK(counts[Feature::bulk_memory_operations] == 7);
  CHECK(counts[Feature::reference_types] == 9);
  CHECK(counts[Feature::simd] == 236);
  CHECK(counts[Feature::relaxed_simd] == 20);
  CHECK(counts[Feature::tail_call] == 2);
  CHECK(counts[Feature::typed_function_references] == 5);
  CHECK(counts[Feature::gc] == 32);
  CHECK(counts[Feature::exception_handling] == 3);
  CHECK(counts[Feature::legacy_exceptions] == 5);
  CHECK(counts[Feature::threads] == 67);
}

TEST_CASE("opcodes: an instruction is enabled with its proposal, and throw with either kind of exceptions") {
  CHECK(is_enabled(Opcode::i32_add, CoreFeatures()));
  CHECK_FALSE(is_enabled(Opcode::i32_extend8_s, CoreFeatures::V1));
  CHECK(is_enabled(Opcode::i32_extend8_s, CoreFeatures::V2));
  CHECK_FALSE(is_enabled(Opcode::throw_, CoreFeatures::V2));
  CHECK(is_enabled(Opcode::throw_, CoreFeatures::V3));
  CHECK(is_enabled(Opcode::throw_, CoreFeatures::V2.with(Feature::legacy_exceptions)));
  CHECK_FALSE(is_enabled(Opcode::try_table, CoreFeatures::V2.with(Feature::legacy_exceptions)));
}
