// What is in the directory, and what of it goes.

#include "claim.h"
#include "directory.h"
#include "entry_file.h"
#include "module_index.h"
#include "use_file.h"

#include "wzrun/directory_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace wzrun {
namespace {

using namespace std::chrono_literals;
using Time = DirectoryCache::Time;

/// What was used this recently may be about to run.
constexpr auto kProtected = 1min;
/// Older ones are of processes that died.
constexpr auto kTemporaryAge = 1h;

Time time_of(std::int64_t ns) { return Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(ns))); }

std::optional<Sha256Digest> key_of(std::string_view name, std::string_view suffix) {
  Sha256Digest key{};
  if (!name.ends_with(suffix) || name.size() != key.size() * 2 + suffix.size())
    return std::nullopt;
  for (std::size_t i = 0; i < key.size(); i++) {
    const char* const digits = name.data() + i * 2;
    if (std::from_chars(digits, digits + 2, key[i], 16).ptr != digits + 2)
      return std::nullopt;
  }
  return to_string(key) == name.substr(0, key.size() * 2) ? std::optional(key) : std::nullopt;
}

bool is_temporary(std::string_view name) {
  return (name.starts_with(cache::kTemporaryPrefix) && name.size() == cache::kTemporaryPrefix.size() + 16) ||
         key_of(name, cache::kLockSuffix);
}

struct FileStatus {
  std::uint64_t size_bytes = 0;
  Time modified = Time::min();
};

std::optional<FileStatus> status_of(int directory, const std::string& name) {
  struct stat status{};
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.st_mode))
    return std::nullopt;
  return FileStatus{static_cast<std::uint64_t>(status.st_size),
                    time_of(std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec)};
}

/// Sizes and times of an entry, without opening a file.
std::optional<DirectoryCache::Item> look_at(int directory, const Sha256Digest& key) {
  const auto entry = status_of(directory, cache::entry_name(key));
  if (!entry)
    return std::nullopt;
  const auto use = status_of(directory, cache::use_name(key)).value_or(FileStatus{});
  DirectoryCache::Item item;
  item.key = key;
  item.size_bytes = entry->size_bytes + use.size_bytes;
  item.stored = entry->modified;
  item.used = std::max(entry->modified, use.modified);
  return item;
}

/// Entries without what stands inside the files, last used first.
std::vector<DirectoryCache::Item> look_around(int directory) {
  std::vector<DirectoryCache::Item> items;
  cache::for_each_name(directory, [&](const std::string& name) {
    if (const auto key = key_of(name, cache::kEntrySuffix))
      if (auto item = look_at(directory, *key))
        items.push_back(std::move(*item));
  });
  std::ranges::sort(items, std::ranges::greater{}, &DirectoryCache::Item::used);
  return items;
}

void remove_entry(int directory, const DirectoryCache::Item& item, DirectoryCache::Removed& removed) {
  if (unlinkat(directory, cache::entry_name(item.key).c_str(), 0) == 0) {
    removed.entries++;
    removed.size_bytes += item.size_bytes;
  }
  unlinkat(directory, cache::use_name(item.key).c_str(), 0);
}

/// Removes what processes that died have left, and records of entries that are gone.
void remove_debris(int directory, Time now) {
  std::vector<std::string> debris;
  cache::for_each_name(directory, [&](const std::string& name) {
    const auto key = key_of(name, cache::kUseSuffix);
    if (!is_temporary(name) && (!key || status_of(directory, cache::entry_name(*key))))
      return;
    const auto status = status_of(directory, name);
    if (status && now - status->modified > kTemporaryAge)
      debris.push_back(name);
  });
  for (const auto& name : debris)
    unlinkat(directory, name.c_str(), 0);
}

}  // namespace

std::vector<DirectoryCache::Item> DirectoryCache::list() const {
  const int directory = directory_->fd();
  if (directory < 0)
    return {};
  auto items = look_around(directory);
  for (auto& item : items) {
    item.hits = cache::UseFile(directory, item.key, false).hits();
    const auto entry = cache::open_entry(directory, item.key);
    item.is_damaged = !entry;
    if (entry)
      item.description = cache::read_description(*entry);
  }
  return items;
}

std::optional<std::string> DirectoryCache::verify(const Sha256Digest& key) {
  const int directory = directory_->fd();
  const auto entry = directory < 0 ? std::unexpected(cache::EntryProblem{"not in the cache", true})
                                   : cache::open_entry(directory, key);
  if (entry && cache::is_intact(*entry))
    return std::nullopt;
  if (!options_.read_only)
    unlinkat(directory, cache::entry_name(key).c_str(), 0);
  return entry ? "the entry is damaged" : entry.error().reason;
}

DirectoryCache::Removed DirectoryCache::prune(std::uint64_t max_size_bytes, Time used_before) {
  Removed removed;
  const int directory = directory_->fd();
  if (directory < 0 || options_.read_only)
    return removed;
  const auto now = std::chrono::system_clock::now();
  auto items = look_around(directory);
  std::uint64_t size = 0;
  for (auto& item : items) {
    size += item.size_bytes;
    if (item.used > now + kProtected)  // the clock was wrong
      item.used = Time::min();
  }
  std::ranges::sort(items, std::ranges::greater{}, &Item::used);
  for (; !items.empty() && items.back().used < now - kProtected; items.pop_back()) {
    const auto& oldest = items.back();
    if (size <= max_size_bytes && oldest.used >= used_before)
      break;
    remove_entry(directory, oldest, removed);
    size -= oldest.size_bytes;
  }
  remove_debris(directory, now);
  return removed;
}

DirectoryCache::Removed DirectoryCache::clear() {
  Removed removed;
  const int directory = directory_->fd();
  if (directory < 0 || options_.read_only)
    return removed;
  for (const auto& item : look_around(directory))
    remove_entry(directory, item, removed);
  std::vector<std::string> rest;
  cache::for_each_name(directory, [&](const std::string& name) {
    if (name == cache::kModuleIndexName || name == cache::kTagName || is_temporary(name) ||
        key_of(name, cache::kUseSuffix))
      rest.push_back(name);
  });
  for (const auto& name : rest)
    unlinkat(directory, name.c_str(), 0);
  directory_->remove();
  return removed;
}

}  // namespace wzrun
