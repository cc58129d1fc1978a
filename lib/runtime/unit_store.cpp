#include "runtime/unit_store.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace wzrun::runtime {

namespace {

std::uint32_t opt_level_of(std::span<const std::uint8_t> image) {
  ImageHeader header;
  std::memcpy(&header, image.data(), sizeof header);
  return header.opt_level;
}

}  // namespace

UnitStore::UnitStore(std::shared_ptr<CompilationCache> cache, Key key, std::string description, bool may_write)
    : cache_(std::move(cache)),
      make_key_(std::move(key)),
      description_(std::move(description)),
      may_write_(may_write) {}

const Sha256Digest& UnitStore::key() {
  std::call_once(key_made_, [this] { key_ = make_key_(); });
  return key_;
}

std::expected<UnitFile, std::string> UnitStore::find() {
  auto entry = cache_->find(key());
  if (!entry)
    return std::unexpected(std::move(entry).error());
  const auto fingerprint = FileFingerprint::of(entry->fd());
  seen_.store(fingerprint ? fingerprint->inode : 0, std::memory_order_relaxed);
  auto file = UnitFile::open(*std::move(entry));
  if (!file)
    return std::unexpected(file.error().to_string());
  return *std::move(file);
}

std::optional<UnitFile> UnitStore::find_newer() {
  if (cache_->is_empty())
    return std::nullopt;
  const auto seen = seen_.load(std::memory_order_relaxed);
  auto file = find();
  if (!file || seen_.load(std::memory_order_relaxed) == seen)
    return std::nullopt;
  return *std::move(file);
}

bool UnitStore::keep(std::span<const Unit> units, std::span<const FunctionProfile> profile) {
  if (!may_write_ || units.empty())
    return true;
  const std::scoped_lock lock(keeping_);
  // What others keep meanwhile would be lost between looking and storing.
  const auto claim = cache_->claim(key());
  UnitFileBuilder builder;
  std::vector<std::span<const std::uint8_t>> images;
  const auto before = find();
  if (before) {
    for (const auto& unit : before->units())
      images.push_back(before->bytes(unit));
    for (const auto& function : before->profile())
      builder.add(function);
  }
  for (const auto& unit : units)
    images.emplace_back(*unit);
  // What was compiled better first, since it makes the rest unnecessary.
  for (const std::uint32_t opt_level : {3, 2, 1, 0})
    for (const auto& image : images)
      if (opt_level_of(image) == opt_level)
        builder.add(image);
  for (auto counted : profile) {
    auto& kept = kept_[counted.function];
    const auto total = counted;
    counted.calls -= kept.calls;
    counted.back_edges -= kept.back_edges;
    kept = total;
    builder.add(counted);
  }
  return cache_->store(key(), builder.parts(), description_).has_value();
}

}  // namespace wzrun::runtime
