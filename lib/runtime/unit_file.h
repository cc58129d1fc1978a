#pragma once

#include "runtime/image.h"
#include "wzrun/cache.h"
#include "wzrun/error.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

/// What runs of a program leave for the next one: images of the functions that were hot, and how often each function
/// ran. Layout: images, each aligned for its code | ImagePart of each | FunctionProfile, ascending | tail.
namespace wzrun::runtime {

struct FunctionProfile {
  std::uint32_t function = 0;  ///< function index
  std::uint32_t reserved = 0;
  std::uint64_t calls = 0;
  std::uint64_t back_edges = 0;  ///< backward branches that were taken
};

struct UnitFileTail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'u', 'n', 'i'};
  static constexpr std::uint64_t kFormat = 1;

  std::array<char, 8> magic = kMagic;
  std::uint64_t format = kFormat;
  ImagePart units;    ///< of type ImagePart
  ImagePart profile;  ///< of type FunctionProfile
};

/// Such a file, mapped.
class UnitFile {
 public:
  /// Maps the file. Errors: malformed, io.
  static Expected<UnitFile> open(const CacheEntry& entry);
  /// The same of bytes in memory, aligned to 8 bytes, which must stay. Errors: malformed.
  static Expected<UnitFile> view(std::span<const std::uint8_t> bytes);

  std::span<const ImagePart> units() const { return units_; }
  std::span<const std::uint8_t> bytes(const ImagePart& unit) const { return file_.subspan(unit.offset, unit.size); }
  std::span<const FunctionProfile> profile() const { return profile_; }

 private:
  std::shared_ptr<const void> mapping_;
  std::span<const std::uint8_t> file_;
  std::span<const ImagePart> units_;
  std::span<const FunctionProfile> profile_;
};

/// Puts such a file together. It refers to the images, which must stay.
class UnitFileBuilder {
 public:
  /// Takes an image in unless those that it has define all the functions and loops of that one. Requires an image that
  /// Image has accepted.
  void add(std::span<const std::uint8_t> image);
  void add(const FunctionProfile& profile);
  /// The pieces of the file in order, valid as long as this object is not changed.
  std::vector<std::span<const std::uint8_t>> parts();

 private:
  std::vector<std::span<const std::uint8_t>> images_;
  std::map<std::uint64_t, bool> defined_;  ///< functions and loops
  std::map<std::uint32_t, FunctionProfile> by_function_;
  std::vector<std::uint8_t> padding_;
  std::vector<ImagePart> units_;
  std::vector<FunctionProfile> profile_;
  UnitFileTail tail_;
};

}  // namespace wzrun::runtime
