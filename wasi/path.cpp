#include "filestat.h"
#include "functions.h"
#include "node.h"
#include "write_signal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>

namespace wzrun::wasi {
namespace {

/// A path, copied out of the program's memory so that it stays as it was checked. Its bytes need not be UTF-8, as the
/// host's names need not be.
class GuestPath {
 public:
  /// Errors: EFAULT; ENOENT for an empty path; EINVAL for one with a NUL; ENAMETOOLONG from PATH_MAX on.
  Status read(const GuestMemory& memory, Address address, std::uint32_t length) {
    const auto bytes = WZRUN_TRY(memory.range(address, length));
    if (bytes.empty())
      return fail(Errno::noent);
    if (bytes.size() >= sizeof text_)
      return fail(Errno::nametoolong);
    std::memcpy(text_, bytes.data(), bytes.size());
    text_[bytes.size()] = '\0';
    size_ = bytes.size();
    if (std::memchr(text_, '\0', size_) != nullptr)
      return fail(Errno::inval);
    return {};
  }
  const char* c_str() const { return text_; }
  /// Whether it is a name in the directory itself, for which nothing has to be resolved.
  bool is_name() const {
    const std::string_view path{text_, size_};
    return path.find('/') == path.npos && path != "." && path != "..";
  }

 private:
  char text_[PATH_MAX];
  std::size_t size_ = 0;
};

Status check_lookup(std::uint32_t lookup) {
  if ((lookup & ~lookupflags::symlink_follow) != 0)
    return fail(Errno::inval);
  return {};
}

Try<OwnedFd> open_at(Call& call, const Descriptor& dir, const GuestPath& path, int flags, mode_t mode = 0) {
  return call.retry_interrupted([&] { return call.state.resolver.open(dir.fd, path.c_str(), flags, mode); });
}

Try<Entry> parent_of(Call& call, const Descriptor& dir, const GuestPath& path) {
  return call.retry_interrupted([&] { return call.state.resolver.parent(dir.fd, path.c_str()); });
}

/// Where a change is to be made: a directory that allows it, and a path.
struct Place {
  Descriptor* dir;
  GuestPath path;

  Status read(Call& call, Fd fd, Rights needed, Address address, std::uint32_t length) {
    dir = WZRUN_TRY(call.state.descriptors.directory(fd, needed));
    return path.read(call.memory, address, length);
  }
};

/// The entry to change. Errors: those of resolving; EROFS on a read-only mount.
Try<Entry> entry_to_change(Call& call, const Place& place) {
  auto entry = WZRUN_TRY(parent_of(call, *place.dir, place.path));
  if (place.dir->read_only)
    return fail(Errno::rofs);
  return entry;
}

/// The entry to make. Errors: as entry_to_change, but EEXIST comes before EROFS, as on a host's read-only file system.
Try<Entry> entry_to_make(Call& call, const Place& place) {
  auto entry = WZRUN_TRY(parent_of(call, *place.dir, place.path));
  if (!place.dir->read_only)
    return entry;
  struct stat status;
  entry.name.erase(entry.name.find_last_not_of('/') + 1);
  return fail(::fstatat(entry.dir, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ? Errno::exist : Errno::rofs);
}

/// The answer for an entry that is looked up, must be a directory for its trailing slash, and for which directories get
/// `if_directory`.
Status answer_for_directory(Call& call, const Place& place, Errno if_directory) {
  WZRUN_CHECK(open_at(call, *place.dir, place.path, O_PATH | O_DIRECTORY));
  return fail(if_directory);
}

Try<Filestat> filestat(Call& call, Fd fd, std::uint32_t lookup, Address path_at, std::uint32_t path_len) {
  const auto* const dir = WZRUN_TRY(call.state.descriptors.directory(fd, rights::path_filestat_get));
  GuestPath path;
  WZRUN_CHECK(path.read(call.memory, path_at, path_len));
  WZRUN_CHECK(check_lookup(lookup));
  const bool follow = (lookup & lookupflags::symlink_follow) != 0;
  if (dir->open_node)
    return node_path_filestat(*dir, path.c_str(), follow);
  struct stat status;
  if (path.is_name()) {
    if (::fstatat(dir->fd, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail_host();
    if (!follow || !S_ISLNK(status.st_mode))
      return filestat_of(status, filetype_of(status));
  }
  const auto opened = WZRUN_TRY(open_at(call, *dir, path, O_PATH | (follow ? 0 : O_NOFOLLOW)));
  if (::fstat(opened.get(), &status) != 0)
    return fail_host();
  return filestat_of(status, filetype_of(status));
}

/// The text of a link, without a NUL. Returns its length.
Try<std::size_t> read_link(Call& call, const Place& place, char (&text)[PATH_MAX]) {
  if (place.dir->open_node) {
    const auto target = WZRUN_TRY(node_read_link(*place.dir, place.path.c_str()));
    return target.copy(text, sizeof text);
  }
  const auto entry = WZRUN_TRY(parent_of(call, *place.dir, place.path));
  if (entry.slash)
    WZRUN_CHECK(answer_for_directory(call, place, Errno::inval));
  const auto length =
      WZRUN_TRY(call.retry([&] { return ::readlinkat(entry.dir, entry.name.c_str(), text, sizeof text); }));
  return static_cast<std::size_t>(length);
}

/// What path_open asks for, in the host's words.
struct Opening {
  int flags;
  bool writes;  ///< asks to change the file, not counting its making
};

Opening opening_of(std::uint32_t open_flags, Rights base, std::uint32_t flags, std::uint32_t lookup) {
  const bool directory = (open_flags & oflags::directory) != 0;
  const bool reads = (base & (rights::fd_read | rights::fd_readdir)) != 0;
  // Go asks for every right but FD_WRITE to read a file, and there are files that it may only read.
  const bool writes =
      (base & (directory || reads ? rights::fd_write : rights::writing)) != 0;  // EISDIR for a directory
  const auto when = [](std::uint32_t value, std::uint32_t bit, int host) { return (value & bit) != 0 ? host : 0; };
  const int access = !writes ? O_RDONLY : reads ? O_RDWR : O_WRONLY;
  return {.flags = access | when(open_flags, oflags::creat, O_CREAT) |
                   when(open_flags, oflags::directory, O_DIRECTORY) | when(open_flags, oflags::excl, O_EXCL) |
                   when(open_flags, oflags::trunc, O_TRUNC) | when(flags, fdflags::append, O_APPEND) |
                   when(flags, fdflags::dsync, O_DSYNC) | when(flags, fdflags::nonblock, O_NONBLOCK) |
                   when(flags, fdflags::rsync, O_RSYNC) | when(flags, fdflags::sync, O_SYNC) |
                   when(~lookup, lookupflags::symlink_follow, O_NOFOLLOW),
          .writes = writes || (open_flags & oflags::trunc) != 0};
}

/// Of the rights that were asked for, those that a file has which was opened so.
Rights rights_of(const Opening& opening, Rights base) {
  return (opening.flags & O_ACCMODE) == O_RDONLY ? base & ~rights::writing : base;
}

/// What making a file that is missing answers on a read-only mount: EROFS, if its directory is there.
Errno answer_for_making(Call& call, const Descriptor& dir, const GuestPath& path) {
  const auto parent = parent_of(call, dir, path);
  return parent ? Errno::rofs : parent.error();
}

/// Opens on a read-only mount: what would change something is EROFS if it is there, and what the host says otherwise.
Try<OwnedFd> open_read_only(Call& call, const Descriptor& dir, const GuestPath& path, const Opening& opening) {
  const bool create = (opening.flags & O_CREAT) != 0;
  const bool exclusive = create && (opening.flags & O_EXCL) != 0;
  if (opening.writes || exclusive) {
    const auto found =
        open_at(call, dir, path, O_PATH | (exclusive ? O_NOFOLLOW : opening.flags & (O_NOFOLLOW | O_DIRECTORY)));
    if (!found)
      return fail(create && found.error() == Errno::noent ? answer_for_making(call, dir, path) : found.error());
    struct stat status;
    if (!exclusive && ::fstat(found->get(), &status) == 0 && S_ISDIR(status.st_mode))
      return fail(Errno::isdir);
    return fail(exclusive ? Errno::exist : Errno::rofs);
  }
  auto opened = open_at(call, dir, path, opening.flags & ~O_CREAT);
  if (!opened && create && opened.error() == Errno::noent)
    return fail(answer_for_making(call, dir, path));
  return opened;
}

Try<Descriptor> opened_descriptor(OwnedFd opened, bool read_only, Rights base, Rights inheriting, std::uint32_t flags) {
  struct stat status;
  if (::fstat(opened.get(), &status) != 0)
    return fail_host();
  Descriptor result;
  result.kind = Descriptor::Kind::host;
  result.filetype = filetype_of(status);
  result.read_only = read_only;
  result.flags = flags;
  result.fd = opened.get();
  result.write_signal = write_signal_of(status);
  result.owned = std::move(opened);
  result.base = base & (result.is_directory() ? rights::directory_base : rights::file);
  result.inheriting = inheriting;
  if (result.filetype == Filetype::character_device && ::isatty(result.fd) != 0)
    result.base &= ~(rights::fd_seek | rights::fd_tell);
  return result;
}

}  // namespace

/// A file that is made gets mode 0666 less the umask. Read-only mounts have all rights, as a read-only file system has
/// in POSIX: what would change them is EROFS.
Status path_open(Call& call, Fd fd, std::uint32_t lookup, Address path_at, std::uint32_t path_len,
                 std::uint32_t open_flags, Rights base, Rights inheriting, std::uint32_t flags, Address result) {
  const auto* const dir = WZRUN_TRY(call.state.descriptors.directory(fd, rights::path_open));
  GuestPath path;
  WZRUN_CHECK(path.read(call.memory, path_at, path_len));
  WZRUN_CHECK(call.memory.range(result, sizeof(Fd)));
  WZRUN_CHECK(check_lookup(lookup));
  constexpr auto kCreateDirectory = oflags::creat | oflags::directory;
  if ((open_flags & ~oflags::all) != 0 || (flags & ~fdflags::all) != 0 ||
      (open_flags & kCreateDirectory) == kCreateDirectory)
    return fail(Errno::inval);
  base &= rights::all;
  inheriting &= rights::all;
  const auto needed = ((open_flags & oflags::creat) != 0 ? rights::path_create_file : 0) |
                      ((open_flags & oflags::trunc) != 0 ? rights::path_filestat_set_size : 0);
  const auto syncing = ((flags & fdflags::dsync) != 0 ? rights::fd_datasync : 0) |
                       ((flags & (fdflags::rsync | fdflags::sync)) != 0 ? rights::fd_sync : 0);
  if ((needed & ~dir->base) != 0 || ((base | inheriting | syncing) & ~dir->inheriting) != 0)
    return fail(Errno::notcapable);
  WZRUN_CHECK(call.state.descriptors.check_room());

  const auto opening = opening_of(open_flags, base, flags, lookup);
  base = rights_of(opening, base);
  if (dir->open_node) {
    auto opened = WZRUN_TRY(node_open(*dir, path.c_str(),
                                      {.open_flags = open_flags,
                                       .follow = (lookup & lookupflags::symlink_follow) != 0,
                                       .writes = opening.writes,
                                       .host_flags = opening.flags}));
    opened.base = base & (opened.is_directory() ? rights::directory_base : rights::file);
    opened.inheriting = inheriting;
    opened.flags = flags;
    return call.memory.write(result, WZRUN_TRY(call.state.descriptors.insert(std::move(opened))));
  }
  constexpr mode_t kMode = 0666;
  auto opened = WZRUN_TRY(dir->read_only ? open_read_only(call, *dir, path, opening)
                                         : open_at(call, *dir, path, opening.flags, kMode));
  auto descriptor = WZRUN_TRY(opened_descriptor(std::move(opened), dir->read_only, base, inheriting, flags));
  return call.memory.write(result, WZRUN_TRY(call.state.descriptors.insert(std::move(descriptor))));
}

Status path_filestat_get(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                         Address result) {
  return call.memory.write(result, WZRUN_TRY(filestat(call, fd, lookup, path, path_len)));
}

Status preview0_path_filestat_get(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                                  Address result) {
  return call.memory.write(result, preview0_filestat_of(WZRUN_TRY(filestat(call, fd, lookup, path, path_len))));
}

Status path_filestat_set_times(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                               std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags) {
  Place place;
  WZRUN_CHECK(place.read(call, fd, rights::path_filestat_set_times, path, path_len));
  WZRUN_CHECK(check_lookup(lookup));
  timespec times[2];
  WZRUN_CHECK(timespecs_of(atim, mtim, flags, times));
  if (place.dir->open_node)
    return node_path_set_times(*place.dir, place.path.c_str(), (lookup & lookupflags::symlink_follow) != 0, times);
  auto entry = WZRUN_TRY(parent_of(call, *place.dir, place.path));
  if (entry.slash || (lookup & lookupflags::symlink_follow) != 0)
    entry = WZRUN_TRY(call.state.resolver.target(place.dir->fd, place.path.c_str()));
  if (place.dir->read_only)
    return fail(Errno::rofs);
  WZRUN_CHECK(call.retry([&] { return ::utimensat(entry.dir, entry.name.c_str(), times, AT_SYMLINK_NOFOLLOW); }));
  return {};
}

/// Mode 0777 less the umask.
Status path_create_directory(Call& call, Fd fd, Address path, std::uint32_t path_len) {
  constexpr mode_t kMode = 0777;
  Place place;
  WZRUN_CHECK(place.read(call, fd, rights::path_create_directory, path, path_len));
  if (place.dir->open_node)
    return node_make_directory(*place.dir, place.path.c_str());
  const auto entry = WZRUN_TRY(entry_to_make(call, place));
  WZRUN_CHECK(call.retry([&] { return ::mkdirat(entry.dir, entry.name.c_str(), kMode); }));
  return {};
}

/// Following a link at the end of the old path is EINVAL: the host could only do it by opening the file first.
/// A file of a read-only mount cannot be linked anywhere, as the new name would allow to write it.
Status path_link(Call& call, Fd old_fd, std::uint32_t old_lookup, Address old_path, std::uint32_t old_path_len,
                 Fd new_fd, Address new_path, std::uint32_t new_path_len) {
  Place source;
  Place made;
  WZRUN_CHECK(source.read(call, old_fd, rights::path_link_source, old_path, old_path_len));
  WZRUN_CHECK(made.read(call, new_fd, rights::path_link_target, new_path, new_path_len));
  if (old_lookup != 0)
    return fail(Errno::inval);
  if (source.dir->open_node || made.dir->open_node)
    return node_link(*source.dir, source.path.c_str(), *made.dir, made.path.c_str());
  const auto from = WZRUN_TRY(entry_to_change(call, source));
  const auto to = WZRUN_TRY(entry_to_make(call, made));
  if (from.slash)
    return answer_for_directory(call, source, Errno::perm);
  WZRUN_CHECK(call.retry([&] { return ::linkat(from.dir, from.name.c_str(), to.dir, to.name.c_str(), 0); }));
  return {};
}

Status path_readlink(Call& call, Fd fd, Address path, std::uint32_t path_len, Address buffer, std::uint32_t buffer_len,
                     Address used) {
  Place place;
  WZRUN_CHECK(place.read(call, fd, rights::path_readlink, path, path_len));
  const auto bytes = WZRUN_TRY(call.memory.range(buffer, buffer_len));
  WZRUN_CHECK(call.memory.range(used, sizeof(std::uint32_t)));
  char text[PATH_MAX];
  const auto length = WZRUN_TRY(read_link(call, place, text));
  const auto fits = std::min(length, bytes.size());
  if (fits > 0)
    std::memcpy(bytes.data(), text, fits);
  return call.memory.write(used, static_cast<std::uint32_t>(fits));
}

Status path_remove_directory(Call& call, Fd fd, Address path, std::uint32_t path_len) {
  Place place;
  WZRUN_CHECK(place.read(call, fd, rights::path_remove_directory, path, path_len));
  if (place.dir->open_node)
    return node_remove_directory(*place.dir, place.path.c_str());
  const auto entry = WZRUN_TRY(entry_to_change(call, place));
  WZRUN_CHECK(call.retry([&] { return ::unlinkat(entry.dir, entry.name.c_str(), AT_REMOVEDIR); }));
  return {};
}

Status path_unlink_file(Call& call, Fd fd, Address path, std::uint32_t path_len) {
  Place place;
  WZRUN_CHECK(place.read(call, fd, rights::path_unlink_file, path, path_len));
  if (place.dir->open_node)
    return node_remove_file(*place.dir, place.path.c_str());
  const auto entry = WZRUN_TRY(entry_to_change(call, place));
  WZRUN_CHECK(call.retry([&] { return ::unlinkat(entry.dir, entry.name.c_str(), 0); }));
  return {};
}

Status path_rename(Call& call, Fd old_fd, Address old_path, std::uint32_t old_path_len, Fd new_fd, Address new_path,
                   std::uint32_t new_path_len) {
  Place source;
  Place target;
  WZRUN_CHECK(source.read(call, old_fd, rights::path_rename_source, old_path, old_path_len));
  WZRUN_CHECK(target.read(call, new_fd, rights::path_rename_target, new_path, new_path_len));
  if (source.dir->open_node || target.dir->open_node)
    return node_rename(*source.dir, source.path.c_str(), *target.dir, target.path.c_str());
  const auto from = WZRUN_TRY(entry_to_change(call, source));
  const auto to = WZRUN_TRY(entry_to_change(call, target));
  WZRUN_CHECK(call.retry([&] { return ::renameat(from.dir, from.name.c_str(), to.dir, to.name.c_str()); }));
  return {};
}

/// A link may lead anywhere relative, as it is judged each time it is followed; an absolute one could only mislead the
/// host's own programs and is EPERM.
Status path_symlink(Call& call, Address text_at, std::uint32_t text_len, Fd fd, Address path, std::uint32_t path_len) {
  Place place;
  GuestPath text;
  WZRUN_CHECK(place.read(call, fd, rights::path_symlink, path, path_len));
  WZRUN_CHECK(text.read(call.memory, text_at, text_len));
  if (*text.c_str() == '/')
    return fail(Errno::perm);
  if (place.dir->open_node)
    return node_make_link(*place.dir, place.path.c_str(), text.c_str());
  const auto entry = WZRUN_TRY(entry_to_make(call, place));
  WZRUN_CHECK(call.retry([&] { return ::symlinkat(text.c_str(), entry.dir, entry.name.c_str()); }));
  return {};
}

}  // namespace wzrun::wasi
