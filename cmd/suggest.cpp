#include "suggest.h"

#include "command.h"

#include <dirent.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace wzrun::cmd {
namespace {

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); i++) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); j++) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(last, row);
  }
  return last[b.size()];
}

std::vector<std::string> names_in(const std::string& folder) {
  constexpr std::size_t kEnough = 5000;
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (!dir)
    return names;
  while (const auto* entry = readdir(dir.get())) {
    if (names.size() == kEnough)
      break;
    names.emplace_back(entry->d_name);
  }
  return names;
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongest = 256;
  if (word.size() > kLongest)
    return std::nullopt;
  std::optional<std::string> best;
  auto best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    if (const auto distance = edit_distance(word, candidate); distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::optional<std::string> nearest_module(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    std::vector<std::string> commands;
    for (const auto& command : kCommands)
      commands.emplace_back(command.name);
    if (const auto command = nearest(path, commands))
      return "wzrun " + *command;
  }
  const auto folder = slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const auto near = nearest(name, names_in(folder.empty() ? "." : folder));
  if (!near || *near == "." || *near == "..")
    return std::nullopt;
  return folder + *near;
}

}  // namespace wzrun::cmd
