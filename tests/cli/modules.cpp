// validate, inspect and version.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

namespace wzrun::cli {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("validate: says nothing of valid modules") {
  const auto run = wzrun({"validate", program("math"), program("args")});
  CHECK(run.out.empty());
  CHECK(run.err.empty());
  CHECK(run.status == 0);
}

TEST_CASE("validate: one line for each module that is not valid, and goes on") {
  const TemporaryFolder folder;
  write_file(folder / "bad", "nonsense");
  const auto run = wzrun({"validate", folder / "bad", program("math"), folder / "absent"});
  CHECK(run.status == 125);
  CHECK(run.err.starts_with("wzrun: " + (folder / "bad") + ": 0x0: "));
  CHECK(contains(run.err, "\nwzrun: " + (folder / "absent") + ": No such file or directory"));
  CHECK(std::ranges::count(run.err, '\n') == 2);
}

TEST_CASE("validate: features, options anywhere, names after --") {
  CHECK(wzrun({"validate", program("simd"), "--features", "v1"}).status == 125);
  CHECK(wzrun({"validate", "--features=v2", program("simd")}).status == 0);
  CHECK(wzrun({"validate", program("threads")}).status == 125);
  CHECK(wzrun({"validate", program("threads"), "--features=all"}).status == 0);
  const TemporaryFolder folder;
  write_file(folder / "--json", read_file(program("math")));
  CHECK(wzrun({"validate", "--", "--json"}, {.folder = folder.path()}).status == 0);
}

TEST_CASE("validate: reads - as standard input") {
  CHECK(wzrun({"validate", "-"}, {.input = read_file(program("math"))}).status == 0);
}

TEST_CASE("inspect: imports, exports, sections and features as text") {
  const auto run = wzrun({"inspect", program("imports")});
  CHECK(run.status == 0);
  CHECK(contains(run.out, "features: "));
  CHECK(contains(run.out, "imports: 3\n"));
  CHECK(contains(run.out, "  env seven (func (param i32) (result i32))\n"));
  CHECK(contains(run.out, "exports: 2\n"));
  CHECK(contains(run.out, "  _start (func)\n"));
  CHECK(contains(run.out, "  code "));
  CHECK(contains(run.out, "  custom "));
}

TEST_CASE("inspect: the same as JSON") {
  const auto run = wzrun({"inspect", "--json", program("imports")});
  CHECK(run.status == 0);
  const auto module = nlohmann::json::parse(run.out);
  CHECK(module["path"] == program("imports"));
  CHECK(module["size_bytes"] == read_file(program("imports")).size());
  CHECK(module["imports"].size() == 3);
  CHECK(module["imports"][1] ==
        nlohmann::json{
            {"module", "env"}, {"name", "seven"}, {"kind", "func"}, {"type", "(func (param i32) (result i32))"}});
  CHECK(module["exports"][0]["kind"] == "memory");
  std::size_t sum = 0;
  for (const auto& section : module["sections"])
    sum += section["size_bytes"].get<std::size_t>();
  CHECK(sum < read_file(program("imports")).size());
}

TEST_CASE("inspect: features are those that the module is not valid without") {
  const auto features = [](const char* name) {
    return nlohmann::json::parse(wzrun({"inspect", "--json", program(name)}).out)["features"];
  };
  CHECK(features("loop").empty());
  CHECK(features("simd") == nlohmann::json{"simd"});
  CHECK(features("threads") == nlohmann::json{"threads"});
  CHECK(features("math") == nlohmann::json{"multi-value", "reference-types", "simd"});
}

TEST_CASE("inspect: names are escaped") {
  const auto text = wzrun({"inspect", program("escapes")}).out;
  CHECK(contains(text, "  \\1b[31mred \\07bell\\c2\\9b (func)\n"));
  CHECK(!contains(text, "\x1b"));
  const auto json = wzrun({"inspect", "--json", program("escapes")}).out;
  CHECK(!contains(json, "\x1b"));
  CHECK(nlohmann::json::parse(json)["imports"][0]["module"] == "\x1b[31mred");
}

TEST_CASE("version: version, build, engines, target, features and the cache directory") {
  const auto version = [](std::vector<std::string> environment) {
    return wzrun({"version"}, {.environment = std::move(environment)}).out;
  };
  const auto text = version({"HOME=/home/me"});
  CHECK(text.starts_with("wzrun "));
  for (const auto* part : {"\nbuild ", "\nengines   interp", "\ntarget ", "\nfeatures ", "simd"})
    CHECK(contains(text, part));
  CHECK(contains(text, "\ncache     /home/me/.cache/wzrun\n"));
  CHECK(contains(version({"HOME=/home/me", "XDG_CACHE_HOME=/x"}), "\ncache     /x/wzrun\n"));
  CHECK(contains(version({"HOME=/home/me", "XDG_CACHE_HOME=x"}), "\ncache     /home/me/.cache/wzrun\n"));
  CHECK(contains(version({"XDG_CACHE_HOME=/x", "WZRUN_CACHE_DIR=/y"}), "\ncache     /y\n"));
  CHECK(contains(version({}), "\ncache     none, because HOME is not set\n"));
}

}  // namespace wzrun::cli
