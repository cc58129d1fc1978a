#include "mounted_files.h"

#include "node.h"
#include "write_signal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>

namespace wzrun::wasi {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

timespec timespec_of(std::optional<std::int64_t> ns) {
  if (!ns)
    return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
  auto seconds = *ns / kSecond;
  auto rest = *ns % kSecond;
  if (rest < 0) {
    --seconds;
    rest += kSecond;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

std::unexpected<std::errc> failure() { return std::unexpected(static_cast<std::errc>(errno)); }

}  // namespace

std::pair<std::string_view, std::string_view> split_file_mount(std::string_view guest_path) {
  const auto slash = guest_path.rfind('/');
  if (slash == guest_path.npos)
    return {".", guest_path};
  return {slash == 0 ? "/" : guest_path.substr(0, slash), guest_path.substr(slash + 1)};
}

Expected<std::shared_ptr<MountedFile>> MountedFile::find(const Mount& mount) {
  const auto refused = [&](const char* why) {
    return std::unexpected(Error{
        .kind = ErrorKind::io,
        .message = "cannot give file " + mount.host_path + " to the program as " + mount.guest_path + ": " + why});
  };
  const std::unique_ptr<char, decltype(&std::free)> path{::realpath(mount.host_path.c_str(), nullptr), &std::free};
  if (!path)
    return refused(std::strerror(errno));
  const std::string_view resolved{path.get()};
  const auto slash = resolved.rfind('/');
  OwnedFd directory{::open(std::string{resolved.substr(0, slash + 1)}.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!directory)
    return refused(std::strerror(errno));
  std::shared_ptr<MountedFile> file{
      new MountedFile{std::move(directory), std::string{resolved.substr(slash + 1)}, mount.read_only}};
  struct stat status;
  if (::fstatat(file->directory_.get(), file->name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return refused(std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return refused("not a regular file");
  const auto name = split_file_mount(mount.guest_path).second;
  if (name.empty() || name == "." || name == "..")
    return refused("this is no name of a file");
  return file;
}

Try<Descriptor> MountedFile::open(int host_flags, bool changes) const {
  if (changes && read_only_)
    return fail(Errno::rofs);
  Descriptor result;
  result.owned = OwnedFd{::openat(directory_.get(), name_.c_str(),
                                  (host_flags & ~(O_CREAT | O_EXCL)) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY)};
  struct stat status;
  if (!result.owned || ::fstat(result.owned.get(), &status) != 0)
    return fail_host();
  if (!S_ISREG(status.st_mode))  // put there since
    return fail(Errno::acces);
  result.kind = Descriptor::Kind::host;
  result.filetype = filetype_of(status);
  result.fd = result.owned.get();
  result.write_signal = write_signal_of(status);
  result.read_only = read_only_;
  return result;
}

FileAnswer<FileStatus> MountedFile::status() {
  struct stat status;
  if (::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return failure();
  return FileStatus{.kind = FileKind::file,
                    .device = status.st_dev,
                    .id = status.st_ino,
                    .links = status.st_nlink,
                    .size_bytes = static_cast<std::uint64_t>(status.st_size),
                    .accessed_ns = nanoseconds_of(status.st_atim),
                    .modified_ns = nanoseconds_of(status.st_mtim),
                    .changed_ns = nanoseconds_of(status.st_ctim)};
}

FileAnswer<void> MountedFile::set_times(std::optional<std::int64_t> accessed_ns,
                                        std::optional<std::int64_t> modified_ns) {
  const timespec times[] = {timespec_of(accessed_ns), timespec_of(modified_ns)};
  if (::utimensat(directory_.get(), name_.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return failure();
  return {};
}

FileAnswer<FileStatus> MountedFiles::status() { return FileStatus{.kind = FileKind::directory, .id = id_, .links = 2}; }

FileAnswer<std::shared_ptr<FileNode>> MountedFiles::find(std::string_view name) {
  const auto found = files_.find(name);
  if (found == files_.end())
    return std::unexpected(std::errc::no_such_file_or_directory);
  return found->second;
}

FileAnswer<std::vector<FileEntry>> MountedFiles::entries() {
  std::vector<FileEntry> list;
  for (const auto& [name, file] : files_) {
    const auto status = file->status();
    list.push_back({name, FileKind::file, status ? status->id : 0});
  }
  return list;
}

}  // namespace wzrun::wasi
