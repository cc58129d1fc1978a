#include "wasm/decoder.h"

#include "module_bytes.h"
#include "wasm/validator.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace wzrun;
using namespace wzrun::wasm;
using namespace wzrun::wasm::test;

namespace {

/// A module with every section: what is cut and flipped below.
ModuleBytes specimen() {
  return kHeader + custom("first", {1, 2, 3}) +
         section(kType, vec(3, {0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00})) +
         section(kImport, vec(1, text("env") + text("log") + ModuleBytes{0x00, 0x02})) +
         section(kFunction, vec(2, {0x00, 0x01})) + section(kTable, vec(1, {0x70, 0x00, 0x04})) +
         section(kMemory, vec(1, {0x01, 0x01, 0x02})) + section(kTag, vec(1, {0x00, 0x02})) +
         section(kGlobal, vec(2, {0x7f, 0x01, 0x41, 0x80, 0x08, 0x0b, 0x7e, 0x00, 0x42, 0x00, 0x0b})) +
         section(kExport, vec(2, text("run") + ModuleBytes{0x00, 0x01} + text("memory") + ModuleBytes{0x02, 0x00})) +
         section(kStart, {0x01}) + section(kElement, vec(1, {0x00, 0x41, 0x00, 0x0b, 0x02, 0x01, 0x02})) +
         section(kDataCount, {0x01}) +
         section(kCode, vec(2, sized({0x01, 0x02, 0x7f, 0x02, 0x40, 0x41, 0x05, 0x10, 0x02, 0x21, 0x00, 0x0b, 0x0b}) +
                                   sized({0x00, 0x20, 0x00, 0x04, 0x7f, 0x41, 0x01, 0x05, 0x23, 0x00, 0x0b, 0x0b}))) +
         section(kData, vec(1, {0x00, 0x41, 0x08, 0x0b, 0x03, 'a', 'b', 'c'})) + custom("name", {0x01, 0x00});
}

Error refused(const ModuleBytes& bytes, CoreFeatures features = CoreFeatures::V3) {
  auto module = decode(bytes, features);
  if (module) {
    auto status = validate(*module);
    REQUIRE_FALSE(status);
    return status.error();
  }
  return module.error();
}

void check_malformed(const ModuleBytes& bytes, std::string_view message, std::uint64_t offset) {
  const auto error = refused(bytes);
  CHECK(error.kind == ErrorKind::malformed);
  CHECK(error.message == message);
  CHECK(error.offset == offset);
}

bool accepted(const ModuleBytes& bytes, CoreFeatures features = CoreFeatures::V3) {
  const auto module = decode(bytes, features);
  return module && validate(*module);
}

const ModuleBytes kHugeCount = {0xff, 0xff, 0xff, 0xff, 0x0f};

}  // namespace

TEST_CASE("decode: the specimen is valid, and what it says is found in the module") {
  const auto bytes = specimen();
  const auto module = decode(bytes, CoreFeatures::V3);
  REQUIRE_MESSAGE(module, module.error().to_string());
  CHECK(validate(*module));
  CHECK(module->functions.size() == 3);
  CHECK(module->imported_functions == 1);
  CHECK(module->imports[0].name == "log");
  CHECK(module->memories[0].limits.max == 2);
  CHECK(module->globals[0].type.is_mutable);
  CHECK(module->exports[1].kind == ExternKind::memory);
  CHECK(module->start == 1);
  CHECK(module->elements[0].function_indices == std::vector<std::uint32_t>{1, 2});
  CHECK(module->data[0].bytes.size() == 3);
  CHECK(module->custom_sections.size() == 2);
  CHECK(module->functions[1].is_declared);
}

TEST_CASE("decode: cut anywhere, a module is refused as malformed, unless whole sections are missing from its end") {
  const auto whole = specimen();
  int valid = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ModuleBytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto module = decode(cut, CoreFeatures::V3);
    if (module) {
      ++valid;
      CHECK(validate(*module));
      continue;
    }
    CHECK(module.error().kind == ErrorKind::malformed);
    CHECK(module.error().offset <= size);
  }
  CHECK(valid == 5);  // behind the header, the first custom section, types, imports, and before the last custom section
}

TEST_CASE("decode: bytes flipped at random never do worse than an error") {
  std::mt19937 random;  // NOLINT(bugprone-random-generator-seed): the same bytes in every run
  const auto whole = specimen();
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = whole;
    for (auto flips = random() % 4 + 1; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
    const auto module = decode(bytes, CoreFeatures::all);
    if (module) {
      const auto status = validate(*module);
      CHECK((status || status.error().offset <= bytes.size()));
    } else {
      CHECK(module.error().offset <= bytes.size());
    }
  }
}

TEST_CASE("decode: what is no module says so") {
  check_malformed({}, "unexpected end of section or function: 4 bytes wanted, 0 left", 0);
  check_malformed({'#', '!', '/', 'b', 'i', 'n'}, "magic header not detected: this is not a WebAssembly module", 0);
  check_malformed({0x00, 0x61, 0x73, 0x6d, 0x02, 0x00, 0x00, 0x00}, "unknown binary version", 4);
  check_malformed({0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00},
                  "unknown binary version: this is a component, not a core module", 4);
}

TEST_CASE("decode: sections that are unknown, too long, doubled or out of order are malformed") {
  check_malformed(kHeader + ModuleBytes{0x0e, 0x00}, "malformed section id: 14", 8);
  check_malformed(kHeader + ModuleBytes{0x01, 0x05, 0x00}, "type section: length out of bounds: 5 bytes wanted, 1 left",
                  9);
  check_malformed(kHeader + ModuleBytes{0x01} + kHugeCount,
                  "type section: length out of bounds: 4294967295 bytes wanted, 0 left", 9);
  check_malformed(kHeader + section(kType, {0x00}) + section(kType, {0x00}),
                  "type section: unexpected content after last section: the section stands twice", 11);
  check_malformed(kHeader + section(kMemory, {0x00}) + section(kTable, {0x00}),
                  "table section: unexpected content after last section: sections are out of order", 11);
  check_malformed(kHeader + section(kGlobal, {0x00}) + section(kTag, {0x00}),
                  "tag section: unexpected content after last section: sections are out of order", 11);
  check_malformed(kHeader + section(kType, {0x00, 0x00}), "type section: section size mismatch: 1 bytes too many", 11);
  CHECK(accepted(kHeader + section(kMemory, {0x00}) + section(kTag, {0x00}) + section(kGlobal, {0x00})));
}

TEST_CASE("decode: counts of 2^32-1 are refused before anything is reserved") {
  for (const std::uint8_t id : {kType, kImport, kFunction, kTable, kMemory, kGlobal, kExport, kElement, kData, kTag}) {
    const auto error = refused(kHeader + section(id, kHugeCount));
    CHECK(error.kind == ErrorKind::malformed);
    CHECK(error.message.find("length out of bounds") != std::string::npos);
  }
  check_malformed(
      kHeader + section(kCode, kHugeCount),
      "code section: function and code section have inconsistent lengths: 4294967295 bodies for 0 functions", 10);
  check_malformed(kHeader + section(kType, vec(1, ModuleBytes{0x60} + kHugeCount)),
                  "type section: type 0: length out of bounds: 4294967295 bytes wanted, 0 left", 12);
}

TEST_CASE("decode: data count and data section must agree") {
  const auto data = section(kData, vec(1, {0x01, 0x00}));
  check_malformed(kHeader + section(kDataCount, {0x02}) + data,
                  "data count and data section have inconsistent lengths: 2 and 1", 16);
  check_malformed(kHeader + section(kDataCount, {0x01}),
                  "data count and data section have inconsistent lengths: 1 and 0", 11);
  CHECK(accepted(kHeader + section(kDataCount, {0x01}) + data));
}

TEST_CASE("decode: functions and bodies must be as many") {
  const auto types = section(kType, vec(1, {0x60, 0x00, 0x00}));
  check_malformed(kHeader + types + section(kFunction, vec(1, {0x00})),
                  "function and code section have inconsistent lengths: no bodies for 1 functions", 18);
  check_malformed(kHeader + types + section(kFunction, vec(1, {0x00})) + section(kCode, {0x00}),
                  "code section: function and code section have inconsistent lengths: 0 bodies for 1 functions", 20);
}

TEST_CASE("decode: names are UTF-8, also those of custom sections") {
  check_malformed(kHeader + section(0, text("\xff")), "custom section: malformed UTF-8 encoding", 11);
}

TEST_CASE("decode: an error about an import quotes its names, harmless to a terminal") {
  const auto bytes = kHeader + section(kImport, vec(1, text("a\x1b[31m") + text("b\"\n") + ModuleBytes{0x00, 0x09}));
  CHECK(refused(bytes).message == R"(import section: import 0: "a\1b[31m"."b\22\0a": unknown type 9)");
}

TEST_CASE("decode: a name of a megabyte is cut in an error") {
  const auto bytes =
      kHeader + section(kImport, vec(1, text(std::string(1'000'000, 'x')) + text("") + ModuleBytes{0x00, 0x09}));
  CHECK(refused(bytes).message.size() < 300);
}

TEST_CASE("decode: an export name must not stand twice") {
  const auto bytes = function(
      {}, section(kExport, vec(2, text("same") + ModuleBytes{0x00, 0x00} + text("same") + ModuleBytes{0x00, 0x00})));
  const auto error = refused(bytes);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK(error.message == "export section: duplicate export name \"same\"");
}

TEST_CASE("decode: limits are checked where they stand") {
  const auto error = refused(kHeader + section(kMemory, vec(1, {0x01, 0x02, 0x01})));
  CHECK(error.kind == ErrorKind::invalid);
  CHECK(error.offset == 11);
  CHECK(error.message == "memory section: memory 0: size minimum must not be greater than maximum: 2 and 1");
  check_malformed(kHeader + section(kMemory, vec(1, {0x08, 0x00})),
                  "memory section: memory 0: malformed limits flags: 0x08", 11);
}

TEST_CASE("decode: a feature that is off is named by the error") {
  const auto message = [](const ModuleBytes& bytes, Feature feature) {
    REQUIRE(accepted(bytes, CoreFeatures::all));
    const auto error = refused(bytes, CoreFeatures::all.with(feature, false));
    CHECK(error.kind == ErrorKind::unsupported);
    return error.message;
  };
  const auto needs = [](const std::string& what, Feature feature) {
    return what + " needs the feature \"" + std::string(to_string(feature)) + "\", which is disabled";
  };
  const auto type = [](const ModuleBytes& t) { return kHeader + section(kType, vec(1, t)); };
  CHECK(message(type({0x60, 0x01, 0x7b, 0x00}), Feature::simd) ==
        needs("type section: type 0: the type v128", Feature::simd));
  CHECK(message(type({0x60, 0x01, 0x6f, 0x00}), Feature::reference_types) ==
        needs("type section: type 0: the type externref", Feature::reference_types));
  CHECK(message(type({0x60, 0x01, 0x6e, 0x00}), Feature::gc) ==
        needs("type section: type 0: the type anyref", Feature::gc));
  CHECK(message(type({0x60, 0x01, 0x69, 0x00}), Feature::exception_handling) ==
        needs("type section: type 0: the type exnref", Feature::exception_handling));
  CHECK(message(type({0x60, 0x01, 0x64, 0x70, 0x00}), Feature::typed_function_references) ==
        needs("type section: type 0: a reference to a heap type", Feature::typed_function_references));
  CHECK(message(type({0x5f, 0x00}), Feature::gc) == needs("type section: type 0: a structure type", Feature::gc));
  CHECK(message(type({0x60, 0x00, 0x02, 0x7f, 0x7f}), Feature::multi_value) ==
        needs("type section: type 0: invalid result arity: more than one result", Feature::multi_value));
  CHECK(message(kHeader + section(kMemory, vec(2, {0x00, 0x00, 0x00, 0x00})), Feature::multi_memory) ==
        needs("memory section: memory 1: multiple memories", Feature::multi_memory));
  CHECK(message(kHeader + section(kMemory, vec(1, {0x04, 0x00})), Feature::memory64) ==
        needs("memory section: memory 0: malformed limits flags: 0x04: an i64 index type", Feature::memory64));
  CHECK(message(kHeader + section(kMemory, vec(1, {0x03, 0x00, 0x01})), Feature::threads) ==
        needs("memory section: memory 0: malformed limits flags: 0x03: a shared memory", Feature::threads));
  CHECK(message(kHeader + section(kImport, vec(1, text("m") + text("g") + ModuleBytes{0x03, 0x7f, 0x01})),
                Feature::mutable_global) ==
        needs("import section: import 0: \"m\".\"g\": importing a mutable global", Feature::mutable_global));
  CHECK(message(kHeader + section(kDataCount, {0x00}), Feature::bulk_memory_operations) ==
        needs("data count section: the section", Feature::bulk_memory_operations));
  CHECK(message(kHeader + section(kGlobal, vec(1, {0x7f, 0x00, 0x41, 0x01, 0x41, 0x01, 0x6a, 0x0b})),
                Feature::extended_const) ==
        needs("global 0: i32.add: the instruction i32.add", Feature::extended_const));
}

TEST_CASE("decode: 10^6 tiny functions are read") {
  constexpr std::size_t kCount = 1'000'000;
  const auto bytes = kHeader + section(kType, vec(1, {0x60, 0x00, 0x00})) +
                     section(kFunction, vec(kCount, repeat(kCount, {0x00}))) +
                     section(kCode, vec(kCount, repeat(kCount, {0x02, 0x00, 0x0b})));
  CHECK(accepted(bytes));
}
