#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

namespace wzrun::runtime {

/// Executable memory for many small pieces of code, which share its pages: code in pages of its own costs the processor
/// an entry of its tables for each function, and all functions would begin in the same lines of its cache.
///
/// The pages are never writable: what they show is a file in memory, which is written to. For several threads.
class CodeArena {
 public:
  /// Where a piece begins, relative to a multiple of it, it also begins here; code may count on that.
#if defined(__x86_64__)
  static constexpr std::size_t kAlignment = 64;
#else
  static constexpr std::size_t kAlignment = 4096;  // instructions of arm64 compute addresses of such pages
#endif

  /// Larger pieces are refused: pages of their own are as good.
  static constexpr std::size_t kLargestPiece = std::size_t{256} << 10;

  /// Copies code; the copy stays as long as anybody has it. Nothing if the system does not allow that, or the code is
  /// too large.
  std::shared_ptr<const std::uint8_t> add(std::span<const std::uint8_t> code);

 private:
  class Chunk;

  std::mutex mutex_;
  std::shared_ptr<const Chunk> chunk_;  ///< the last
  std::size_t used_ = 0;                ///< bytes of it
  bool is_refused_ = false;
};

}  // namespace wzrun::runtime
