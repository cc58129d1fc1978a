// The preview 1 programs of wasi-testsuite, each in a fresh copy of the directory that it wants.

#include "temp_dir.h"
#include "test_engine.h"
#include "wasi/program_support.h"
#include "wzrun/file_system.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace wzrun;
using nlohmann::json;
using test::TempDir;

namespace {

const fs::path kSuite = fs::path(WZRUN_SHARED_DIR) / "wasi-testsuite";
constexpr std::size_t kPrograms = 72;

std::vector<fs::path> programs() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator{kSuite})
    if (entry.path().extension() == ".wasm")
      found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

// Programs not to be run, and why: a line is `LANGUAGE/NAME: reason`.
std::map<std::string, std::string> skipped() {
  std::map<std::string, std::string> list;
  std::ifstream in{fs::path(__FILE__).parent_path() / "wasi_testsuite.skip"};
  for (std::string line; std::getline(in, line);)
    if (const auto colon = line.find(':'); !line.starts_with('#') && colon != line.npos)
      list[line.substr(0, colon)] = line.substr(colon + 2);
  return list;
}

/// The program's directory: a fresh copy on disk, or in memory.
enum class Root : std::uint8_t { directory, memory };

void copy_to_memory(const fs::path& from, FileNode& to) {
  for (const auto& entry : fs::directory_iterator{from}) {
    const auto name = entry.path().filename().string();
    std::ifstream in{entry.path()};
    if (entry.is_symlink())
      REQUIRE(to.make_link(name, fs::read_symlink(entry.path()).string()));
    else if (entry.is_regular_file())
      REQUIRE(write_file(to, name, std::string{std::istreambuf_iterator<char>{in}, {}}));
    else if (to.make_directory(name))
      copy_to_memory(entry.path(), **to.find(name));
  }
}

void check(const fs::path& program, Root root) {
  auto description = program;
  description.replace_extension(".json");
  const auto wanted = fs::exists(description) ? json::parse(std::ifstream{description}) : json::object();
  std::vector<std::string> args{program.stem().string()};
  for (const auto& argument : wanted.value("args", json::array()))
    args.push_back(argument);
  auto config = ModuleConfig{}.with_args(args);
  for (const auto& [key, value] : wanted.value("env", json::object()).items())
    config = config.with_env(key, value);
  const TempDir temp;
  if (wanted.contains("root") && root == Root::memory) {
    const auto memory = memory_file_system();
    copy_to_memory(program.parent_path() / wanted["root"].get<std::string>(), *memory);
    config = config.with_fs(FSConfig{}.with_file_system(memory, "/"));
  } else if (wanted.contains("root")) {
    fs::copy(program.parent_path() / wanted["root"].get<std::string>(), temp / "root", fs::copy_options::recursive);
    config = config.with_fs(FSConfig{}.with_directory(temp / "root", "/"));
  }
  const auto outcome = test::run_program(program, config);
  CAPTURE(outcome.errors);
  CAPTURE(outcome.trap);
  CHECK(outcome.status == wanted.value("exit_code", 0U));
  CHECK(outcome.output.starts_with(wanted.value("stdout", "")));
  CHECK(outcome.errors.starts_with(wanted.value("stderr", "")));
}

void check_all(Root root) {
  if (!fs::is_directory(kSuite)) {
    MESSAGE("skipped: all ", kPrograms, " programs, as there is no ", kSuite.string());
    return;
  }
  const auto all = programs();
  const auto skip = skipped();
  REQUIRE(all.size() == kPrograms);
  for (const auto& program : all) {
    const auto name = program.parent_path().filename().string() + "/" + program.stem().string();
    SUBCASE(name.c_str()) {
      if (const auto entry = skip.find(name); entry != skip.end())
        MESSAGE("skipped: ", name, ": ", entry->second);
      else
        check(program, root);
    }
  }
}

}  // namespace

TEST_CASE("wasi-testsuite: every program that is not listed as skipped passes") { check_all(Root::directory); }

TEST_CASE("wasi-testsuite: programs cannot tell a file system in memory from a directory") {
  if (test_engine() == "interpreter")  // the same code serves whatever runs the program
    check_all(Root::memory);
}
