#pragma once

#include <cstddef>

namespace wzrun::runtime {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

/// Maps zeros to write to, or MAP_FAILED. From a large page's size on they are whole large pages where the kernel has
/// some, as the faults of small ones take longer than what is done with them; `bytes` becomes the size of all.
void* map_zeroed(std::size_t& bytes);

/// Memory that is zeros at first. What fills half a large page has pages of its own.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;
  ~ZeroedMemory();

  /// Once. Null if there is none.
  void* allocate(std::size_t bytes);

 private:
  void* data_ = nullptr;
  std::size_t mapped_bytes_ = 0;  ///< 0: of the heap
};

}  // namespace wzrun::runtime
