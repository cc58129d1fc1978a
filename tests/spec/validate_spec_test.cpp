// Every module of the specification's suite, judged by decode() and validate() alone.
#include "wasm/decoder.h"
#include "wasm/validator.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

using namespace wzrun;
using nlohmann::json;

namespace {

std::filesystem::path suite() {
  const char* const shared = std::getenv("WZRUN_SHARED_DIR");
#ifdef WZRUN_SHARED_DIR
  return std::filesystem::path(shared != nullptr ? shared : WZRUN_SHARED_DIR) / "spectest";
#else
  return std::filesystem::path(shared != nullptr ? shared : "../shared") / "spectest";
#endif
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

Expected<void> judge(const std::filesystem::path& path, CoreFeatures features) {
  const auto bytes = read_file(path);
  const auto module = WZRUN_TRY(wasm::decode(bytes, features));
  return wasm::validate(module);
}

/// The threads proposal is based on a release without several memories, and asserts so.
CoreFeatures features_of(const std::string& folder) {
  if (folder == "threads")
    return CoreFeatures::V3.with(Feature::threads).with(Feature::multi_memory, false);
  return folder == "legacy-exceptions" ? CoreFeatures::V3.with(Feature::legacy_exceptions) : CoreFeatures::V3;
}

struct Counts {
  std::map<std::string, int> judged;  ///< by command
  int malformed_text = 0;
  int wrong = 0;       ///< accepted or refused where the opposite is right
  int other_kind = 0;  ///< refused, but malformed for invalid or the reverse
  int other_text = 0;  ///< refused with words that lack the suite's
  std::vector<std::string> skipped;
};

class Script {
 public:
  Script(std::filesystem::path path, CoreFeatures features, Counts& counts)
      : path_(std::move(path)), features_(features), counts_(counts) {}

  void run() {
    std::ifstream in(path_);
    REQUIRE_MESSAGE(in.good(), path_.string());
    commands(json::parse(in).at("commands"));
  }

 private:
  void commands(const json& list) {
    for (const auto& command : list) {
      const std::string type = command.at("type");
      if (type == "thread")
        commands(command.at("commands"));
      else if (type == "module" || type == "module_definition" || type == "assert_unlinkable" ||
               type == "assert_uninstantiable")
        accept(type, command);
      else if (type == "assert_invalid" || type == "assert_malformed")
        refuse(type, command);
    }
  }

  std::string place(const json& command) const {
    return fmt::format("{}:{} ({})", path_.filename().string(), command.at("line").get<int>(),
                       command.at("filename").get<std::string>());
  }
  Expected<void> judge_module(const json& command) const {
    return judge(path_.parent_path() / command.at("filename").get<std::string>(), features_);
  }

  void accept(const std::string& type, const json& command) {
    ++counts_.judged[type];
    const auto result = judge_module(command);
    if (result)
      return;
    ++counts_.wrong;
    FAIL_CHECK(fmt::format("{}: {} refused: {}", place(command), type, result.error().to_string()));
  }

  void refuse(const std::string& type, const json& command) {
    ++counts_.judged[type];
    if (command.at("module_type") == "text") {
      ++counts_.malformed_text;
      counts_.skipped.push_back(place(command));
      return;
    }
    const auto result = judge_module(command);
    if (result) {
      ++counts_.wrong;
      FAIL_CHECK(
          fmt::format("{}: {} accepted, expected: {}", place(command), type, command.at("text").get<std::string>()));
      return;
    }
    const auto expected = type == "assert_invalid" ? ErrorKind::invalid : ErrorKind::malformed;
    const std::string text = command.at("text");
    const bool other_kind = result.error().kind != expected;
    const bool other_text = result.error().message.find(text) == std::string::npos;
    counts_.other_kind += other_kind;
    counts_.other_text += other_text;
    if ((other_kind || other_text) && std::getenv("WZRUN_SPEC_VERBOSE") != nullptr)
      fmt::print("{}: {} \"{}\": {} {}\n", place(command), type, text, to_string(result.error().kind),
                 result.error().to_string());
  }

  std::filesystem::path path_;
  CoreFeatures features_;
  Counts& counts_;
};

}  // namespace

TEST_CASE("the specification's suite: every valid module is accepted, every other one refused") {
  if (!std::filesystem::exists(suite())) {
    MESSAGE("skipped: there is no ", suite().string(), "; set WZRUN_SHARED_DIR");
    return;
  }
  const auto manifest = json::parse(std::ifstream(suite() / "MANIFEST.json"));

  std::map<std::string, Counts> folders;
  for (const auto& file : manifest.at("files")) {
    const std::string folder = file.at("feature");
    Script(suite() / file.at("path").get<std::string>(), features_of(folder), folders[folder]).run();
  }

  fmt::print("{:<18} {:>7} {:>8} {:>10} {:>5} {:>6} {:>6} {:>6}\n", "folder", "modules", "invalid", "malformed", "text",
             "wrong", "kind", "words");
  for (auto& [folder, counts] : folders) {
    auto& judged = counts.judged;
    fmt::print("{:<18} {:>7} {:>8} {:>10} {:>5} {:>6} {:>6} {:>6}\n", folder,
               judged["module"] + judged["module_definition"], judged["assert_invalid"],
               judged["assert_malformed"] - counts.malformed_text, counts.malformed_text, counts.wrong,
               counts.other_kind, counts.other_text);
    CAPTURE(folder);
    const auto& summary = manifest.at("by_feature").at(folder);
    for (const auto& [command, count] : judged)
      CHECK_MESSAGE(count == summary.at("commands").value(command, 0), command);
    CHECK(counts.malformed_text == summary.at("text_modules").get<int>());
    CHECK(counts.wrong == 0);
  }
  for (const auto& [folder, counts] : folders)
    for (const auto& name : counts.skipped)
      fmt::print("skipped, text format: {}: {}\n", folder, name);
}
