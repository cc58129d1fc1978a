#include "command.h"
#include "json.h"
#include "load.h"
#include "options.h"
#include "quantity.h"
#include "report.h"
#include "sections.h"

#include "wzrun/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace wzrun::cmd {
namespace {

/// All that is printed about a module.
struct Inspection {
  std::string path;
  std::size_t size_bytes = 0;
  std::string name;
  std::vector<Section> sections;
  std::vector<External> imports;
  std::vector<External> exports;
  std::vector<Feature> features;  ///< without which it is invalid
};

std::string_view to_string(ExternalKind kind) {
  constexpr std::string_view kNames[] = {"func", "table", "memory", "global", "tag"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// Those of `candidates` without which the module is not valid, given that it is with `others` and all of them.
void find_needed(std::span<const std::uint8_t> module, std::span<const Feature> candidates, CoreFeatures& kept,
                 std::vector<Feature>& needed) {
  auto without = kept;
  for (const auto feature : candidates)
    without = without.with(feature, false);
  if (validate(module, without, std::thread::hardware_concurrency())) {
    kept = without;
    return;
  }
  if (candidates.size() == 1) {
    needed.push_back(candidates.front());
    return;
  }
  // The later half goes first: it builds on the earlier one.
  const auto half = candidates.size() / 2;
  find_needed(module, candidates.subspan(half), kept, needed);
  find_needed(module, candidates.first(half), kept, needed);
}

std::vector<Feature> needed_features(std::span<const std::uint8_t> module) {
  static constexpr Feature kAll[] = {
#define WZRUN_FEATURE(name, text, release) Feature::name,
#include "wzrun/features.def"
#undef WZRUN_FEATURE
  };
  std::vector<Feature> needed;
  auto kept = CoreFeatures::all;
  find_needed(module, kAll, kept, needed);
  std::ranges::sort(needed);
  return needed;
}

Expected<Inspection> inspect(const std::string& path, const ModuleBytes& bytes) {
  Runtime runtime(RuntimeConfig{}.with_features(CoreFeatures::all));
  const auto code = WZRUN_TRY(runtime.compile(bytes));
  return Inspection{
      path,           bytes.view().size(),          code.name(), read_sections(bytes.view()), code.imports(),
      code.exports(), needed_features(bytes.view())};
}

void add_features(std::string& text, const Inspection& module) {
  text += "features:";
  for (const auto feature : module.features)
    text.append(" ").append(wzrun::to_string(feature));
  text += module.features.empty() ? " none beyond the first release's core\n" : "\n";
}

std::string human(const Inspection& module) {
  auto text = fmt::format("{}: {}{}\n", printable(module.path), human_size(module.size_bytes),
                          module.name.empty() ? "" : ", module " + printable(module.name));
  add_features(text, module);
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "sections:\n");
  for (const auto& section : module.sections)
    fmt::format_to(out, "  {:<12} {:>12}{}\n", section.kind, human_size(section.size_bytes),
                   section.name.empty() ? "" : "  " + printable(section.name));
  fmt::format_to(out, "imports: {}\n", module.imports.size());
  for (const auto& item : module.imports)
    fmt::format_to(out, "  {} {} {}\n", printable(item.module), printable(item.name), item.type);
  fmt::format_to(out, "exports: {}\n", module.exports.size());
  for (const auto& item : module.exports)
    fmt::format_to(out, "  {} {}\n", printable(item.name), item.type);
  return text;
}

/// `[` the elements as `to_json` writes them, one a line, `]`.
template <typename List, typename ToJson>
std::string json_list(const List& list, ToJson to_json) {
  std::string text = "[";
  for (const auto& element : list)
    text.append(text == "[" ? "\n    " : ",\n    ").append(to_json(element));
  return text + (text == "[" ? "]" : "\n  ]");
}

std::string json_external(const External& item, bool is_import) {
  return fmt::format(R"({{{}"name": {}, "kind": "{}", "type": {}}})",
                     is_import ? fmt::format(R"("module": {}, )", json_string(item.module)) : "",
                     json_string(item.name), to_string(item.kind), json_string(item.type));
}

std::string json(const Inspection& module) {
  return fmt::format(
      "{{\n"
      "  \"path\": {},\n"
      "  \"size_bytes\": {},\n"
      "  \"name\": {},\n"
      "  \"features\": {},\n"
      "  \"sections\": {},\n"
      "  \"imports\": {},\n"
      "  \"exports\": {}\n"
      "}}\n",
      json_string(module.path), module.size_bytes, json_string(module.name),
      json_list(module.features, [](Feature feature) { return json_string(wzrun::to_string(feature)); }),
      json_list(module.sections,
                [](const Section& section) {
                  return fmt::format(R"({{"kind": "{}", "name": {}, "offset": {}, "size_bytes": {}}})", section.kind,
                                     json_string(section.name), section.offset, section.size_bytes);
                }),
      json_list(module.imports, [](const External& item) { return json_external(item, true); }),
      json_list(module.exports, [](const External& item) { return json_external(item, false); }));
}

}  // namespace

int inspect_main(Words words, StartTime) {
  bool as_json = false;
  Options options("inspect", "wzrun inspect [OPTIONS] MODULE",
                  "Features are those without which the module is not valid.\n\n"
                  "Examples:\n"
                  "  wzrun inspect app.wasm\n"
                  "  wzrun inspect --json app.wasm | jq '.imports[].module'\n",
                  [&](OptionList& list) { list.flag("--json", as_json, "print JSON"); });
  const auto paths = read_operands(options, words);
  if (!paths)
    return fail(paths.error().message);
  if (!*paths)
    return print(options.help());
  if ((*paths)->size() != 1)
    return fail(
        fmt::format("{}: {}", (*paths)->empty() ? "no module given" : "inspect takes one module", options.see_help()));
  const auto& path = (*paths)->front();
  const auto bytes = ModuleBytes::from_file(path);
  if (!bytes)
    return fail(path, explain_unreadable(bytes.error(), path));
  const auto module = inspect(path, *bytes);
  if (!module)
    return fail(path, explain(module.error(), bytes->view()));
  return print(as_json ? json(*module) : human(*module));
}

}  // namespace wzrun::cmd
