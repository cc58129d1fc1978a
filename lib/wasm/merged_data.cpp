#include "wasm/merged_data.h"

#include "wasm/binary_writer.h"

#include <algorithm>

namespace wzrun::wasm {

namespace {

/// In bytes, of zeros that take the place of a segment of its own.
constexpr std::uint64_t kShortGap = 256;
/// In bytes, of zeros that make one large segment of two, for runtime/mapped_data.h. All of them are at most one in so
/// many of the bytes between them.
constexpr std::uint64_t kLongGap = 64U << 10;
constexpr std::uint64_t kFilledPerGap = 8;

/// Segments that become one.
struct Run {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint64_t begin = 0;  ///< in memory
  std::uint64_t end = 0;
  std::uint64_t long_gaps = 0;  ///< together

  bool reaches(std::uint64_t address) const {
    const auto gap = address - end;
    return gap <= kShortGap || (gap <= kLongGap && (long_gaps + gap) * kFilledPerGap <= end - begin - long_gaps);
  }
  void extend(std::uint64_t address, std::uint64_t size) {
    if (address - end > kShortGap)
      long_gaps += address - end;
    end = address + size;
    ++count;
  }
};

/// Whether segments can be merged at all: they are written in the order of their addresses, to a memory that has the
/// room, that nobody has written to before, and no instruction can name one.
bool is_mergeable(const Module& module) {
  if (module.data_count || module.imported_memories != 0 || module.memories.empty())
    return false;
  const auto size = module.memories[0].limits.min * kPageSize;
  std::uint64_t written = 0;
  return std::ranges::all_of(module.data, [&](const DataSegment& segment) {
    if (segment.mode != SegmentMode::active || segment.memory_index != 0 || !segment.memory_offset.i32)
      return false;
    const std::uint64_t begin = *segment.memory_offset.i32;
    if (begin < written || begin + segment.bytes.size() > size)
      return false;
    written = begin + segment.bytes.size();
    return true;
  });
}

std::vector<Run> runs_of(const Module& module) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < module.data.size(); ++i) {
    const auto& segment = module.data[i];
    const std::uint64_t begin = *segment.memory_offset.i32;
    if (runs.empty() || !runs.back().reaches(begin))
      runs.push_back({i, 0, begin, begin});
    runs.back().extend(begin, segment.bytes.size());
  }
  return runs;
}

void append_segment(std::vector<std::uint8_t>& bytes, const Module& module, const Run& run) {
  constexpr std::uint8_t kI32Const = 0x41, kEnd = 0x0b;
  bytes.insert(bytes.end(), {0, kI32Const});
  append_s32(bytes, static_cast<std::int32_t>(static_cast<std::uint32_t>(run.begin)));
  bytes.push_back(kEnd);
  append_u32(bytes, static_cast<std::uint32_t>(run.end - run.begin));
  auto at = run.begin;
  for (auto i = run.first; i < run.first + run.count; ++i) {
    const auto& segment = module.data[i];
    bytes.insert(bytes.end(), *segment.memory_offset.i32 - at, 0);
    bytes.insert(bytes.end(), segment.bytes.begin(), segment.bytes.end());
    at = *segment.memory_offset.i32 + segment.bytes.size();
  }
}

}  // namespace

std::optional<std::vector<std::uint8_t>> merged_data_section(const Module& module) {
  if (!is_mergeable(module))
    return std::nullopt;
  const auto runs = runs_of(module);
  if (runs.size() == module.data.size())
    return std::nullopt;
  std::vector<std::uint8_t> contents;
  append_u32(contents, static_cast<std::uint32_t>(runs.size()));
  for (const auto& run : runs)
    append_segment(contents, module, run);
  return section(SectionId::data, contents);
}

}  // namespace wzrun::wasm
