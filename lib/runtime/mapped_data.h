#pragma once

#include "wasm/module.h"
#include "wzrun/cache.h"

#include <cstddef>
#include <cstdint>
#include <optional>

/// The data of a module that are mapped from a file that nobody changes, page by page as the program needs them, in
/// place of being copied at each start: the largest segment, if it is large. Such a file has the module where the
/// segment's addresses in the memory and in the file are the same number of bytes behind pages of any size.
namespace wzrun::runtime {

struct MappableSegment {
  std::size_t index = 0;
  std::uint32_t address = 0;
  std::uint64_t offset = 0;  ///< of its bytes in the module
};
std::optional<MappableSegment> mappable_segment(const wasm::Module& module);

/// The first offset from `least` on where a file can have the module.
std::uint64_t module_offset_in_file(const wasm::Module& module, std::uint64_t least);

struct MappedData {
  CacheEntry file;
  MappableSegment segment;
  std::uint64_t offset = 0;  ///< of the segment's bytes in the file

  /// Of a module that stands at an offset in a file, which stays open. Nothing if there is no such segment or the
  /// module stands in the wrong place.
  static std::optional<MappedData> of(const wasm::Module& module, int fd, std::uint64_t module_offset);
};

}  // namespace wzrun::runtime
