#pragma once

#include "descriptor.h"
#include "types.h"
#include "wasi_errno.h"
#include "wzrun/file_system.h"

#include <sys/uio.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What the functions of WASI do in file systems that are not the host's: paths, links and read-only mounts as the
/// Resolver and the kernel treat them, on nodes that know only themselves.
namespace wzrun::wasi {

using NodePtr = std::shared_ptr<FileNode>;

/// A node that a descriptor of the program stands for.
struct OpenNode {
  NodePtr node;
  std::uint64_t parent_id = 0;                                   ///< of a directory
  std::uint64_t offset = 0;                                      ///< of a file
  std::optional<std::vector<FileEntry>> listing = std::nullopt;  ///< of a directory that is being read
};

template <typename T>
Try<T> node_answer(FileAnswer<T> answer) {
  if (!answer)
    return fail(from_host(static_cast<int>(answer.error())));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return *std::move(answer);
}

Filetype filetype_of(FileKind kind);
/// Since 1970; as near as 64 bits come.
std::int64_t nanoseconds_of(const timespec& time);

/// A descriptor's node. Only for Kind::node.
FileNode& node_of(const Descriptor& descriptor);

Descriptor node_descriptor(const NodePtr& node, const NodePtr& parent, Filetype filetype);
Try<Filestat> node_filestat(FileNode& node);
Status node_set_times(FileNode& node, const timespec times[2]);
/// As posix_fallocate(3): the file grows if it ends before the range.
Status node_allocate(FileNode& node, std::uint64_t offset, std::uint64_t length);
/// Bytes as readv(2), preadv(2) and the like move them, with errno.
ssize_t node_read(FileNode& node, const iovec* buffers, int count, std::uint64_t offset);
ssize_t node_write(FileNode& node, const iovec* buffers, int count, std::uint64_t offset);
Try<std::uint64_t> node_seek(Descriptor& descriptor, std::int64_t offset, int host_whence);

/// What path_open asks for.
struct NodeOpening {
  std::uint32_t open_flags;
  bool follow;
  bool writes;     ///< asks to change the file's bytes
  int host_flags;  ///< for files of the host among nodes
};
/// `path` is relative to the directory `at`. The descriptor has no rights yet.
Try<Descriptor> node_open(const Descriptor& at, const char* path, const NodeOpening& opening);
Try<Filestat> node_path_filestat(const Descriptor& at, const char* path, bool follow);
Status node_path_set_times(const Descriptor& at, const char* path, bool follow, const timespec times[2]);
Status node_make_directory(const Descriptor& at, const char* path);
Status node_make_link(const Descriptor& at, const char* path, const char* text);
Status node_remove_file(const Descriptor& at, const char* path);
Status node_remove_directory(const Descriptor& at, const char* path);
Try<std::string> node_read_link(const Descriptor& at, const char* path);
/// Either directory may be the host's: then it is EXDEV.
Status node_link(const Descriptor& from, const char* path, const Descriptor& to, const char* new_path);
Status node_rename(const Descriptor& from, const char* path, const Descriptor& to, const char* new_path);
/// Whether a path leads out of its directory; links at its end count if they were to be followed.
bool node_leads_out(const Descriptor& at, const char* path, bool follow);

}  // namespace wzrun::wasi
