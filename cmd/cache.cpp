#include "cache_options.h"
#include "command.h"
#include "keeper.h"
#include "options.h"
#include "quantity.h"
#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>

namespace wzrun::cmd {
namespace {

using Clock = std::chrono::system_clock;

constexpr std::size_t kShortKey = 12;

struct CacheCommandOptions {
  CacheOptions cache;
  std::optional<std::string> older_than;
  bool full = false;
};

std::string age(DirectoryCache::Time time) {
  return human_age(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - time));
}

/// The line of a description: the module's name, or what its code was made for.
std::string line_of(const std::string& description, std::size_t number) {
  std::size_t begin = 0;
  for (; number != 0 && begin != std::string::npos; number--)
    begin = description.find('\n', begin) == std::string::npos ? std::string::npos : description.find('\n', begin) + 1;
  if (begin == std::string::npos)
    return "";
  return printable(description.substr(begin, description.find('\n', begin) - begin));
}

std::string name_of(const DirectoryCache::Item& item) {
  const auto name = line_of(item.description, 0);
  return item.is_damaged ? "(damaged)" : name.empty() ? "(no name)" : name;
}

int list(DirectoryCache& cache, const CacheCommandOptions& options) {
  const auto items = cache.list();
  if (items.empty())
    return 0;
  const std::size_t key_digits = options.full ? 64 : kShortKey;
  auto text = fmt::format("{:<{}}  {:>11}  {:>8}  {:>8}  {:>6}  {}\n", "KEY", key_digits, "SIZE", "STORED", "USED",
                          "HITS", "MODULE");
  for (const auto& item : items) {
    fmt::format_to(std::back_inserter(text), "{}  {:>11}  {:>8}  {:>8}  {:>6}  {}\n",
                   to_string(item.key).substr(0, key_digits), human_size(item.size_bytes), age(item.stored),
                   age(item.used), item.hits, name_of(item));
    if (options.full)
      fmt::format_to(std::back_inserter(text), "    {}\n", line_of(item.description, 1));
  }
  return print(text);
}

int stat(DirectoryCache& cache, const CacheCommandOptions& options) {
  const auto limit = cache_size(options.cache);
  if (!limit)
    return fail(limit.error().message);
  const auto items = cache.list();
  std::uint64_t size = 0, hits = 0, damaged = 0;
  auto oldest = Clock::now();
  for (const auto& item : items) {
    size += item.size_bytes;
    hits += item.hits;
    damaged += item.is_damaged ? 1 : 0;
    oldest = std::min(oldest, item.used);
  }
  return print(
      fmt::format("directory    {}\n"
                  "entries      {}{}\n"
                  "size         {} of {}\n"
                  "hits         {}\n"
                  "oldest use   {}\n",
                  printable(cache.path()), items.size(), damaged == 0 ? "" : fmt::format(", {} damaged", damaged),
                  human_size(size), human_size(*limit), hits, items.empty() ? "none" : age(oldest) + " ago"));
}

int verify(DirectoryCache& cache, const CacheCommandOptions&) {
  std::size_t damaged = 0;
  const auto items = cache.list();
  for (const auto& item : items) {
    if (const auto problem = cache.verify(item.key)) {
      damaged++;
      warn(fmt::format("{} {}: {}; removed", to_string(item.key).substr(0, kShortKey), name_of(item), *problem));
    }
  }
  const int printed = print(fmt::format("{} of {} entries are intact\n", items.size() - damaged, items.size()));
  return damaged == 0 ? printed : kFailed;
}

int say_removed(const DirectoryCache::Removed& removed) {
  return print(fmt::format("removed {} {}, {}\n", removed.entries, removed.entries == 1 ? "entry" : "entries",
                           human_size(removed.size_bytes)));
}

int prune(DirectoryCache& cache, const CacheCommandOptions& options) {
  const auto limit = cache_size(options.cache);
  if (!limit)
    return fail(limit.error().message);
  auto used_before = DirectoryCache::Time::min();
  if (options.older_than) {
    const auto longest = parse_duration(*options.older_than);
    if (!longest)
      return fail(fmt::format("--older-than: '{}' is not a time such as 12h or 720h", printable(*options.older_than)));
    used_before = Clock::now() - std::chrono::duration_cast<Clock::duration>(*longest);
  }
  return say_removed(cache.prune(*limit, used_before));
}

int clear(DirectoryCache& cache, const CacheCommandOptions&) { return say_removed(cache.clear()); }

int keep(DirectoryCache& cache, const CacheCommandOptions&) { return keep_standard_input(cache); }

int dir(DirectoryCache& cache, const CacheCommandOptions&) { return print(cache.path() + "\n"); }

constexpr struct Action {
  std::string_view name;
  std::string_view summary;
  int (*run)(DirectoryCache&, const CacheCommandOptions&);
} kActions[] = {
    {"dir", "print the directory", dir},
    {"list", "one line for each entry, the last used first", list},
    {"stat", "entries, size and hits in all", stat},
    {"verify", "read everything, remove what is damaged", verify},
    {"prune", "remove the oldest until the size is within bounds, and with --older-than what was not used since",
     prune},
    {"clear", "remove everything", clear},
    {kKeepAction, "", keep},
};

std::string help_text() {
  std::string text;
  for (const auto& action : kActions | std::views::filter([](const Action& of) { return !of.summary.empty(); }))
    fmt::format_to(std::back_inserter(text), "  {:<8} {}\n", action.name, action.summary);
  return text +
         "\nExamples:\n"
         "  wzrun cache list\n"
         "  wzrun cache prune --cache-size 500MiB --older-than 720h\n";
}

void define(OptionList& list, CacheCommandOptions& o) {
  add_cache_dir_option(list, o.cache);
  add_cache_size_option(list, o.cache);
  list.value("--older-than", o.older_than, "TIME", "prune: what was not used for this long");
  list.flag("--full", o.full, "list: whole keys, and what the code was made for");
}

}  // namespace

int cache_main(Words words, StartTime) {
  CacheCommandOptions o;
  const auto actions = help_text();
  Options options("cache", "wzrun cache dir|list|stat|verify|prune|clear [OPTIONS]", actions,
                  [&](OptionList& list) { define(list, o); });
  const auto operands = read_operands(options, words);
  if (!operands)
    return fail(operands.error().message);
  if (!*operands)
    return print(options.help());
  const auto* const action =
      (*operands)->size() == 1 ? std::ranges::find(kActions, (*operands)->front(), &Action::name) : std::end(kActions);
  if (action == std::end(kActions))
    return fail("cache takes one of dir, list, stat, verify, prune, clear: " + options.see_help());
  const auto path = cache_directory(o.cache);
  if (!path)
    return fail("no cache directory: HOME is not set; --cache-dir names one");
  const auto limit = cache_size(o.cache);
  if (!limit)
    return fail(limit.error().message);
  const auto cache = DirectoryCache::open({.path = *path, .max_size_bytes = *limit});
  if (!cache && action->run != dir)
    return fail(*path, cache.error().reason);
  return cache ? action->run(**cache, o) : print(*path + "\n");
}

}  // namespace wzrun::cmd
