#include "runtime/unit_store.h"

#include <array>
#include <cstring>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

namespace wzrun::runtime {

namespace {

std::uint32_t opt_level_of(std::span<const std::uint8_t> image) {
  ImageHeader header;
  std::memcpy(&header, image.data(), sizeof header);
  return header.opt_level;
}

struct FoundFile {
  UnitFile file;
  std::uint64_t inode = 0;
};

std::expected<FoundFile, std::string> find_in(CompilationCache& cache, const Sha256Digest& key) {
  auto entry = cache.find(key);
  if (!entry)
    return std::unexpected(std::move(entry).error());
  const auto fingerprint = FileFingerprint::of(entry->fd());
  auto file = UnitFile::open(*std::move(entry));
  if (!file)
    return std::unexpected(file.error().to_string());
  return FoundFile{*std::move(file), fingerprint ? fingerprint->inode : 0};
}

using Images = std::vector<std::span<const std::uint8_t>>;

/// Puts what makes others unnecessary before them: what was compiled better, and of that what was made later.
/// The images are in the order in which they were made.
void add_all(UnitFileBuilder& builder, const Images& images) {
  for (const std::uint32_t opt_level : {3, 2, 1, 0})
    for (const auto& image : images | std::views::reverse)
      if (opt_level_of(image) == opt_level)
        builder.add(image);
}

/// The images of a file, in the order in which they were made as far as that matters.
Images images_of(const UnitFile& file) {
  Images images;
  for (const auto& unit : file.units() | std::views::reverse)
    images.push_back(file.bytes(unit));
  return images;
}

/// Adds to what a cache has under a key.
Expected<void> add(CompilationCache& cache, const Sha256Digest& key, std::string_view description, const Images& added,
                   std::span<const FunctionProfile> profile) {
  // What others keep meanwhile would be lost between looking and storing.
  const auto claim = cache.claim(key);
  UnitFileBuilder builder;
  Images images;
  const auto before = find_in(cache, key);
  if (before) {
    images = images_of(before->file);
    for (const auto& function : before->file.profile())
      builder.add(function);
  }
  images.insert(images.end(), added.begin(), added.end());
  add_all(builder, images);
  for (const auto& function : profile)
    builder.add(function);
  if (auto stored = cache.store(key, builder.parts(), description); !stored)
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, std::move(stored).error()});
  return {};
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
  auto found = find_in(*cache_, key());
  if (!found)
    return std::unexpected(std::move(found).error());
  seen_.store(found->inode, std::memory_order_relaxed);
  return std::move(found->file);
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

std::vector<FunctionProfile> UnitStore::news(std::span<const FunctionProfile> profile) const {
  std::vector<FunctionProfile> result;
  for (auto counted : profile) {
    if (const auto kept = kept_.find(counted.function); kept != kept_.end()) {
      counted.calls -= kept->second.calls;
      counted.back_edges -= kept->second.back_edges;
    }
    result.push_back(counted);
  }
  return result;
}

bool UnitStore::keep(std::span<const Unit> units, std::span<const FunctionProfile> profile) {
  if (!may_write_ || units.empty())
    return true;
  const std::scoped_lock lock(keeping_);
  Images images;
  for (const auto& unit : units)
    images.emplace_back(*unit);
  const bool kept = add(*cache_, key(), description_, images, news(profile)).has_value();
  for (const auto& counted : profile)
    kept_[counted.function] = counted;
  return kept;
}

namespace {

/// At the end of what pack() gives. Before it: a unit file, and the description.
struct PackTail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'p', 'c', 'k'};

  Sha256Digest key{};
  std::uint64_t description_size = 0;
  std::uint64_t size = 0;  ///< of the pack, all included
  std::array<char, 8> magic = kMagic;
};

}  // namespace

std::vector<std::uint8_t> UnitStore::pack(std::span<const Unit> units, std::span<const FunctionProfile> profile) {
  if (!may_write_ || units.empty())
    return {};
  UnitFileBuilder builder;
  Images images;
  for (const auto& unit : units)
    images.emplace_back(*unit);
  add_all(builder, images);
  std::vector<std::uint8_t> packed;
  const auto append = [&](const void* data, std::size_t size) {
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    packed.insert(packed.end(), bytes, bytes + size);
  };
  {
    // Another thread may be keeping counts: then they come twice, and that is all.
    const std::unique_lock lock(keeping_, std::try_to_lock);
    for (const auto& function : lock ? news(profile) : std::vector(profile.begin(), profile.end()))
      builder.add(function);
  }
  for (const auto part : builder.parts())
    append(part.data(), part.size());
  append(description_.data(), description_.size());
  PackTail tail;
  tail.key = key();
  tail.description_size = description_.size();
  tail.size = packed.size() + sizeof tail;
  append(&tail, sizeof tail);
  return packed;
}

Expected<void> UnitStore::add_packed(CompilationCache& cache, std::span<const std::uint8_t> packed) {
  const auto damaged = [] {
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "the pack is damaged"});
  };
  PackTail tail;
  if (packed.size() < sizeof tail)
    return damaged();
  const auto content = packed.first(packed.size() - sizeof tail);
  std::memcpy(&tail, packed.data() + content.size(), sizeof tail);
  if (tail.magic != PackTail::kMagic || tail.size != packed.size() || tail.description_size > content.size())
    return damaged();
  const auto file_size = content.size() - tail.description_size;
  const auto file = WZRUN_TRY(UnitFile::view(content.first(file_size)));
  const std::string description(content.begin() + static_cast<std::ptrdiff_t>(file_size), content.end());
  return add(cache, tail.key, description, images_of(file), file.profile());
}

}  // namespace wzrun::runtime
