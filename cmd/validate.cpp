#include "command.h"
#include "feature_list.h"
#include "load.h"
#include "options.h"
#include "report.h"

#include "wzrun/runtime.h"

#include <string>
#include <thread>
#include <vector>

namespace wzrun::cmd {
namespace {

int validate_file(const std::string& path, CoreFeatures features) {
  const auto bytes = ModuleBytes::from_file(path);
  if (!bytes)
    return fail(path, explain_unreadable(bytes.error(), path));
  const auto valid = validate(bytes->view(), features, std::thread::hardware_concurrency());
  return valid ? 0 : fail(path, explain(valid.error(), bytes->view()));
}

}  // namespace

int validate_main(Words words, StartTime) {
  std::vector<std::string> lists;
  Options options("validate", "wzrun validate [OPTIONS] MODULE...",
                  "Says nothing of valid modules. The exit status is 0 if all are, else 125.\n\n"
                  "Examples:\n"
                  "  wzrun validate build/*.wasm\n"
                  "  wzrun validate --features v2 app.wasm    only what the second release has\n",
                  [&](OptionList& list) { add_features_option(list, lists); });
  const auto paths = read_operands(options, words);
  if (!paths)
    return fail(paths.error().message);
  if (!*paths)
    return print(options.help());
  if ((*paths)->empty())
    return fail("no module given: " + options.see_help());
  const auto features = parse_features(lists, CoreFeatures::V3);
  if (!features)
    return fail(features.error().message);
  int status = 0;
  for (const auto& path : **paths)
    status |= validate_file(path, *features);
  return status;
}

}  // namespace wzrun::cmd
