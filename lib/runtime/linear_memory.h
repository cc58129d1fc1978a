#pragma once

#include "runtime/address_table.h"
#include "runtime/budget.h"
#include "wasm/module.h"
#include "wzrun/error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace wzrun::runtime {

/// The bytes of one linear memory.
///
/// A 32-bit memory reserves 8 GiB and a guard once, so that every `u32 index + u32 offset` plus the widest access
/// falls inside the reservation: the base never moves, `grow` only changes protections, and code needs no bounds
/// check ("guarded"). Where the address space is too small for that, and for 64-bit memories, the bytes are a plain
/// mapping that may move when it grows, and every access is checked.
class LinearMemory {
 public:
  /// Its bytes come out of `budget`, in bytes, which must outlive it.
  /// Errors: unsupported if the minimum exceeds the budget or what the host gives.
  static Expected<std::unique_ptr<LinearMemory>> create(const wasm::Limits& limits, Budget& budget);
  ~LinearMemory();
  LinearMemory(const LinearMemory&) = delete;
  LinearMemory& operator=(const LinearMemory&) = delete;

  std::uint8_t* base() const { return base_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t size_pages() const { return size_bytes_ >> wasm::kPageSizeLog2; }
  bool is_guarded() const { return guarded_; }
  const wasm::Limits& limits() const { return limits_; }

  /// The previous size in pages, or nothing if a limit or the host refuses; then nothing has changed.
  std::optional<std::uint64_t> grow(std::uint64_t pages);

  bool contains(std::uint64_t address, std::uint64_t length) const {
    return address <= size_bytes_ && length <= size_bytes_ - address;
  }
  /// Nearly all bytes in a range will be written soon. Requires that it lies in the memory.
  void expect_writes(std::uint64_t address, std::uint64_t length);
  /// Has a range hold what a file has from an offset on, in pages that are copied when they are written to; the same as
  /// writing those bytes there if nobody changes the file. All are multiples of kMappingStep, and the range lies in the
  /// memory, which is guarded. Nothing has changed if the host refuses.
  bool map_file(std::uint64_t address, std::uint64_t length, int fd, std::uint64_t offset);
  static constexpr std::uint64_t kMappingStep = wasm::kPageSize;  // no page of a host is larger
  /// Whether an address lies in a guarded memory of this process. For signal handlers too.
  static bool is_reserved(const void* address);

  /// Where compiled code finds the base and the size in bytes.
  static constexpr std::size_t kBaseOffset = 0;
  static constexpr std::size_t kSizeOffset = 8;

  static constexpr std::uint64_t kReservedBytes = (std::uint64_t{8} << 30) + wasm::kPageSize;

 private:
  LinearMemory() {
    static_assert(offsetof(LinearMemory, base_) == kBaseOffset && offsetof(LinearMemory, size_bytes_) == kSizeOffset);
  }
  bool reserve();
  bool resize(std::uint64_t new_size_bytes);

  std::uint8_t* base_ = nullptr;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t max_pages_ = 0;
  Budget* budget_ = nullptr;
  wasm::Limits limits_;
  bool guarded_ = false;
  AddressTable<const LinearMemory>::Place* place_ = nullptr;  ///< among the reservations
};

}  // namespace wzrun::runtime
