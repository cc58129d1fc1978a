#pragma once

#include "runtime/image.h"
#include "wzrun/sha256.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace wzrun::runtime {

/// The lines of an image's ranges (ImageRange::lines).
class LineTable {
 public:
  /// The lines of the range that begins at `code` follow. Returns where they begin.
  std::uint32_t begin_range(std::uint64_t code);
  /// From an offset in the code on, ascending, it belongs to the instruction at an offset in the module.
  void add(std::uint64_t code, std::uint64_t module);
  /// The lines of ranges of another table follow. Returns where they begin.
  std::uint32_t append(std::span<const std::uint8_t> bytes);
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  void put_unsigned(std::uint64_t value);
  void put_signed(std::int64_t value);

  std::vector<std::uint8_t> bytes_;
  std::uint64_t code_ = 0;
  std::uint64_t module_ = 0;
  std::optional<std::uint64_t> last_;
};

/// What an image is made of; the names are those of ImageHeader.
struct ImageContents {
  std::string_view target;
  Sha256Digest module{};
  bool guarded = true;
  std::uint32_t opt_level = 0;
  std::vector<std::uint32_t> members;
  std::vector<std::uint32_t> functions;
  std::vector<std::uint32_t> tails;
  std::vector<ImageLoop> loops;
  std::vector<std::uint32_t> entries;
  std::vector<ImageRange> ranges;
  LineTable lines;
  std::span<const std::uint8_t> code;
};

std::vector<std::uint8_t> build_image(const ImageContents& contents);

/// One image of a whole module out of two of different functions, without tails and loops, which have been made for the
/// same target: first comes the code of the first. Functions that are in neither have no code.
/// `functions`: that the module defines.
std::vector<std::uint8_t> join_images(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second,
                                      std::uint64_t functions, const Sha256Digest& module);

}  // namespace wzrun::runtime
