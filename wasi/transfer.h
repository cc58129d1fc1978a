#pragma once

#include "call.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>

namespace wzrun::wasi {

/// Part of the program's list of buffers, as the host wants it. A list may have 2^32 - 1 entries; it is taken in parts
/// of bounded size, and the bytes themselves are never copied.
struct BufferList {
  static constexpr int kMaxBuffers = 256;
  static constexpr std::uint64_t kMaxEntries = 65536;   // so that a call can be interrupted
  static constexpr std::size_t kMaxBytes = 0x7ffff000;  // what the kernel moves in one call

  iovec buffers[kMaxBuffers];
  int count = 0;
  std::size_t bytes = 0;

  /// Takes the entries from `at` up to `end`, empty ones left out. Returns where it stopped, which may be among empty
  /// ones with none taken.
  /// Errors: EFAULT if an entry, or the bytes it names, lie outside the memory.
  Try<std::uint64_t> fill(const GuestMemory& memory, std::uint64_t at, std::uint64_t end) {
    count = 0;
    bytes = 0;
    const auto part_end = std::min(end, at + kMaxEntries * sizeof(Iovec));
    for (; at < part_end && count < kMaxBuffers; at += sizeof(Iovec)) {
      const auto entry = WZRUN_TRY(memory.read<Iovec>(at));
      if (entry.buf_len == 0)
        continue;
      const auto range = WZRUN_TRY(memory.range(entry.buf, entry.buf_len));
      const auto size = std::min(range.size(), kMaxBytes - bytes);
      buffers[count++] = {range.data(), size};
      bytes += size;
      if (bytes == kMaxBytes)
        return end;  // a short transfer
    }
    return at;
  }
};

/// NONBLOCK of a lent descriptor, whose own flags must stay as they are. Errors: EAGAIN if it has none of poll's
/// events.
Status check_ready(const Descriptor& descriptor, short events);

/// Moves bytes between the program's buffers and `operation(const iovec*, int count, std::uint64_t moved_before)`,
/// which answers as readv(2) does. `whole` goes on after one part of the list was moved completely; without it, as for
/// reads that would block, the transfer ends there, as a short one may. Errors: those of the first part; a later one's
/// end the transfer.
template <typename Operation>
Try<std::uint32_t> transfer(Call& call, Address iovs, std::uint32_t iovs_len, bool whole, Operation&& operation) {
  BufferList list;
  std::uint64_t at = iovs;
  const auto end = at + std::uint64_t{iovs_len} * sizeof(Iovec);
  WZRUN_CHECK(call.memory.range(at, end - at));
  std::uint64_t moved = 0;
  for (bool first = true;; first = false) {
    const auto filled = list.fill(call.memory, at, end);
    if (!filled && moved == 0)
      return fail(filled.error());
    if (!filled || moved + list.bytes > UINT32_MAX)
      break;
    at = *filled;
    if (!first && call.caller.interrupted())
      return fail(Errno::halted);
    if (list.count == 0 && at < end)
      continue;
    const auto result = call.retry([&] { return operation(list.buffers, list.count, moved); });
    if (!result && (moved == 0 || result.error() == Errno::halted))
      return fail(result.error());
    if (!result)
      break;
    moved += static_cast<std::uint64_t>(*result);
    if (static_cast<std::size_t>(*result) < list.bytes || !whole || at >= end)
      break;
  }
  return static_cast<std::uint32_t>(moved);
}

}  // namespace wzrun::wasi
