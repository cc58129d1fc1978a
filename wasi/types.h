#pragma once

#include <cstdint>

/// The types that WASI preview 1 stores in the program's memory, and its flags.
/// Source: wasi_snapshot_preview1.witx.
namespace wzrun::wasi {

using Address = std::uint32_t;  ///< of a byte in the program's memory
using Fd = std::uint32_t;       ///< the program's number for a descriptor
using Rights = std::uint64_t;

namespace rights {
inline constexpr Rights fd_datasync = 1 << 0;
inline constexpr Rights fd_read = 1 << 1;
inline constexpr Rights fd_seek = 1 << 2;
inline constexpr Rights fd_fdstat_set_flags = 1 << 3;
inline constexpr Rights fd_sync = 1 << 4;
inline constexpr Rights fd_tell = 1 << 5;
inline constexpr Rights fd_write = 1 << 6;
inline constexpr Rights fd_advise = 1 << 7;
inline constexpr Rights fd_allocate = 1 << 8;
inline constexpr Rights path_create_directory = 1 << 9;
inline constexpr Rights path_create_file = 1 << 10;
inline constexpr Rights path_link_source = 1 << 11;
inline constexpr Rights path_link_target = 1 << 12;
inline constexpr Rights path_open = 1 << 13;
inline constexpr Rights fd_readdir = 1 << 14;
inline constexpr Rights path_readlink = 1 << 15;
inline constexpr Rights path_rename_source = 1 << 16;
inline constexpr Rights path_rename_target = 1 << 17;
inline constexpr Rights path_filestat_get = 1 << 18;
inline constexpr Rights path_filestat_set_size = 1 << 19;
inline constexpr Rights path_filestat_set_times = 1 << 20;
inline constexpr Rights fd_filestat_get = 1 << 21;
inline constexpr Rights fd_filestat_set_size = 1 << 22;
inline constexpr Rights fd_filestat_set_times = 1 << 23;
inline constexpr Rights path_symlink = 1 << 24;
inline constexpr Rights path_remove_directory = 1 << 25;
inline constexpr Rights path_unlink_file = 1 << 26;
inline constexpr Rights poll_fd_readwrite = 1 << 27;
inline constexpr Rights sock_shutdown = 1 << 28;
inline constexpr Rights sock_accept = 1 << 29;

inline constexpr Rights all = (1 << 30) - 1;
inline constexpr Rights any_descriptor = fd_fdstat_set_flags | fd_filestat_get | poll_fd_readwrite;
inline constexpr Rights socket = any_descriptor | fd_read | fd_write | sock_shutdown | sock_accept;
inline constexpr Rights file = any_descriptor | fd_datasync | fd_read | fd_seek | fd_sync | fd_tell | fd_write |
                               fd_advise | fd_allocate | fd_filestat_set_size | fd_filestat_set_times;
inline constexpr Rights directory = all & ~(socket | file);
/// A directory may be synced and given times like a file.
inline constexpr Rights directory_base = directory | any_descriptor | fd_datasync | fd_sync | fd_filestat_set_times;
/// Rights that ask for a descriptor that can change a file's bytes.
inline constexpr Rights writing = fd_write | fd_allocate | fd_filestat_set_size;
}  // namespace rights

enum class Filetype : std::uint8_t {
  unknown,
  block_device,
  character_device,
  directory,
  regular_file,
  socket_dgram,
  socket_stream,
  symbolic_link,
};

namespace fdflags {
inline constexpr std::uint32_t append = 1 << 0;
inline constexpr std::uint32_t dsync = 1 << 1;
inline constexpr std::uint32_t nonblock = 1 << 2;
inline constexpr std::uint32_t rsync = 1 << 3;
inline constexpr std::uint32_t sync = 1 << 4;
inline constexpr std::uint32_t all = (1 << 5) - 1;
}  // namespace fdflags

namespace oflags {
inline constexpr std::uint32_t creat = 1 << 0;
inline constexpr std::uint32_t directory = 1 << 1;
inline constexpr std::uint32_t excl = 1 << 2;
inline constexpr std::uint32_t trunc = 1 << 3;
inline constexpr std::uint32_t all = (1 << 4) - 1;
}  // namespace oflags

namespace fstflags {
inline constexpr std::uint32_t atim = 1 << 0;
inline constexpr std::uint32_t atim_now = 1 << 1;
inline constexpr std::uint32_t mtim = 1 << 2;
inline constexpr std::uint32_t mtim_now = 1 << 3;
inline constexpr std::uint32_t all = (1 << 4) - 1;
}  // namespace fstflags

namespace lookupflags {
inline constexpr std::uint32_t symlink_follow = 1 << 0;
}

namespace riflags {
inline constexpr std::uint32_t peek = 1 << 0;
inline constexpr std::uint32_t waitall = 1 << 1;
inline constexpr std::uint32_t all = (1 << 2) - 1;
}  // namespace riflags

namespace roflags {
inline constexpr std::uint16_t data_truncated = 1 << 0;
}

namespace sdflags {
inline constexpr std::uint32_t rd = 1 << 0;
inline constexpr std::uint32_t wr = 1 << 1;
}  // namespace sdflags

enum class ClockId : std::uint32_t { realtime, monotonic, process_cputime, thread_cputime };
enum class Whence : std::uint8_t { set, cur, end };
enum class EventType : std::uint8_t { clock, fd_read, fd_write };

namespace subclockflags {
inline constexpr std::uint16_t abstime = 1 << 0;
}
namespace eventrwflags {
inline constexpr std::uint16_t hangup = 1 << 0;
}

struct Iovec {
  Address buf;
  std::uint32_t buf_len;
};
static_assert(sizeof(Iovec) == 8);

struct Fdstat {
  Filetype filetype;
  std::uint8_t pad1 = 0;
  std::uint16_t flags;
  std::uint32_t pad2 = 0;
  Rights rights_base;
  Rights rights_inheriting;
};
static_assert(sizeof(Fdstat) == 24);

struct Filestat {
  std::uint64_t dev;
  std::uint64_t ino;
  Filetype filetype;
  std::uint8_t pad[7] = {};
  std::uint64_t nlink;
  std::uint64_t size;
  std::uint64_t atim;  ///< nanoseconds since 1970
  std::uint64_t mtim;
  std::uint64_t ctim;
};
static_assert(sizeof(Filestat) == 64);

/// As wasi_unstable has it.
struct Preview0Filestat {
  std::uint64_t dev;
  std::uint64_t ino;
  Filetype filetype;
  std::uint8_t pad[3] = {};
  std::uint32_t nlink;
  std::uint64_t size;
  std::uint64_t atim;
  std::uint64_t mtim;
  std::uint64_t ctim;
};
static_assert(sizeof(Preview0Filestat) == 56);

struct Prestat {
  std::uint8_t tag = 0;  ///< a directory; nothing else is ever preopened with a name
  std::uint8_t pad[3] = {};
  std::uint32_t name_len;
};
static_assert(sizeof(Prestat) == 8);

/// Followed by the name, without a NUL.
struct Dirent {
  std::uint64_t next;  ///< cookie of the entry after this
  std::uint64_t ino;
  std::uint32_t namlen;
  Filetype type;
  std::uint8_t pad[3] = {};
};
static_assert(sizeof(Dirent) == 24);

struct Subscription {
  std::uint64_t userdata;
  EventType type;
  std::uint8_t pad1[7] = {};
  std::uint32_t fd_or_clock;  ///< the rest is a clock's only
  std::uint32_t pad2 = 0;
  std::uint64_t timeout_ns;
  std::uint64_t precision_ns;
  std::uint16_t flags;
  std::uint8_t pad3[6] = {};
};
static_assert(sizeof(Subscription) == 48);

/// As wasi_unstable has it.
struct Preview0Subscription {
  std::uint64_t userdata;
  EventType type;
  std::uint8_t pad1[7] = {};
  std::uint64_t fd_or_identifier;  ///< fd in the low half; a clock's identifier says nothing
  std::uint32_t clock;
  std::uint32_t pad2 = 0;
  std::uint64_t timeout_ns;
  std::uint64_t precision_ns;
  std::uint16_t flags;
  std::uint8_t pad3[6] = {};
};
static_assert(sizeof(Preview0Subscription) == 56);

struct Event {
  std::uint64_t userdata;
  std::uint16_t error;
  EventType type;
  std::uint8_t pad1[5] = {};
  std::uint64_t nbytes;
  std::uint16_t flags;
  std::uint8_t pad2[6] = {};
};
static_assert(sizeof(Event) == 32);

}  // namespace wzrun::wasi
