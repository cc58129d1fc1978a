#include "runtime/compiled_file.h"

#include "runtime/file_mapping.h"
#include "runtime/image.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace wzrun::runtime {

namespace {

constexpr std::size_t kTailChecked = sizeof(CompiledFileTail) - sizeof(CompiledFileTail::checksum);

}  // namespace

CompiledFileParts::CompiledFileParts(std::span<const std::uint8_t> image, std::span<const std::uint8_t> module,
                                     std::uint64_t module_offset, bool has_bodies)
    : padding_(module_offset - image.size()) {
  tail_.has_bodies = has_bodies ? 1 : 0;
  tail_.image_size = image.size();
  tail_.module_offset = module_offset;
  tail_.module_size = module.size();
  const std::span tail(reinterpret_cast<const std::uint8_t*>(&tail_), sizeof tail_);
  parts_ = {image, padding_, module, tail};
  Checksummer sum;
  for (const auto& part : {parts_[0], parts_[1], parts_[2], tail.first(kTailChecked)})
    sum.update(part);
  tail_.checksum = sum.finish();
}

Expected<CompiledFile> CompiledFile::open(int fd, std::uint64_t size) {
  const auto malformed = [] {
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "compiled code is damaged"});
  };
  CompiledFileTail tail;
  if (size < sizeof tail || pread(fd, &tail, sizeof tail, static_cast<off_t>(size - sizeof tail)) != sizeof tail)
    return malformed();
  const auto end = size - sizeof tail;
  if (tail.magic != CompiledFileTail::kMagic || tail.format != CompiledFileTail::kFormat || tail.module_size == 0 ||
      tail.module_offset > end || tail.module_size != end - tail.module_offset || tail.image_size > tail.module_offset)
    return malformed();
  const auto file = WZRUN_TRY(map_file(fd, size));
  return CompiledFile{tail.image_size, tail.module_offset, file.part(tail.module_offset, tail.module_size),
                      tail.has_bodies != 0, file.view()};
}

unsigned CompiledFile::opt_level() const {
  ImageHeader header;
  if (image_size < sizeof header)
    return 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.opt_level;
}

bool CompiledFile::checksum_holds() const {
  const auto checked = bytes.size() - sizeof(Checksum);
  return std::ranges::equal(wzrun::checksum(bytes.first(checked)), bytes.subspan(checked));
}

}  // namespace wzrun::runtime
