#include "runtime/zeroed_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace wzrun::runtime {

void* map_zeroed(std::size_t& bytes) {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (bytes < kLargePage)
    return mmap(nullptr, bytes, kProtection, kFlags, -1, 0);
  const auto wanted = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  void* const pages = mmap(nullptr, wanted + kLargePage, kProtection, kFlags, -1, 0);
  if (pages == MAP_FAILED)
    return pages;
  bytes = wanted;
  auto* const first = static_cast<std::uint8_t*>(pages);
  const auto before = -reinterpret_cast<std::uintptr_t>(pages) % kLargePage;
  if (before > 0)
    munmap(first, before);
  munmap(first + before + wanted, kLargePage - before);
  madvise(first + before, wanted, MADV_HUGEPAGE);
  return first + before;
}

ZeroedMemory::~ZeroedMemory() {
  if (mapped_bytes_ != 0)
    munmap(data_, mapped_bytes_);
  else
    std::free(data_);
}

void* ZeroedMemory::allocate(std::size_t bytes) {
  if (bytes < kLargePage / 2)
    return data_ = std::calloc(1, bytes);
  auto mapped = std::max(bytes, kLargePage);
  void* const pages = map_zeroed(mapped);
  if (pages == MAP_FAILED)
    return nullptr;
  mapped_bytes_ = mapped;
  return data_ = pages;
}

}  // namespace wzrun::runtime
