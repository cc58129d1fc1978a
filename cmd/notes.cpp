#include "notes.h"

#include "report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace wzrun::cmd {
namespace {

namespace fs = std::filesystem;

fs::path normal(const fs::path& path) {
  auto result = path.lexically_normal();
  return result.has_filename() || result == result.root_path() ? result : result.parent_path();
}

/// Whether a program whose C library looks for `path` in `directory` finds it there.
bool covers(const fs::path& directory, const fs::path& path) {
  if (directory == ".")
    return path.is_relative() && *path.begin() != "..";
  const auto [end, at] = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end() && (at == path.end() || *at != "..");
}

bool covered(const FSConfig& config, const fs::path& path) {
  return std::ranges::any_of(config.mounts(),
                             [&](const Mount& mount) { return covers(normal(mount.guest_path), path); });
}

/// As a shell takes it for one word.
std::string word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%=";
  const auto shown = printable(text);
  return text.find_first_not_of(kPlain) == text.npos ? shown : '\'' + shown + '\'';
}

/// The option that gives the directory of a path that no directory covers.
std::string option_for(const fs::path& path) {
  std::error_code ignored;
  auto directory = fs::is_directory(path, ignored) ? path : path.parent_path();
  if (directory.empty())
    directory = ".";
  return "--dir " + word(directory.string() + "::" + directory.string() + ":ro");
}

std::string not_covered(const fs::path& path) {
  return fmt::format("no directory covers it (allow with {})", option_for(path));
}

}  // namespace

Notes::Notes(bool always) : wanted_(always || isatty(STDERR_FILENO) != 0) {}

void Notes::say(const std::string& path, const std::string& text) {
  if (wanted_ && said_.insert(path).second)
    warn("note: " + text);
}

void Notes::denied(const Denial& denial, const FSConfig& config) {
  const fs::path directory = denial.directory.empty() ? "." : denial.directory;
  const auto asked = directory == "." ? fs::path{denial.path} : directory / denial.path;
  const auto name = printable(asked.string());
  if (denial.reason == Denial::Reason::read_only) {
    const auto mount = std::ranges::find_if(config.mounts(), [&](const Mount& given) {
      return given.guest_path == denial.directory || given.guest_path == asked;
    });
    const auto option = mount == config.mounts().end()
                            ? std::string{}
                            : fmt::format(" (allow with --dir {})", word(mount->host_path + "::" + mount->guest_path));
    say(asked, fmt::format("the program wanted to change {}, which it was given read-only{}", name, option));
    return;
  }
  const auto path = normal(asked);
  if (covers(normal(directory), path))
    say(asked, fmt::format("the program asked for {}; a link on the way leads out of {}", name,
                           printable(directory.string())));
  else
    say(asked, fmt::format("the program asked for {}; {}", name, not_covered(path)));
}

void Notes::failed(const std::vector<std::string>& arguments, const FSConfig& config) {
  for (const auto& argument : arguments) {
    const auto value = argument.starts_with('-') ? argument.substr(argument.find('=') + 1) : argument;
    const auto path = normal(value);
    std::error_code ignored;
    if (value.empty() || value.starts_with('-') || !fs::exists(path, ignored) || covered(config, path))
      continue;
    say(value, fmt::format("the program was told of {}; {}", printable(value), not_covered(path)));
  }
}

}  // namespace wzrun::cmd
