#include "runtime/unit_store.h"

#include "runtime/unit_cache.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace wzrun::runtime {

UnitStore::UnitStore(std::shared_ptr<CompilationCache> cache, Key key, std::string description, bool may_write,
                     std::optional<UnitSource> source)
    : cache_(std::move(cache)),
      make_key_(std::move(key)),
      description_(std::move(description)),
      may_write_(may_write),
      source_(std::move(source)) {}

const Sha256Digest& UnitStore::key() {
  std::call_once(making_key_, [this] {
    const auto known = known_key();
    key_ = known ? *known : make_key_();
    key_is_made_.store(true, std::memory_order_release);
  });
  return key_;
}

/// Made by another run of the same file.
std::optional<Sha256Digest> UnitStore::known_key() {
  const auto module = source_ ? cache_->module_digest(source_->fingerprint) : std::nullopt;
  return module ? std::optional(units_key(*module, source_->target)) : std::nullopt;
}

std::expected<UnitFile, std::string> UnitStore::find() {
  auto found = find_units(*cache_, key());
  if (!found)
    return std::unexpected(std::move(found).error());
  seen_.store(found->inode, std::memory_order_relaxed);
  has_units_.store(true);
  return std::move(found->file);
}

std::expected<PreparedModule, std::string> UnitStore::find_module() {
  auto entry = cache_->find(prepared_key(key()));
  if (!entry)
    return std::unexpected(std::move(entry).error());
  auto module = PreparedModule::open(*std::move(entry));
  if (!module)
    return std::unexpected(module.error().to_string());
  return *std::move(module);
}

void UnitStore::want_module(ModuleBytes module, CoreFeatures features) {
  module_ = std::move(module);
  features_ = features;
  wants_module_.store(true);
}

void UnitStore::keep_module() {
  const std::scoped_lock lock(keeping_);
  if (!may_keep_module())
    return;
  add_module(*cache_, key(), description_, module_.view(), features_);
  wants_module_.store(false);  // only now: the program may end meanwhile
}

CompilationCache::Claim UnitStore::claim_improving() {
  return may_write_ ? cache_->try_claim(improving_key(key(), Improver::run)) : nullptr;
}

std::optional<UnitFile> UnitStore::find_newer() {
  if (cache_->is_empty() || !(key_is_made_.load(std::memory_order_acquire) || known_key()))
    return std::nullopt;
  const auto seen = seen_.load(std::memory_order_relaxed);
  auto file = find();
  if (!file || seen_.load(std::memory_order_relaxed) == seen)
    return std::nullopt;
  return *std::move(file);
}

std::vector<FunctionProfile> UnitStore::news(std::span<const FunctionProfile> profile) const {
  std::vector<FunctionProfile> result;
  for (auto counted : profile) {
    if (const auto kept = kept_.find(counted.function); kept != kept_.end()) {
      counted.runs = 0;
      // What is counted on while this is read can seem to become less.
      counted.calls -= std::min(counted.calls, kept->second.calls);
      counted.back_edges -= std::min(counted.back_edges, kept->second.back_edges);
    }
    result.push_back(counted);
  }
  return result;
}

bool UnitStore::keep(std::span<const Unit> units, std::span<const FunctionProfile> profile) {
  if (!may_write_ || units.empty())
    return true;
  const std::scoped_lock lock(keeping_);
  std::vector<ImageBytes> images;
  for (const auto& unit : units)
    images.emplace_back(*unit);
  const bool kept = add_units(*cache_, key(), description_, images, news(profile)).has_value();
  if (kept)
    has_units_.store(true);
  for (const auto& counted : profile)
    kept_[counted.function] = counted;
  return kept;
}

UnkeptCode UnitStore::pack(std::vector<Unit> units, std::span<const FunctionProfile> profile, WorkLeft left) {
  const bool has_new_units = may_write_ && !units.empty();
  if (!has_new_units && !(source_ && (may_keep_module() || (may_write_ && left.any()))))
    return {};
  UnitPack pack{.units = std::move(units), .description = description_, .source = source_};
  pack.wants_module = wants_module_.load();
  pack.left = left;
  {
    // Another thread may be keeping counts: then they come twice, and that is all.
    const std::unique_lock lock(keeping_, std::try_to_lock);
    pack.profile = lock ? news(profile) : std::vector(profile.begin(), profile.end());
  }
  if (key_is_made_.load(std::memory_order_acquire))
    pack.key = key();
  return in_pieces(std::move(pack), [this] { return key(); });
}

}  // namespace wzrun::runtime
