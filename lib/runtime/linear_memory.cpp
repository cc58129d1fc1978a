#include "runtime/linear_memory.h"

#include <fmt/format.h>

#include <sys/mman.h>
#include <algorithm>

namespace wzrun::runtime {

namespace {

constexpr std::uint64_t kMaxPages32 = std::uint64_t{1} << 16;
// A 64-bit memory is bounded by what a process can address; the specification leaves the limit to us.
constexpr std::uint64_t kMaxPages64 = std::uint64_t{1} << (47 - wasm::kPageSizeLog2);

constinit AddressTable<const LinearMemory> reservations;

}  // namespace

Expected<std::unique_ptr<LinearMemory>> LinearMemory::create(const wasm::Limits& limits, Budget& budget) {
  std::unique_ptr<LinearMemory> memory(new LinearMemory);
  memory->limits_ = limits;
  memory->budget_ = &budget;
  const auto architectural = limits.is_64 ? kMaxPages64 : kMaxPages32;
  memory->max_pages_ = std::min(limits.max.value_or(architectural), architectural);
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset,
                                 fmt::format("memory of {} pages (64 KiB each): {}", limits.min, why)});
  };
  const auto allowed = std::min(memory->max_pages_, budget.left() >> wasm::kPageSizeLog2);
  if (limits.min > allowed)
    return refuse(fmt::format("the limit is {} pages", allowed));
  memory->guarded_ = !limits.is_64 && memory->reserve();
  if (!memory->grow(limits.min))
    return refuse("the host has not enough memory");
  return memory;
}

LinearMemory::~LinearMemory() {
  if (guarded_) {
    reservations.remove(place_);
    munmap(base_, kReservedBytes);
  } else if (base_ != nullptr) {
    munmap(base_, size_bytes_);
  }
}

bool LinearMemory::is_reserved(const void* address) { return reservations.find(address) != nullptr; }

bool LinearMemory::reserve() {
  void* const address = mmap(nullptr, kReservedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return false;
  base_ = static_cast<std::uint8_t*>(address);
  place_ = reservations.add(base_, kReservedBytes, *this);
  return true;
}

void LinearMemory::expect_writes(std::uint64_t address, std::uint64_t length) {
  constexpr std::uint64_t kLeastBytes = 2U << 20;  // of a large page
  // Without guards mremap moves the memory: one mapping, and what is advised otherwise is another.
  if (length < kLeastBytes || !guarded_)
    return;
  const auto begin = address / wasm::kPageSize * wasm::kPageSize;
  madvise(base_ + begin, address + length - begin, MADV_HUGEPAGE);  // a fault takes longer than writing a small page
}

bool LinearMemory::map_file(std::uint64_t address, std::uint64_t length, int fd, std::uint64_t offset) {
  return mmap(base_ + address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
              static_cast<off_t>(offset)) != MAP_FAILED;
}

std::optional<std::uint64_t> LinearMemory::grow(std::uint64_t pages) {
  const auto before = size_pages();
  if (pages > max_pages_ - before)
    return std::nullopt;
  const auto added_bytes = pages << wasm::kPageSizeLog2;
  if (!budget_->take(added_bytes))
    return std::nullopt;
  if (pages == 0 || resize((before + pages) << wasm::kPageSizeLog2))
    return before;
  budget_->give_back(added_bytes);
  return std::nullopt;
}

bool LinearMemory::resize(std::uint64_t new_size_bytes) {
  if (new_size_bytes == size_bytes_)
    return true;
  if (guarded_) {
    if (mprotect(base_ + size_bytes_, new_size_bytes - size_bytes_, PROT_READ | PROT_WRITE) != 0)
      return false;
  } else {
    void* const address = size_bytes_ == 0 ? mmap(nullptr, new_size_bytes, PROT_READ | PROT_WRITE,
                                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                           : mremap(base_, size_bytes_, new_size_bytes, MREMAP_MAYMOVE);
    if (address == MAP_FAILED)
      return false;
    base_ = static_cast<std::uint8_t*>(address);
  }
  size_bytes_ = new_size_bytes;
  return true;
}

}  // namespace wzrun::runtime
