#pragma once

#include "runtime/image.h"
#include "wzrun/checksum.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun {

/// An image put together by hand.
struct ImageBuilder {
  std::string target = "test";
  bool guarded = true;
  std::uint32_t opt_level = 2;
  std::vector<std::uint32_t> members;
  std::vector<std::uint32_t> functions;
  std::vector<std::uint32_t> tails;
  std::vector<runtime::ImageLoop> loops;
  std::vector<std::uint32_t> entries;
  std::vector<runtime::ImageRange> ranges;
  std::vector<std::uint8_t> lines;
  std::vector<std::uint8_t> code;

  static constexpr std::uint32_t kAlignment = 1U << 16;

  /// Numbers of `lines`, below 2^27 and not negative.
  void add_line(std::uint32_t code_distance, std::uint32_t module_distance) {
    for (const auto number : {code_distance, module_distance}) {
      for (unsigned shift = 0; shift < 21; shift += 7)
        lines.push_back(static_cast<std::uint8_t>(number >> shift & 0x7f) | 0x80);
      lines.push_back(static_cast<std::uint8_t>(number >> 21 & 0x3f));
    }
  }

  std::vector<std::uint8_t> build() const {
    std::vector<std::uint8_t> image(sizeof(runtime::ImageHeader));
    const auto add = [&](const void* data, std::size_t size, std::size_t alignment) {
      image.resize((image.size() + alignment - 1) / alignment * alignment);
      const runtime::ImagePart part{image.size(), size};
      image.resize(image.size() + size);
      if (size != 0)
        std::memcpy(image.data() + part.offset, data, size);
      return part;
    };
    runtime::ImageHeader header;
    header.code_alignment = kAlignment;
    header.guarded = guarded ? 1 : 0;
    header.opt_level = opt_level;
    header.target = add(target.data(), target.size(), 1);
    header.members = add(members.data(), members.size() * sizeof members[0], 8);
    header.loops = add(loops.data(), loops.size() * sizeof loops[0], 8);
    header.functions = add(functions.data(), functions.size() * sizeof functions[0], 8);
    header.tails = add(tails.data(), tails.size() * sizeof tails[0], 8);
    header.entries = add(entries.data(), entries.size() * sizeof entries[0], 8);
    header.ranges = add(ranges.data(), ranges.size() * sizeof ranges[0], 8);
    header.lines = add(lines.data(), lines.size(), 1);
    header.code = add(code.data(), code.size(), kAlignment);
    header.total_size = image.size();
    header.checksum = checksum(std::span(image).subspan(sizeof header));
    std::memcpy(image.data(), &header, sizeof header);
    return image;
  }
};

}  // namespace wzrun
