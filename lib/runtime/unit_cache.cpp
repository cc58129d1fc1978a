#include "runtime/unit_cache.h"

#include "runtime/prepared_module.h"
#include "wasm/decoder.h"
#include "wzrun/sha256.h"

#include <fmt/format.h>

#include <cstring>
#include <ranges>
#include <utility>

namespace wzrun::runtime {

namespace {

std::uint32_t opt_level_of(std::span<const std::uint8_t> image) {
  ImageHeader header;
  std::memcpy(&header, image.data(), sizeof header);
  return header.opt_level;
}

}  // namespace

std::expected<FoundUnits, std::string> find_units(CompilationCache& cache, const Sha256Digest& key) {
  auto entry = cache.find(key);
  if (!entry)
    return std::unexpected(std::move(entry).error());
  const auto fingerprint = FileFingerprint::of(entry->fd());
  auto file = UnitFile::open(*std::move(entry));
  if (!file)
    return std::unexpected(file.error().to_string());
  return FoundUnits{*std::move(file), fingerprint ? fingerprint->inode : 0};
}

void add_in_order(UnitFileBuilder& builder, std::span<const ImageBytes> images) {
  for (const std::uint32_t opt_level : {3, 2, 1, 0})
    for (const auto& image : images | std::views::reverse)
      if (opt_level_of(image) == opt_level)
        builder.add(image);
}

std::vector<ImageBytes> images_of(const UnitFile& file) {
  std::vector<ImageBytes> images;
  for (const auto& unit : file.units() | std::views::reverse)
    images.push_back(file.bytes(unit));
  return images;
}

Expected<void> add_units(CompilationCache& cache, const Sha256Digest& key, std::string_view description,
                         std::span<const ImageBytes> added, std::span<const FunctionProfile> profile) {
  // What others keep meanwhile would be lost between looking and storing.
  const auto claim = cache.claim(key);
  UnitFileBuilder builder;
  std::vector<ImageBytes> images;
  const auto before = find_units(cache, key);
  if (before) {
    images = images_of(before->file);
    for (const auto& function : before->file.profile())
      builder.add(function);
  }
  images.insert(images.end(), added.begin(), added.end());
  add_in_order(builder, images);
  for (const auto& function : profile)
    builder.add(function);
  if (auto stored = cache.store(key, builder.parts(), description); !stored)
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, std::move(stored).error()});
  return {};
}

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

Sha256Digest improving_key(const Sha256Digest& units, Improver who) {
  Sha256 hash;
  hash.update(units);
  hash.update(std::string_view(who == Improver::run ? "improving in a run" : "improving after runs"));
  return hash.finish();
}

Sha256Digest units_key(const Sha256Digest& module, std::string_view target) {
  Sha256 hash;
  hash.update(module);
  hash.update(target);
  hash.update(std::string_view("units"));
  return hash.finish();
}

}  // namespace wzrun::runtime
