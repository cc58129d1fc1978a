#include "runtime/unit_file.h"

#include "runtime/file_mapping.h"
#include "runtime/file_parts.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace wzrun::runtime {

namespace {

ImageHeader header_of(std::span<const std::uint8_t> image) {
  ImageHeader header;
  std::memcpy(&header, image.data(), sizeof header);
  return header;
}

std::unexpected<Error> malformed() {
  return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "kept code is damaged"});
}

}  // namespace

Expected<UnitFile> UnitFile::open(CacheEntry entry) {
  const auto mapping = WZRUN_TRY(map_file(entry.fd(), entry.size_bytes()));
  auto file = WZRUN_TRY(view(mapping.view()));
  file.mapping_ = mapping;
  file.entry_ = std::make_shared<const CacheEntry>(std::move(entry));
  return file;
}

Expected<UnitFile> UnitFile::view(std::span<const std::uint8_t> bytes) {
  const auto size = bytes.size();
  if (size < sizeof(UnitFileTail))
    return malformed();
  UnitFile file;
  file.file_ = bytes;
  UnitFileTail tail;
  const auto end = size - sizeof tail;
  std::memcpy(&tail, file.file_.data() + end, sizeof tail);
  if (tail.magic != UnitFileTail::kMagic || tail.format != UnitFileTail::kFormat ||
      !lies_within<ImagePart>(tail.units, end) || !lies_within<FunctionProfile>(tail.profile, end))
    return malformed();
  file.units_ = array_at<ImagePart>(file.file_, tail.units);
  file.profile_ = array_at<FunctionProfile>(file.file_, tail.profile);
  for (const auto& unit : file.units_)
    if (!lies_within<std::uint8_t>(unit, end) || unit.offset % alignof(ImageHeader) != 0 || !is_image(file.bytes(unit)))
      return malformed();
  return file;
}

ImageHeader UnitFile::header(const ImagePart& unit) const { return header_of(bytes(unit)); }

std::span<const std::uint32_t> UnitFile::members(const ImagePart& unit) const {
  return array_at<std::uint32_t>(bytes(unit), header(unit).members);
}

std::span<const ImageLoop> UnitFile::loops(const ImagePart& unit) const {
  return array_at<ImageLoop>(bytes(unit), header(unit).loops);
}

void UnitFileBuilder::add(std::span<const std::uint8_t> image) {
  const auto header = header_of(image);
  bool is_new = false;
  for (const auto member : array_at<std::uint32_t>(image, header.members))
    is_new = functions_.try_emplace(member, header.opt_level).second || is_new;
  for (const auto& loop : array_at<ImageLoop>(image, header.loops)) {
    const auto function = functions_.find(loop.function);
    const bool is_better = function != functions_.end() && function->second > header.opt_level;
    is_new = (!is_better && loops_.emplace(loop.function, loop.loop).second) || is_new;
  }
  if (is_new)
    images_.push_back(image);
}

void UnitFileBuilder::add(const FunctionProfile& profile) {
  auto& sum = by_function_.try_emplace(profile.function, FunctionProfile{.function = profile.function, .runs = 0})
                  .first->second;
  sum.runs += profile.runs;
  sum.calls += profile.calls;
  sum.back_edges += profile.back_edges;
}

std::vector<std::span<const std::uint8_t>> UnitFileBuilder::parts() {
  std::uint64_t offset = 0;
  std::vector<std::span<const std::uint8_t>> parts;
  std::uint64_t most = sizeof(FunctionProfile);
  for (const auto& image : images_)
    most = std::max<std::uint64_t>(most, header_of(image).code_alignment);
  padding_.assign(most, 0);
  const auto append = [&](std::span<const std::uint8_t> bytes, std::uint64_t alignment) {
    const auto gap = (alignment - offset % alignment) % alignment;
    parts.push_back(std::span(padding_).first(gap));
    parts.push_back(bytes);
    offset += gap + bytes.size();
    return ImagePart{offset - bytes.size(), bytes.size()};
  };
  units_.clear();
  // An image begins at a multiple of its code's alignment, so that it can be mapped.
  for (const auto& image : images_)
    units_.push_back(append(image, header_of(image).code_alignment));
  profile_.clear();
  for (const auto& [index, profile] : by_function_)
    profile_.push_back(profile);
  tail_.units = append(bytes_of<ImagePart>(units_), alignof(ImagePart));
  tail_.profile = append(bytes_of<FunctionProfile>(profile_), alignof(FunctionProfile));
  append(bytes_of(std::span<const UnitFileTail>(&tail_, 1)), alignof(UnitFileTail));
  return parts;
}

}  // namespace wzrun::runtime
