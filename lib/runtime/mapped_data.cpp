#include "runtime/mapped_data.h"

#include "runtime/linear_memory.h"

#include <fcntl.h>

namespace wzrun::runtime {

namespace {

constexpr std::size_t kLeastBytes = 256U << 10;  // below, to copy is as fast
constexpr std::uint64_t kStep = LinearMemory::kMappingStep;

}  // namespace

std::optional<MappableSegment> mappable_segment(const wasm::Module& module) {
  if (module.imported_memories != 0)
    return std::nullopt;
  std::optional<MappableSegment> found;
  std::size_t most = kLeastBytes;
  for (std::size_t i = 0; i < module.data.size(); ++i) {
    const auto& segment = module.data[i];
    if (segment.mode != wasm::SegmentMode::active || segment.memory_index != 0 || !segment.memory_offset.i32 ||
        segment.bytes.size() < most)
      continue;
    most = segment.bytes.size();
    found = {.index = i,
             .address = *segment.memory_offset.i32,
             .offset = static_cast<std::uint64_t>(segment.bytes.data() - module.bytes.data())};
  }
  return found;
}

std::uint64_t module_offset_in_file(const wasm::Module& module, std::uint64_t least) {
  constexpr std::uint64_t kAlignment = 16;
  if (const auto segment = mappable_segment(module))
    return least + (segment->address - segment->offset - least) % kStep;
  return (least + kAlignment - 1) / kAlignment * kAlignment;
}

std::optional<MappedData> MappedData::of(const wasm::Module& module, int fd, std::uint64_t module_offset) {
  const auto segment = mappable_segment(module);
  if (!segment || (module_offset + segment->offset - segment->address) % kStep != 0)
    return std::nullopt;
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0)
    return std::nullopt;
  return MappedData{CacheEntry(own, module_offset + module.bytes.size()), *segment, module_offset + segment->offset};
}

}  // namespace wzrun::runtime
