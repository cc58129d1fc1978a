#include "runtime/image_builder.h"

#include <algorithm>
#include <cstring>

namespace wzrun::runtime {

namespace {

constexpr std::uint32_t kCodeAlignment =
#if defined(__aarch64__)
    64U << 10;  // the largest page
#else
    4U << 10;
#endif

/// In bytes, of pieces of code that are joined: no constant in them asks for more.
constexpr std::size_t kPieceAlignment = 64;

/// The tables of an image that was just made.
class Tables {
 public:
  explicit Tables(std::span<const std::uint8_t> image) : image_(image) {
    std::memcpy(&header, image.data(), sizeof header);
  }

  template <typename Element>
  std::span<const Element> at(const ImagePart& part) const {
    return {reinterpret_cast<const Element*>(image_.data() + part.offset), part.size / sizeof(Element)};
  }

  ImageHeader header;

 private:
  std::span<const std::uint8_t> image_;
};

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

std::uint32_t LineTable::append(std::span<const std::uint8_t> bytes) {
  const auto begin = static_cast<std::uint32_t>(bytes_.size());
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return begin;
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

std::vector<std::uint8_t> join_images(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second,
                                      std::uint64_t functions, const Sha256Digest& module) {
  std::vector<std::uint8_t> code;
  ImageContents all;
  all.module = module;
  all.functions.assign(functions, kNoCode);
  const Tables of_first(first);
  const auto target = of_first.at<char>(of_first.header.target);
  all.target = {target.data(), target.size()};
  all.guarded = of_first.header.guarded != 0;
  all.opt_level = of_first.header.opt_level;
  for (const auto image : {first, second}) {
    const Tables from(image);
    code.resize((code.size() + kPieceAlignment - 1) / kPieceAlignment * kPieceAlignment);
    const auto begin = static_cast<std::uint32_t>(code.size());
    const auto lines = all.lines.append(from.at<std::uint8_t>(from.header.lines));
    const auto piece = from.at<std::uint8_t>(from.header.code);
    code.insert(code.end(), piece.begin(), piece.end());
    const auto moved = [&](std::uint32_t offset) { return offset == kNoCode ? kNoCode : begin + offset; };
    const auto members = from.at<std::uint32_t>(from.header.members);
    const auto places = from.at<std::uint32_t>(from.header.functions);
    for (std::size_t i = 0; i < members.size(); ++i)
      all.functions[members[i]] = moved(places[i]);
    const auto entries = from.at<std::uint32_t>(from.header.entries);
    all.entries.resize(entries.size(), kNoCode);
    for (std::size_t type = 0; type < entries.size(); ++type)
      if (all.entries[type] == kNoCode)
        all.entries[type] = moved(entries[type]);
    for (const auto& range : from.at<ImageRange>(from.header.ranges))
      all.ranges.push_back({begin + range.begin, begin + range.end, range.function, lines + range.lines});
  }
  all.code = code;
  return build_image(all);
}

}  // namespace wzrun::runtime
