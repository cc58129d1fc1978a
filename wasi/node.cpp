#include "node.h"

#include "filestat.h"
#include "mounted_files.h"
#include "pending_path.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

namespace wzrun::wasi {
namespace {

std::optional<std::int64_t> time_of(const timespec& time) {
  timespec now = time;
  if (time.tv_nsec == UTIME_OMIT)
    return std::nullopt;
  if (time.tv_nsec == UTIME_NOW)
    ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds_of(now);
}

/// Moves buffer by buffer until one is not moved whole.
template <typename F>
ssize_t each_buffer(const iovec* buffers, int count, std::uint64_t offset, F move) {
  std::uint64_t done = 0;
  for (int i = 0; i < count; ++i) {
    const std::span bytes{static_cast<std::uint8_t*>(buffers[i].iov_base), buffers[i].iov_len};
    const FileAnswer<std::size_t> moved = move(bytes, offset + done);
    if (!moved && done == 0) {
      errno = static_cast<int>(moved.error());
      return -1;
    }
    if (!moved)
      break;
    done += *moved;
    if (*moved < bytes.size())
      break;
  }
  return static_cast<ssize_t>(done);
}

/// The last component of a path and its directory; "." for a directory that the path ends in.
struct Entry {
  NodePtr parent;  ///< of the directory
  NodePtr directory;
  std::string name;
  bool slash;

  bool is_directory_itself() const { return name == "."; }
  Try<NodePtr> find() const {
    if (is_directory_itself())
      return directory;
    return node_answer(directory->find(name));
  }
};

/// A walk down a path as the Resolver makes it.
class Walk {
 public:
  Walk(const Descriptor& at, const char* path)
      : entered_{at.open_node->node}, pending_(path), absolute_(*path == '/') {}

  Try<Entry> to_last() {
    if (absolute_)
      return fail(Errno::perm);
    for (;;) {
      auto next = pending_.take();
      if (next.last && next.name.empty())
        return entry(".", false);
      if (next.last && !next.is_dots())
        return entry(std::move(next.name), next.slash);
      WZRUN_CHECK(enter(next.name, next.slash));
      if (pending_.is_done() && next.is_dots())
        return entry(".", false);
    }
  }
  /// Goes into a directory, or turns to where a link of that name leads.
  Status enter(const std::string& name, bool slash) {
    if (name == ".")
      return {};
    if (name == "..") {
      if (entered_.size() == 1)
        return fail(Errno::perm);
      entered_.pop_back();
      return {};
    }
    auto node = WZRUN_TRY(node_answer(entered_.back()->find(name)));
    const auto status = WZRUN_TRY(node_answer(node->status()));
    if (status.kind == FileKind::link)
      return follow(*node, slash);
    if (status.kind != FileKind::directory)
      return fail(Errno::notdir);
    entered_.push_back(std::move(node));
    return {};
  }
  Status follow(FileNode& link, bool slash) { return pending_.follow(WZRUN_TRY(node_answer(link.target())), slash); }
  /// The entry that a path means in the end: links there are followed if `follow` says so or a slash is behind them.
  Try<Entry> to_target(bool follow_last) {
    for (;;) {
      auto last = WZRUN_TRY(to_last());
      if (last.slash) {
        WZRUN_CHECK(enter(last.name, true));
        continue;
      }
      if (last.is_directory_itself() || !follow_last)
        return last;
      const auto found = last.find();
      if (!found || WZRUN_TRY(node_answer((*found)->status())).kind != FileKind::link)
        return last;
      WZRUN_CHECK(follow(**found, false));
    }
  }

 private:
  Entry entry(std::string name, bool slash) const {
    return {entered_.size() > 1 ? entered_[entered_.size() - 2] : entered_.back(), entered_.back(), std::move(name),
            slash};
  }

  std::vector<NodePtr> entered_;
  PendingPath pending_;
  bool absolute_;
};

bool is_directory(FileNode& node) {
  const auto status = node.status();
  return status && status->kind == FileKind::directory;
}

/// The entry to change. Errors: EROFS on a read-only mount.
Try<Entry> entry_to_change(const Descriptor& at, const char* path) {
  auto entry = WZRUN_TRY(Walk(at, path).to_last());
  if (at.read_only)
    return fail(Errno::rofs);
  return entry;
}

/// The entry to make. Errors: EEXIST before EROFS.
Try<Entry> entry_to_make(const Descriptor& at, const char* path) {
  auto entry = WZRUN_TRY(Walk(at, path).to_last());
  const auto found = entry.find();
  if (found)
    return fail(Errno::exist);
  if (found.error() != Errno::noent)
    return fail(found.error());
  if (at.read_only)
    return fail(Errno::rofs);
  return entry;
}

}  // namespace

Filetype filetype_of(FileKind kind) {
  switch (kind) {
    case FileKind::file:
      return Filetype::regular_file;
    case FileKind::directory:
      return Filetype::directory;
    case FileKind::link:
      return Filetype::symbolic_link;
  }
  return Filetype::unknown;
}

std::int64_t nanoseconds_of(const timespec& time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, kSecond, &result) ||
      __builtin_add_overflow(result, std::int64_t{time.tv_nsec}, &result))
    return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
  return result;
}

FileNode& node_of(const Descriptor& descriptor) { return *descriptor.open_node->node; }

Descriptor node_descriptor(const NodePtr& node, const NodePtr& parent, Filetype filetype) {
  Descriptor result;
  result.kind = Descriptor::Kind::node;
  result.filetype = filetype;
  const auto status = parent->status();
  result.open_node = std::make_unique<OpenNode>(OpenNode{node, status ? status->id : 0});
  return result;
}

Try<Filestat> node_filestat(FileNode& node) {
  constexpr auto told = [](std::int64_t ns) { return static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)); };
  const auto status = WZRUN_TRY(node_answer(node.status()));
  Filestat result{};
  result.dev = status.device;
  result.ino = status.id;
  result.filetype = filetype_of(status.kind);
  result.nlink = status.links;
  result.size = status.size_bytes;
  result.atim = told(status.accessed_ns);
  result.mtim = told(status.modified_ns);
  result.ctim = told(status.changed_ns);
  return result;
}

Status node_set_times(FileNode& node, const timespec times[2]) {
  return node_answer(node.set_times(time_of(times[0]), time_of(times[1])));
}

Status node_allocate(FileNode& node, std::uint64_t offset, std::uint64_t length) {
  if (offset > INT64_MAX - length)
    return fail(Errno::fbig);
  if (WZRUN_TRY(node_answer(node.status())).size_bytes >= offset + length)
    return {};
  return node_answer(node.resize(offset + length));
}

ssize_t node_read(FileNode& node, const iovec* buffers, int count, std::uint64_t offset) {
  return each_buffer(buffers, count, offset,
                     [&](std::span<std::uint8_t> bytes, std::uint64_t at) { return node.read(bytes, at); });
}

ssize_t node_write(FileNode& node, const iovec* buffers, int count, std::uint64_t offset) {
  return each_buffer(buffers, count, offset, [&](std::span<std::uint8_t> bytes, std::uint64_t at) {
    return at > INT64_MAX - bytes.size() ? std::unexpected(std::errc::file_too_large) : node.write(bytes, at);
  });
}

Try<std::uint64_t> node_seek(Descriptor& descriptor, std::int64_t offset, int host_whence) {
  auto& open = *descriptor.open_node;
  std::uint64_t base = host_whence == SEEK_CUR ? open.offset : 0;
  if (host_whence == SEEK_END)
    base = WZRUN_TRY(node_answer(open.node->status())).size_bytes;
  std::int64_t place = 0;
  if (base > INT64_MAX || __builtin_add_overflow(static_cast<std::int64_t>(base), offset, &place))
    return fail(Errno::overflow);
  if (place < 0)
    return fail(Errno::inval);
  return open.offset = static_cast<std::uint64_t>(place);
}

Try<Descriptor> node_open(const Descriptor& at, const char* path, const NodeOpening& opening) {
  const bool create = (opening.open_flags & oflags::creat) != 0;
  const bool exclusive = create && (opening.open_flags & oflags::excl) != 0;
  const bool wants_directory = (opening.open_flags & oflags::directory) != 0;
  const bool cuts = (opening.open_flags & oflags::trunc) != 0;
  Walk walk{at, path};
  auto last = create ? WZRUN_TRY(walk.to_last()) : WZRUN_TRY(walk.to_target(opening.follow));
  if (create && (last.slash || last.is_directory_itself()))
    return fail(!last.slash && exclusive ? Errno::exist : Errno::isdir);
  auto found = last.find();
  while (create && !exclusive && opening.follow && found &&
         WZRUN_TRY(node_answer((*found)->status())).kind == FileKind::link) {
    WZRUN_CHECK(walk.follow(**found, false));
    last = WZRUN_TRY(walk.to_last());
    if (last.slash || last.is_directory_itself())
      return fail(Errno::isdir);
    found = last.find();
  }
  if (found && exclusive)
    return fail(Errno::exist);
  if (!found && create && found.error() == Errno::noent) {
    if (at.read_only)
      return fail(Errno::rofs);
    found = node_answer(last.directory->make_file(last.name));
  }
  const auto node = WZRUN_TRY(std::move(found));
  const auto kind = WZRUN_TRY(node_answer(node->status())).kind;
  if (wants_directory && kind != FileKind::directory)
    return fail(Errno::notdir);
  if (kind == FileKind::link)
    return fail(Errno::loop);
  if (kind == FileKind::directory) {
    if (opening.writes || cuts || create)
      return fail(Errno::isdir);
    auto directory =
        node_descriptor(node, last.is_directory_itself() ? last.parent : last.directory, Filetype::directory);
    directory.read_only = at.read_only;
    return directory;
  }
  if (const auto* const mounted = dynamic_cast<MountedFile*>(node.get()))
    return mounted->open(opening.host_flags, opening.writes || cuts);
  if (at.read_only && (opening.writes || cuts))
    return fail(Errno::rofs);
  if (cuts)
    WZRUN_CHECK(node_answer(node->resize(0)));
  auto file = node_descriptor(node, last.directory, Filetype::regular_file);
  file.read_only = at.read_only;
  return file;
}

Try<Filestat> node_path_filestat(const Descriptor& at, const char* path, bool follow) {
  return node_filestat(*WZRUN_TRY(WZRUN_TRY(Walk(at, path).to_target(follow)).find()));
}

Status node_path_set_times(const Descriptor& at, const char* path, bool follow, const timespec times[2]) {
  const auto node = WZRUN_TRY(WZRUN_TRY(Walk(at, path).to_target(follow)).find());
  const auto* const mounted = dynamic_cast<MountedFile*>(node.get());
  if (mounted != nullptr ? mounted->read_only() : at.read_only)
    return fail(Errno::rofs);
  return node_set_times(*node, times);
}

Status node_make_directory(const Descriptor& at, const char* path) {
  const auto entry = WZRUN_TRY(entry_to_make(at, path));
  return node_answer(entry.directory->make_directory(entry.name));
}

Status node_make_link(const Descriptor& at, const char* path, const char* text) {
  const auto entry = WZRUN_TRY(entry_to_make(at, path));
  if (entry.slash)
    return fail(Errno::noent);
  return node_answer(entry.directory->make_link(entry.name, text));
}

Status node_remove_file(const Descriptor& at, const char* path) {
  const auto entry = WZRUN_TRY(entry_to_change(at, path));
  if (entry.is_directory_itself())
    return fail(Errno::isdir);
  const auto node = WZRUN_TRY(entry.find());
  if (is_directory(*node))
    return fail(Errno::isdir);
  if (entry.slash)
    return fail(Errno::notdir);
  return node_answer(entry.directory->remove_file(entry.name));
}

Status node_remove_directory(const Descriptor& at, const char* path) {
  const auto entry = WZRUN_TRY(entry_to_change(at, path));
  if (entry.is_directory_itself())
    return fail(Errno::inval);
  return node_answer(entry.directory->remove_directory(entry.name));
}

Try<std::string> node_read_link(const Descriptor& at, const char* path) {
  auto entry = WZRUN_TRY(Walk(at, path).to_last());
  if (entry.slash)
    entry = WZRUN_TRY(Walk(at, path).to_target(false));
  return node_answer(WZRUN_TRY(entry.find())->target());
}

Status node_link(const Descriptor& from, const char* path, const Descriptor& to, const char* new_path) {
  if (!from.open_node || !to.open_node)
    return fail(Errno::xdev);
  const auto source = WZRUN_TRY(entry_to_change(from, path));
  const auto made = WZRUN_TRY(entry_to_make(to, new_path));
  if (source.slash) {  // it must be a directory, which has one name
    WZRUN_CHECK(Walk(from, path).to_target(false));
    return fail(Errno::perm);
  }
  const auto node = WZRUN_TRY(source.find());
  if (is_directory(*node))
    return fail(Errno::perm);
  if (made.slash)
    return fail(Errno::noent);
  return node_answer(made.directory->add(made.name, node));
}

Status node_rename(const Descriptor& from, const char* path, const Descriptor& to, const char* new_path) {
  if (!from.open_node || !to.open_node)
    return fail(Errno::xdev);
  const auto source = WZRUN_TRY(entry_to_change(from, path));
  const auto target = WZRUN_TRY(entry_to_change(to, new_path));
  if (source.is_directory_itself() || target.is_directory_itself())
    return fail(Errno::busy);
  const auto node = WZRUN_TRY(source.find());
  if ((source.slash || target.slash) && !is_directory(*node))
    return fail(Errno::notdir);
  return node_answer(source.directory->rename(source.name, *target.directory, target.name));
}

bool node_leads_out(const Descriptor& at, const char* path, bool follow) {
  const auto last = follow ? Walk(at, path).to_target(true) : Walk(at, path).to_last();
  return !last && last.error() == Errno::perm;
}

}  // namespace wzrun::wasi
