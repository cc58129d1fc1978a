#include "runtime/image_builder.h"

#include <cstring>

namespace wzrun::runtime {

namespace {

constexpr std::uint32_t kCodeAlignment =
#if defined(__aarch64__)
    64U << 10;  // the largest page
#else
    4U << 10;
#endif

}  // namespace

std::uint32_t LineTable::begin_range(std::uint64_t code) {
  code_ = code;
  module_ = 0;
  last_.reset();
  return static_cast<std::uint32_t>(bytes_.size());
}

void LineTable::add(std::uint64_t code, std::uint64_t module) {
  if (last_ == module)
    return;
  put_unsigned(code - code_);
  put_signed(static_cast<std::int64_t>(module - module_));
  code_ = code;
  module_ = module;
  last_ = module;
}

void LineTable::put_unsigned(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes_.push_back(static_cast<std::uint8_t>(value));
}

void LineTable::put_signed(std::int64_t value) {
  while (value < -0x40 || value > 0x3f) {
    bytes_.push_back(static_cast<std::uint8_t>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<std::uint8_t>(value & 0x7f));
}

std::vector<std::uint8_t> build_image(const ImageContents& contents) {
  std::vector<std::uint8_t> image(sizeof(ImageHeader));
  const auto append = [&]<typename Element>(std::span<const Element> part, std::size_t alignment = 8) {
    image.resize((image.size() + alignment - 1) / alignment * alignment);
    const auto offset = image.size();
    image.resize(offset + part.size_bytes());
    if (!part.empty())
      std::memcpy(image.data() + offset, part.data(), part.size_bytes());
    return ImagePart{offset, part.size_bytes()};
  };
  ImageHeader header;
  header.code_alignment = kCodeAlignment;
  header.guarded = contents.guarded ? 1 : 0;
  header.opt_level = contents.opt_level;
  header.target = append(std::span(contents.target));
  header.members = append(std::span(contents.members));
  header.loops = append(std::span(contents.loops));
  header.functions = append(std::span(contents.functions));
  header.tails = append(std::span(contents.tails));
  header.entries = append(std::span(contents.entries));
  header.ranges = append(std::span(contents.ranges));
  header.lines = append(contents.lines.bytes());
  header.code = append(contents.code, kCodeAlignment);
  header.total_size = image.size();
  header.module = contents.module;
  header.checksum = checksum(std::span(image).subspan(sizeof header));
  std::memcpy(image.data(), &header, sizeof header);
  return image;
}

}  // namespace wzrun::runtime
