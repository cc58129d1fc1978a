#include "version.h"

#include "command.h"
#include "options.h"
#include "report.h"

#include "wzrun/features.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace wzrun::cmd {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Where compiled code is kept, or why nowhere.
std::string cache_directory() {
  if (const auto dir = variable("WZRUN_CACHE_DIR"); !dir.empty())
    return dir;
  if (const auto dir = variable("XDG_CACHE_HOME"); dir.starts_with('/'))  // others are to be ignored
    return dir + "/wzrun";
  if (const auto home = variable("HOME"); !home.empty())
    return home + "/.cache/wzrun";
  return "none, because HOME is not set";
}

}  // namespace

int version_main(Words words, StartTime) {
  Options options("version", "wzrun version", "", [](CLI::App&) {});
  const auto operands = read_operands(options, words);
  if (!operands)
    return fail(operands.error().message);
  if (!*operands)
    return print(options.help());
  if (!(*operands)->empty())
    return fail("version takes no arguments");
  return print(
      fmt::format("wzrun {}\n"
                  "build     {}\n"
                  "engines   interp\n"
                  "target    {}\n"
                  "features  {}\n"
                  "cache     {}\n",
                  kVersion, kBuildId, kTarget, CoreFeatures::all.to_string(), printable(cache_directory())));
}

}  // namespace wzrun::cmd
