#include "version.h"

#include "cache_options.h"
#include "command.h"
#include "options.h"
#include "report.h"

#include "wzrun/features.h"

#include <fmt/format.h>

#include <string>

namespace wzrun::cmd {
namespace {

/// Where compiled code is kept, or why nowhere.
std::string cache_text() { return cache_directory({}).value_or("none, because HOME is not set"); }

}  // namespace

int version_main(Words words, StartTime) {
  Options options("version", "wzrun version", "", [](OptionList&) {});
  const auto operands = read_operands(options, words);
  if (!operands)
    return fail(operands.error().message);
  if (!*operands)
    return print(options.help());
  if (!(*operands)->empty())
    return fail("version takes no arguments");
  return print(fmt::format(
      "wzrun {}\n"
      "build     {}\n"
      "engines   {}\n"
      "target    {}\n"
      "features  {}\n"
      "cache     {}\n",
      kVersion, kBuildId, kLlvmVersion == "none" ? "interp" : fmt::format("interp, llvm ({})", kLlvmVersion), kTarget,
      CoreFeatures::all.to_string(), printable(cache_text())));
}

}  // namespace wzrun::cmd
