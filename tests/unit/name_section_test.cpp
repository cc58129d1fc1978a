#include "wasm/name_section.h"

#include "module_bytes.h"
#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <string>

using namespace wzrun;
using namespace wzrun::wasm;
using namespace wzrun::wasm::test;

namespace {

ModuleBytes subsection(std::uint8_t id, const ModuleBytes& content) { return ModuleBytes{id} + sized(content); }

const ModuleBytes kFunctionNames = subsection(1, vec(2, leb(0) + text("main") + leb(7) + text("helper")));

}  // namespace

TEST_CASE("names: module, functions and locals are found by index") {
  const auto bytes = subsection(0, text("app")) + kFunctionNames +
                     subsection(2, vec(2, leb(0) + vec(1, leb(3) + text("x")) + leb(7) + vec(1, leb(0) + text("y"))));
  const NameSection names{Bytes(bytes)};
  CHECK(names.module_name() == "app");
  CHECK(names.function_name(0) == "main");
  CHECK(names.function_name(7) == "helper");
  CHECK(names.function_name(1).empty());
  CHECK(names.local_name(0, 3) == "x");
  CHECK(names.local_name(7, 0) == "y");
  CHECK(names.local_name(7, 1).empty());
}

TEST_CASE("names: indices out of order are found, and the first of two names counts") {
  const auto bytes = subsection(1, vec(3, leb(9) + text("nine") + leb(2) + text("two") + leb(9) + text("again")));
  const NameSection names{Bytes(bytes)};
  CHECK(names.function_name(9) == "nine");
  CHECK(names.function_name(2) == "two");
}

TEST_CASE("names: invalid UTF-8 and control characters are kept as they are") {
  const auto bytes = subsection(1, vec(1, leb(0) + text("\x1b[31m\xff")));
  CHECK(NameSection{Bytes(bytes)}.function_name(0) == "\x1b[31m\xff");
}

TEST_CASE("names: a damaged section gives the names before the damage") {
  const auto whole = subsection(0, text("app")) + kFunctionNames;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const NameSection names{Bytes(whole).first(size)};
    CHECK((names.function_name(7).empty() || names.function_name(7) == "helper"));
  }
  const auto cut = Bytes(whole).first(whole.size() - 3);
  CHECK(NameSection{cut}.function_name(0) == "main");
  CHECK(NameSection{cut}.function_name(7).empty());
}

TEST_CASE("names: a count of 2^32-1 reserves nothing") {
  const auto bytes = subsection(1, {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x01, 'a'});
  CHECK(NameSection{Bytes(bytes)}.function_name(0) == "a");
  const auto locals = subsection(2, {0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0xff, 0xff, 0xff, 0xff, 0x0f});
  CHECK(NameSection{Bytes(locals)}.local_name(0, 0).empty());
}

TEST_CASE("names: a module without a name section, or with a damaged one, decodes") {
  CHECK(NameSection(*decode(kHeader, CoreFeatures::V3)).function_name(0).empty());
  const auto bytes = kHeader + custom("name", {0x01, 0xff, 0xff});
  const auto module = decode(bytes, CoreFeatures::V3);
  REQUIRE(module);
  CHECK(NameSection(*module).function_name(0).empty());
}

TEST_CASE("names: a name of a megabyte is a view") {
  const std::string long_name(1'000'000, 'x');
  const auto bytes = subsection(1, vec(1, leb(0) + text(long_name)));
  CHECK(NameSection{Bytes(bytes)}.function_name(0) == long_name);
}
