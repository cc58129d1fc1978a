#include "trace.h"

#include "report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace wzrun::cmd {
namespace {

using wasi::Group;

constexpr std::string_view kAll = "wasi";

Parsed<std::vector<Group>> parse_groups(std::string_view list) {
  std::vector<Group> groups;
  bool all = true;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    const auto name = list.substr(at, end - at);
    at = end + 1;
    if (name == kAll)
      continue;
    const auto group = wasi::parse_group(name);
    if (!group)
      return std::unexpected(
          UsageError{fmt::format("--trace: '{}' is not wasi, fs, clock, poll, proc, random or sock", printable(name))});
    groups.push_back(*group);
    all = false;
  }
  if (all)
    groups = {Group::clock, Group::fs, Group::poll, Group::proc, Group::random, Group::sock};
  return groups;
}

}  // namespace

Parsed<wasi::Trace> trace_config(const std::optional<std::string>& groups, const std::optional<std::string>& file) {
  wasi::Trace trace;
  if (!groups && !file)
    return trace;
  trace.groups = WZRUN_TRY(parse_groups(groups.value_or(std::string{kAll})));
  int fd = STDERR_FILENO;
  if (file) {
    constexpr mode_t kMode = 0666;
    fd = open(file->c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, kMode);
    if (fd < 0)
      return std::unexpected(UsageError{fmt::format("--trace-file: '{}': {}", printable(*file), strerror(errno))});
  }
  trace.write = [fd](std::string_view line) { write_all(fd, std::string{line}.append("\n")); };
  return trace;
}

}  // namespace wzrun::cmd
