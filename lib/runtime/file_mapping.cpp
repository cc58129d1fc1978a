#include "runtime/file_mapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace wzrun::runtime {

Expected<ModuleBytes> map_file(int fd, std::uint64_t size) {
  void* const pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (pages == MAP_FAILED)
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, std::strerror(errno)});
  return ModuleBytes::keep({static_cast<const std::uint8_t*>(pages), size},
                           std::shared_ptr<const void>(pages, [size](void* mapped) { munmap(mapped, size); }));
}

}  // namespace wzrun::runtime
