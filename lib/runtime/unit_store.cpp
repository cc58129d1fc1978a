#include "runtime/unit_store.h"

#include "runtime/file_parts.h"
#include "runtime/processors.h"
#include "runtime/unit_joining.h"
#include "wasm/decoder.h"
#include "wzrun/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <ranges>
#include <system_error>
#include <thread>
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

/// Prepares a valid module for later runs. Where that does not succeed, they read it.
void add_module(CompilationCache& cache, const Sha256Digest& key, std::string_view description,
                std::span<const std::uint8_t> module, CoreFeatures features) {
  const auto decoded = wasm::decode(module, features);
  if (!decoded)
    return;
  const PreparedModuleParts file(*decoded);
  const auto name = description.substr(0, description.find('\n'));
  static_cast<void>(
      cache.store(prepared_key(key), file.parts(), fmt::format("{}\nthe module, prepared for later runs", name)));
}

}  // namespace

Sha256Digest units_key(const Sha256Digest& module, std::string_view target) {
  Sha256 hash;
  hash.update(module);
  hash.update(target);
  hash.update(std::string_view("units"));
  return hash.finish();
}

UnitStore::UnitStore(std::shared_ptr<CompilationCache> cache, Key key, std::string description, bool may_write,
                     std::optional<UnitSource> source)
    : cache_(std::move(cache)),
      make_key_(std::move(key)),
      description_(std::move(description)),
      may_write_(may_write),
      source_(std::move(source)) {}

const Sha256Digest& UnitStore::key() {
  std::call_once(making_key_, [this] {
    key_ = make_key_();
    key_is_made_.store(true, std::memory_order_release);
  });
  return key_;
}

std::expected<UnitFile, std::string> UnitStore::find() {
  auto found = find_in(*cache_, key());
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
  wants_module_.store(false);
  add_module(*cache_, key(), description_, module_.view(), features_);
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
  Images images;
  for (const auto& unit : units)
    images.emplace_back(*unit);
  const bool kept = add(*cache_, key(), description_, images, news(profile)).has_value();
  if (kept)
    has_units_.store(true);
  for (const auto& counted : profile)
    kept_[counted.function] = counted;
  return kept;
}

namespace {

/// At the end of what pack() gives. Before it: a unit file, the description, and path and target of the source, if any.
struct PackTail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'p', 'k', '4'};

  Sha256Digest key{};              ///< if has_key
  FileFingerprint fingerprint;     ///< of the source
  std::uint32_t has_key = 0;       ///< 1: yes; 0: it is made of the source
  std::uint32_t features = 0;      ///< CoreFeatures::bits
  std::uint32_t wants_module = 0;  ///< 1: the module is kept too
  std::uint32_t reserved = 0;
  std::uint64_t description_size = 0;
  std::uint64_t path_size = 0;  ///< 0: there is no source
  std::uint64_t target_size = 0;
  std::uint64_t size = 0;  ///< of the pack, all included
  std::array<char, 8> magic = kMagic;
};

/// What the pieces of a pack lie in.
struct Packed {
  std::vector<UnitStore::Unit> units;
  UnitFileBuilder builder;
  std::string texts;
  PackTail tail;
};

/// The source's file, if it is the same. To open a FIFO that is there now could take forever.
Expected<ModuleFile> open_source(const UnitSource& source) {
  std::error_code error;
  if (std::filesystem::is_regular_file(source.path, error)) {
    auto file = WZRUN_TRY(ModuleFile::open(source.path));
    if (file.fingerprint() == source.fingerprint)
      return file;
  }
  return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, source.path + " has changed"});
}

/// The same where anybody finds it, if it is there.
std::optional<UnitSource> with_full_path(UnitSource source) {
  std::error_code error;
  source.path = std::filesystem::canonical(source.path, error).string();
  return !error && open_source(source) ? std::optional(std::move(source)) : std::nullopt;
}

struct Source {
  ModuleBytes bytes;
  Sha256Digest digest;
};

Expected<Source> read(const UnitSource& source) {
  const auto file = WZRUN_TRY(open_source(source));
  auto bytes = WZRUN_TRY(file.read());
  if (!file.is_unchanged())
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, source.path + " has changed while it was read"});
  const auto digest = sha256(bytes.view());
  return Source{std::move(bytes), digest};
}

bool wants_joining(CompilationCache& cache, const Sha256Digest& key) {
  const auto found = find_in(cache, key);
  return found && is_worth_joining(found->file);
}

/// Joins what a cache has in many units. Where that cannot be done everything stays as it is. `module`: the source, if
/// it was read already.
void join(CompilationCache& cache, const Sha256Digest& key, std::string_view description, const UnitSource& source,
          std::optional<Source> module) {
  const auto found = find_in(cache, key);
  if (!found)
    return;
  if (!module)
    if (auto bytes = read(source))
      module = *std::move(bytes);
  if (!module || units_key(module->digest, source.target) != key)
    return;
  const auto joined = join_units(found->file, module->bytes.view(), source.features, source.target);
  if (!joined)
    return;
  if (wants_joining(cache, key))  // else another run has done so meanwhile
    static_cast<void>(add(cache, key, description, {*joined}, {}));
  cache.make_sure(key);
}

}  // namespace

UnkeptCode UnitStore::pack(std::vector<Unit> units, std::span<const FunctionProfile> profile) {
  const bool has_new_units = may_write_ && !units.empty();
  if (!has_new_units && !(may_keep_module() && source_))
    return {};
  const auto packed = std::make_shared<Packed>(Packed{.units = std::move(units)});
  Images images;
  for (const auto& unit : packed->units)
    images.emplace_back(*unit);
  add_all(packed->builder, images);
  {
    // Another thread may be keeping counts: then they come twice, and that is all.
    const std::unique_lock lock(keeping_, std::try_to_lock);
    for (const auto& function : lock ? news(profile) : std::vector(profile.begin(), profile.end()))
      packed->builder.add(function);
  }
  auto& tail = packed->tail;
  packed->texts = description_;
  tail.description_size = description_.size();
  const auto source = source_ ? with_full_path(*source_) : std::nullopt;
  if (source) {
    tail.fingerprint = source->fingerprint;
    tail.features = source->features.bits();
    tail.path_size = source->path.size();
    tail.target_size = source->target.size();
    tail.wants_module = wants_module_.load() ? 1 : 0;
    packed->texts += source->path + source->target;
  }
  if (!source || key_is_made_.load(std::memory_order_acquire)) {
    tail.key = key();
    tail.has_key = 1;
  }
  auto parts = packed->builder.parts();
  parts.push_back(bytes_of(std::span<const char>(packed->texts)));
  parts.push_back(bytes_of(std::span<const PackTail>(&tail, 1)));
  for (const auto part : parts)
    tail.size += part.size();
  return {std::move(parts), packed};
}

Expected<void> UnitStore::add_packed(CompilationCache& cache, std::span<const std::uint8_t> packed,
                                     std::chrono::milliseconds delay) {
  const auto damaged = [] {
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "the pack is damaged"});
  };
  PackTail tail;
  if (packed.size() < sizeof tail)
    return damaged();
  const auto content = packed.first(packed.size() - sizeof tail);
  std::memcpy(&tail, packed.data() + content.size(), sizeof tail);
  if (tail.magic != PackTail::kMagic || tail.size != packed.size())
    return damaged();
  auto rest = content;
  bool fits = true;
  const auto take_text = [&](std::uint64_t size) {
    fits = fits && size <= rest.size();
    if (!fits)
      return std::string();
    const auto text = rest.last(size);
    rest = rest.first(rest.size() - size);
    return std::string(text.begin(), text.end());
  };
  UnitSource source{.fingerprint = tail.fingerprint, .features = CoreFeatures::from_bits(tail.features)};
  source.target = take_text(tail.target_size);
  source.path = take_text(tail.path_size);
  const auto description = take_text(tail.description_size);
  if (!fits)
    return damaged();
  const auto file = WZRUN_TRY(UnitFile::view(rest));
  auto key = tail.key;
  std::optional<Source> module;
  if (tail.has_key == 0) {
    module = WZRUN_TRY(read(source));
    cache.remember_module(source.fingerprint, module->digest);
    key = units_key(module->digest, source.target);
  }
  if (!file.units().empty())
    WZRUN_CHECK(add(cache, key, description, images_of(file), file.profile()));
  if (tail.wants_module != 0) {
    if (!module)
      module = WZRUN_TRY(read(source));
    if (units_key(module->digest, source.target) == key)
      add_module(cache, key, description, module->bytes.view(), source.features);
    cache.make_sure(prepared_key(key));
  }
  cache.make_sure(key);
  const bool is_only_processor = usable_processors() < 2;  // which the next run wants
  if (source.path.empty() || is_only_processor || !wants_joining(cache, key))
    return {};
  std::this_thread::sleep_for(delay);
  join(cache, key, description, source, std::move(module));
  return {};
}

}  // namespace wzrun::runtime
