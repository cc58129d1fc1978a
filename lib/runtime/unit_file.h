#pragma once

#include "runtime/image.h"
#include "wzrun/cache.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

/// What runs of a program leave for the next one: images of the functions that were hot, and how often each function
/// ran. Layout: images, each aligned for its code | ImagePart of each | FunctionProfile, ascending | tail.
namespace wzrun::runtime {

struct FunctionProfile {
  std::uint32_t function = 0;  ///< function index
  std::uint32_t runs = 1;      ///< in which it was counted
  std::uint64_t calls = 0;
  std::uint64_t back_edges = 0;  ///< backward branches that were taken

  /// On average.
  std::uint64_t events_of_a_run() const { return (calls + back_edges) / std::max(runs, 1U); }
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
  static Expected<UnitFile> open(CacheEntry entry);
  /// The same of bytes in memory, aligned to 8 bytes, which must stay. Errors: malformed.
  static Expected<UnitFile> view(std::span<const std::uint8_t> bytes);

  /// Of the file; -1 if the bytes are in memory.
  int fd() const { return entry_ != nullptr ? entry_->fd() : -1; }
  std::span<const ImagePart> units() const { return units_; }
  std::span<const std::uint8_t> bytes(const ImagePart& unit) const { return file_.subspan(unit.offset, unit.size); }
  ImageHeader header(const ImagePart& unit) const;
  /// The functions that a unit is for, by their numbers among the defined ones, ascending.
  std::span<const std::uint32_t> members(const ImagePart& unit) const;
  std::span<const ImageLoop> loops(const ImagePart& unit) const;
  std::span<const FunctionProfile> profile() const { return profile_; }

 private:
  std::shared_ptr<const CacheEntry> entry_;
  ModuleBytes mapping_;
  std::span<const std::uint8_t> file_;
  std::span<const ImagePart> units_;
  std::span<const FunctionProfile> profile_;
};

/// Puts such a file together. It refers to the images, which must stay.
class UnitFileBuilder {
 public:
  /// Takes an image in unless those that it has define all the functions of that one, and those of its loops whose
  /// functions they do not have better. Requires an image that Image has accepted.
  void add(std::span<const std::uint8_t> image);
  void add(const FunctionProfile& profile);
  /// The pieces of the file in order, valid as long as this object is not changed.
  std::vector<std::span<const std::uint8_t>> parts();

 private:
  std::vector<std::span<const std::uint8_t>> images_;
  std::map<std::uint32_t, std::uint32_t> functions_;         ///< and how well they are compiled
  std::set<std::pair<std::uint32_t, std::uint32_t>> loops_;  ///< function and loop
  std::map<std::uint32_t, FunctionProfile> by_function_;
  std::vector<std::uint8_t> padding_;
  std::vector<ImagePart> units_;
  std::vector<FunctionProfile> profile_;
  UnitFileTail tail_;
};

}  // namespace wzrun::runtime
