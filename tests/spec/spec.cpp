// The specification's test scripts, by feature: each test prints a row of the table and compares it with the
// manifest's counts. ctest runs each as a test of its own.

#include "spec/script_support.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace wzrun::spec {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kSpectest = fs::path(WZRUN_SHARED_DIR) / "spectest";

/// Runs the scripts of a feature; `failing` commands are known to fail, because what they need is not built yet.
void check_feature(std::string_view feature, CoreFeatures features, std::uint64_t failing = 0) {
  constexpr std::size_t kShown = 40;
  if (!fs::exists(kSpectest)) {
    MESSAGE("skipped: there is no ", kSpectest.string(), "; set WZRUN_SHARED_DIR");
    return;
  }
  const auto manifest = json::parse(std::ifstream(kSpectest / "MANIFEST.json"));
  Counts counts;
  std::size_t files = 0, shown = 0;
  for (const auto& file : manifest["files"]) {
    if (file["feature"] != feature)
      continue;
    const auto path = file["path"].get<std::string>();
    const auto report = run_script(kSpectest / path, features);
    CHECK_MESSAGE(report.counts.total() == file["total"].get<std::uint64_t>(), path);
    counts += report.counts;
    files++;
    for (const auto& failure : report.failures) {
      if (shown++ < kShown)
        fmt::print(stderr, "  {}\n", failure);
    }
  }
  fmt::print("{:<18} {:>3} files: {:>6} passed {:>5} failed {:>4} text {:>4} threads, of {}\n", feature, files,
             counts.passed, counts.failed, counts.text, counts.threads, counts.total());

  const auto& expected = manifest["by_feature"][std::string(feature)];
  CHECK(files == expected["files"].get<std::size_t>());
  CHECK(counts.total() == expected["total"].get<std::uint64_t>());
  CHECK(counts.text == expected["text_modules"].get<std::uint64_t>());
  CHECK(counts.failed == failing);
}

}  // namespace

TEST_CASE("mvp: every command passes") { check_feature("mvp", CoreFeatures::V3); }
TEST_CASE("core-2.0: every command passes") { check_feature("core-2.0", CoreFeatures::V3); }
TEST_CASE("simd: every command passes") { check_feature("simd", CoreFeatures::V3); }
TEST_CASE("bulk-memory: every command passes") { check_feature("bulk-memory", CoreFeatures::V3); }
TEST_CASE("memory64: every command passes") { check_feature("memory64", CoreFeatures::V3); }
TEST_CASE("multi-memory: every command passes") { check_feature("multi-memory", CoreFeatures::V3); }
TEST_CASE("relaxed-simd: every command passes") { check_feature("relaxed-simd", CoreFeatures::V3); }

// Decoded and validated completely; what the interpreter lacks of 3.0 is counted.
TEST_CASE("core-3.0: as expected") { check_feature("core-3.0", CoreFeatures::V3, 3); }
TEST_CASE("gc: as expected") { check_feature("gc", CoreFeatures::V3, 487); }
TEST_CASE("exceptions: as expected") { check_feature("exceptions", CoreFeatures::V3, 67); }
// The proposal is based on 2.0, where a second memory is invalid.
TEST_CASE("threads: as expected") {
  check_feature("threads", CoreFeatures::all.with(Feature::multi_memory, false), 161);
}
TEST_CASE("legacy-exceptions: as expected") { check_feature("legacy-exceptions", CoreFeatures::all, 67); }

}  // namespace wzrun::spec
