#include "wasm/bodies.h"

#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace wzrun::wasm {
namespace {

std::vector<std::uint8_t> read_module(const char* name) {
  std::ifstream in(std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("bodies: without them a module decodes to the same but for them") {
  for (const auto* name : {"hello.wasm", "cli/math.wasm", "cli/file.wasm", "cli/escapes.wasm", "spectest.wasm"}) {
    CAPTURE(name);
    const auto bytes = read_module(name);
    const auto whole = decode(bytes, CoreFeatures::all);
    REQUIRE(whole);
    const auto rest = without_bodies(*whole);
    CHECK(rest.size() <= bytes.size());
    const auto module = decode(rest, CoreFeatures::all, {.bodies_are_absent = true});
    REQUIRE(module);
    CHECK(module->functions.size() == whole->functions.size());
    CHECK(module->defined_functions() == whole->code.size());
    CHECK(module->code.empty());
    CHECK(module->imports.size() == whole->imports.size());
    CHECK(module->exports.size() == whole->exports.size());
    CHECK(module->globals.size() == whole->globals.size());
    CHECK(module->start == whole->start);
    CHECK(module->data.size() <= whole->data.size());  // merged_data_test.cpp says more
    REQUIRE(module->custom_sections.size() == whole->custom_sections.size());
    for (std::size_t i = 0; i < module->custom_sections.size(); i++) {
      CHECK(module->custom_sections[i].name == whole->custom_sections[i].name);
      CHECK(std::ranges::equal(module->custom_sections[i].bytes, whole->custom_sections[i].bytes));
    }
    for (const auto& body : module->code)
      CHECK(body.bytes.empty());
  }
}

TEST_CASE("bodies: a count that is not that of the functions is malformed") {
  const auto bytes = read_module("cli/math.wasm");
  const auto whole = decode(bytes, CoreFeatures::all);
  REQUIRE(whole);
  auto rest = without_bodies(*whole);
  const auto at = std::ranges::search(rest, std::vector<std::uint8_t>{10, 1});
  REQUIRE_FALSE(at.empty());
  at[2]++;
  const auto module = decode(rest, CoreFeatures::all, {.bodies_are_absent = true});
  REQUIRE_FALSE(module);
  CHECK(module.error().kind == ErrorKind::malformed);
}

}  // namespace wzrun::wasm
