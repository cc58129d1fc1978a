#include "runtime/compiled_file.h"

#include "runtime/image.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace wzrun::runtime {

namespace {

/// The beginning of a file in memory, to be read only.
class Mapping {
 public:
  Mapping(int fd, std::uint64_t size) : size_(size), base_(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0)) {}
  ~Mapping() {
    if (base_ != MAP_FAILED)
      munmap(base_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  explicit operator bool() const { return base_ != MAP_FAILED; }
  std::span<const std::uint8_t> bytes() const { return {static_cast<const std::uint8_t*>(base_), size_}; }

 private:
  std::uint64_t size_;
  void* base_;
};

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
  const auto mapping = std::make_shared<Mapping>(fd, size);
  if (!*mapping)
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, std::strerror(errno)});
  const auto bytes = mapping->bytes();
  return CompiledFile{tail.image_size, tail.module_offset,
                      ModuleBytes::keep(bytes.subspan(tail.module_offset, tail.module_size), mapping),
                      tail.has_bodies != 0, bytes};
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
