#pragma once

#include "descriptor.h"
#include "owned_fd.h"
#include "wasi_errno.h"
#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/file_system.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace wzrun::wasi {

/// A regular file of the host that was given alone. Descriptors of it are the host's, so it is read and written as any
/// file of a directory; it is looked up by its name each time, as a program that edits it may put another in its place.
class MountedFile final : public FileNode {
 public:
  /// Errors: io, if it cannot be found or is no regular file.
  static Expected<std::shared_ptr<MountedFile>> find(const Mount& mount);

  bool read_only() const { return read_only_; }
  /// Errors: EROFS if it is to be changed and may not; those of the host.
  Try<Descriptor> open(int host_flags, bool changes) const;

  FileAnswer<FileStatus> status() override;
  FileAnswer<void> set_times(std::optional<std::int64_t> accessed_ns, std::optional<std::int64_t> modified_ns) override;

 private:
  MountedFile(OwnedFd directory, std::string name, bool read_only)
      : directory_(std::move(directory)), name_(std::move(name)), read_only_(read_only) {}

  OwnedFd directory_;
  std::string name_;
  bool read_only_;
};

/// The directory that a program finds such files in. It holds nothing else and cannot be changed.
class MountedFiles final : public FileNode {
 public:
  explicit MountedFiles(std::uint64_t id) : id_(id) {}
  void put(std::string_view name, std::shared_ptr<MountedFile> file) { files_[std::string{name}] = std::move(file); }

  FileAnswer<FileStatus> status() override;
  FileAnswer<std::shared_ptr<FileNode>> find(std::string_view name) override;
  FileAnswer<std::vector<FileEntry>> entries() override;

 private:
  std::uint64_t id_;
  std::map<std::string, std::shared_ptr<MountedFile>, std::less<>> files_;
};

/// A guest path's directory and name: `/` and `in` for `/in`, `.` and `a` for `a`.
std::pair<std::string_view, std::string_view> split_file_mount(std::string_view guest_path);

}  // namespace wzrun::wasi
