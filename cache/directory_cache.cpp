#include "wzrun/directory_cache.h"

#include "claim.h"
#include "directory.h"
#include "entry_file.h"
#include "module_index.h"
#include "use_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <utility>

namespace wzrun {

std::optional<std::string> DirectoryCache::default_path() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (auto path = variable("WZRUN_CACHE_DIR"); !path.empty())
    return path;
  if (const auto base = variable("XDG_CACHE_HOME"); base.starts_with('/'))  // others are to be ignored
    return base + "/wzrun";
  if (const auto home = variable("HOME"); !home.empty())
    return home + "/.cache/wzrun";
  return std::nullopt;
}

DirectoryCache::DirectoryCache(Options options)
    : options_(std::move(options)), directory_(std::make_unique<Directory>(options_.path)) {}

DirectoryCache::~DirectoryCache() = default;

std::expected<std::shared_ptr<DirectoryCache>, DirectoryCache::Refusal> DirectoryCache::open(Options options) {
  std::shared_ptr<DirectoryCache> cache(new DirectoryCache(std::move(options)));
  if (auto opened = cache->directory_->open(); !opened)
    return std::unexpected(std::move(opened).error());
  return cache;
}

bool DirectoryCache::is_empty() { return directory_->fd() < 0; }

std::optional<Sha256Digest> DirectoryCache::module_digest(const FileFingerprint& file) {
  return is_empty() ? std::nullopt : cache::find_module(directory_->fd(), file);
}

bool DirectoryCache::knows_size(std::uint64_t size_bytes) {
  return !is_empty() && cache::knows_size(directory_->fd(), size_bytes);
}

void DirectoryCache::remember_module(const FileFingerprint& file, const Sha256Digest& digest) {
  if (options_.read_only)
    return;
  if (const auto directory = directory_->open_or_make())
    cache::remember_module(*directory, file, digest);
}

namespace {

/// Whether every byte of an entry is as it was; reads them unless that is known.
bool is_sure(cache::UseFile& use, const cache::EntryFile& entry) {
  if (use.vouches_for(entry.fingerprint))
    return true;
  if (!cache::is_intact(entry))
    return false;
  use.found_intact(entry.fingerprint, entry.opened_ns);
  return true;
}

}  // namespace

std::expected<CacheEntry, std::string> DirectoryCache::find(const Sha256Digest& key) {
  const int directory = directory_->fd();
  if (directory < 0)
    return std::unexpected("the cache is empty");
  auto entry = cache::open_entry(directory, key);
  const auto damaged = [&](std::string reason) {
    // So that nobody else reads it for nothing. Should it have been replaced just now, it will be made again.
    if (!options_.read_only)
      unlinkat(directory, cache::entry_name(key).c_str(), 0);
    return std::unexpected(std::move(reason));
  };
  if (!entry)
    return entry.error().is_absent ? std::unexpected(std::move(entry.error().reason))
                                   : damaged(std::move(entry.error().reason));
  cache::UseFile use(directory, key, !options_.read_only);
  if (!is_sure(use, *entry))
    return damaged("the entry is damaged");
  use.count_use();
  use.write();
  return CacheEntry(entry->file.release(), entry->payload_size);
}

void DirectoryCache::make_sure(const Sha256Digest& key) {
  const int directory = directory_->fd();
  if (directory < 0 || options_.read_only)
    return;
  const auto stored = cache::open_entry(directory, key);
  if (!stored)
    return;
  std::this_thread::sleep_for(cache::settling_time(stored->fingerprint));
  const auto entry = cache::open_entry(directory, key);
  cache::UseFile use(directory, key, true);
  if (entry && entry->fingerprint == stored->fingerprint && is_sure(use, *entry))
    use.write();  // else whoever looks for it next sees to that
}

CompilationCache::Claim DirectoryCache::claim(const Sha256Digest& key) {
  constexpr std::chrono::minutes kPatience{5};
  return claim_within(kPatience, key);
}

CompilationCache::Claim DirectoryCache::try_claim(const Sha256Digest& key) {
  return claim_within(std::chrono::minutes(0), key);
}

CompilationCache::Claim DirectoryCache::claim_within(std::chrono::minutes patience, const Sha256Digest& key) {
  if (options_.read_only)
    return nullptr;
  const auto directory = directory_->open_or_make();
  return directory ? cache::claim(*directory, key, patience) : nullptr;
}

std::expected<void, std::string> DirectoryCache::store(const Sha256Digest& key, Parts parts,
                                                       std::string_view description) {
  if (options_.read_only)
    return std::unexpected("the cache is only read");
  auto directory = directory_->open_or_make();
  if (!directory)
    return std::unexpected(std::move(directory).error());
  if (auto stored = cache::publish_entry(*directory, key, parts, description); !stored)
    return stored;
  prune(options_.max_size_bytes);
  return {};
}

}  // namespace wzrun
