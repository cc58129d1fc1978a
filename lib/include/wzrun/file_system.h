#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// File systems that an embedder provides: FSConfig::with_file_system gives a program the tree below a FileNode. Paths,
/// links, descriptors, offsets, rights and read-only mounts are WASI's concern; a node only answers for itself. The
/// program cannot tell such a tree from a directory of the host.
namespace wzrun {

/// An answer or an errno, which the program is told as it is. An exception ends the process.
template <typename T>
using FileAnswer = std::expected<T, std::errc>;

enum class FileKind : std::uint8_t { file, directory, link };

struct FileStatus {
  FileKind kind{};
  std::uint64_t device = 0;
  std::uint64_t id = 0;  ///< tells the nodes of a device apart; not 0
  std::uint64_t links = 1;
  std::uint64_t size_bytes = 0;
  std::int64_t accessed_ns = 0;  ///< since 1970, as the following
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
};

/// What a directory lists; `.` and `..` are not among it.
struct FileEntry {
  std::string name;
  FileKind kind{};
  std::uint64_t id = 0;
};

/// A file, directory or symbolic link. A read-only file system needs `status` and, by kind, `read`, `find` and
/// `entries`, or `target`; what is not overridden answers as a read-only file system does, or as a node of another
/// kind. Names are single components, never empty, `.` or `..`, of any bytes but NUL and `/`. Descriptors share
/// ownership of their nodes: one that was removed stays usable while it is open. A node is called on the threads of the
/// programs that it was given to, one call at a time for each program; if it was given to several, it must lock.
class FileNode {
 public:
  FileNode() = default;
  FileNode(const FileNode&) = delete;
  FileNode& operator=(const FileNode&) = delete;
  virtual ~FileNode() = default;

  virtual FileAnswer<FileStatus> status() = 0;
  /// Nanoseconds since 1970; what is not given stays.
  virtual FileAnswer<void> set_times(std::optional<std::int64_t> accessed_ns, std::optional<std::int64_t> modified_ns);
  /// Makes changes durable. Default: there is nothing to do.
  virtual FileAnswer<void> sync();

  /// Files. Reads up to `to.size()` bytes at an offset; 0 bytes mean the end.
  virtual FileAnswer<std::size_t> read(std::span<std::uint8_t> to, std::uint64_t offset);
  /// Writes some of the bytes, at least one; a file that is too short grows with zeros.
  virtual FileAnswer<std::size_t> write(std::span<const std::uint8_t> from, std::uint64_t offset);
  /// Cuts off, or adds zeros.
  virtual FileAnswer<void> resize(std::uint64_t size_bytes);

  /// Directories. Errors: no_such_file_or_directory.
  virtual FileAnswer<std::shared_ptr<FileNode>> find(std::string_view name);
  virtual FileAnswer<std::vector<FileEntry>> entries();
  /// These make an entry. Errors: file_exists.
  virtual FileAnswer<std::shared_ptr<FileNode>> make_file(std::string_view name);
  virtual FileAnswer<void> make_directory(std::string_view name);
  virtual FileAnswer<void> make_link(std::string_view name, std::string_view target);
  /// Another name for `node`, a file or link of this file system. Errors: also cross_device_link for another's.
  virtual FileAnswer<void> add(std::string_view name, const std::shared_ptr<FileNode>& node);
  /// Errors: no_such_file_or_directory; is_a_directory.
  virtual FileAnswer<void> remove_file(std::string_view name);
  /// Errors: no_such_file_or_directory; not_a_directory; directory_not_empty.
  virtual FileAnswer<void> remove_directory(std::string_view name);
  /// Moves the entry `name` to `new_name` of `directory`, as rename(2) does. Errors: cross_device_link for a directory
  /// of another file system; invalid_argument for a directory into itself; those of removing what is replaced.
  virtual FileAnswer<void> rename(std::string_view name, FileNode& directory, std::string_view new_name);

  /// Links: the text, at most 4,095 bytes.
  virtual FileAnswer<std::string> target();
};

/// The root of an empty file system in memory. Its nodes, all together, hold at most so many bytes of contents and
/// names; what would exceed them is no_space_on_device.
std::shared_ptr<FileNode> memory_file_system(std::uint64_t max_bytes = ~std::uint64_t{0});

/// Puts a file at a path below `root`, such as `etc/hosts`; directories on the way and the file are made, or emptied,
/// as needed. Links are not followed. Errors: not_a_directory, is_a_directory, invalid_argument for an empty component,
/// those of the nodes.
FileAnswer<void> write_file(FileNode& root, std::string_view path, std::string_view contents);
/// The bytes of a file. Links are not followed. Errors: as for write_file.
FileAnswer<std::string> read_file(FileNode& root, std::string_view path);

}  // namespace wzrun
