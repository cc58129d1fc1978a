#include "runtime/unit_store.h"

#include <optional>
#include <utility>

namespace wzrun::runtime {

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
  auto file = UnitFile::open(*std::move(entry));
  if (!file)
    return std::unexpected(file.error().to_string());
  return *std::move(file);
}

bool UnitStore::keep(std::span<const std::shared_ptr<const Tiering::Unit>> units,
                     std::span<const FunctionProfile> profile) {
  if (!may_write_ || units.empty())
    return true;
  const std::scoped_lock lock(keeping_);
  // What others keep meanwhile would be lost between looking and storing.
  const auto claim = cache_->claim(key());
  UnitFileBuilder builder;
  const auto before = find();
  if (before) {
    for (const auto& unit : before->units())
      builder.add(before->bytes(unit));
    for (const auto& function : before->profile())
      builder.add(function);
  }
  for (const auto& unit : units)
    builder.add(*unit);
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
