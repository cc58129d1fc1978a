#include "resolver.h"

#include "pending_path.h"
#include "wzrun/error.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <climits>
#include <vector>

namespace wzrun::wasi {
namespace {

constexpr int kMaxRaces = 8;  // lost races against renames before the walk, which cannot lose, takes over
constexpr int kAlways = O_CLOEXEC | O_NOCTTY;
constexpr int kPathFlags = O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;  // openat2 refuses others beside O_PATH

int openat2_beneath(int root, const char* path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>((flags & O_PATH) != 0 ? flags & kPathFlags : flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

/// Whether a link leads where its text does not say: proc's links to open files, namespaces and directories do. Those
/// of its links that are ordinary are relative and name files of its own, which have no colon.
bool is_magic(int link_or_dir, std::string_view text) {
  if (!text.starts_with('/') && !text.contains(':'))
    return false;
  struct statfs system;
  return ::fstatfs(link_or_dir, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/// The text of a link: of `name` in `dir`, or of `dir` itself, opened with O_PATH, for an empty name.
/// Errors: ELOOP for a magic link, as from RESOLVE_NO_MAGICLINKS.
Try<std::string> read_link(int dir, const char* name) {
  char text[PATH_MAX];
  const auto length = ::readlinkat(dir, name, text, sizeof text);
  if (length < 0)
    return fail_host();
  std::string result{text, static_cast<std::size_t>(length)};
  if (is_magic(dir, result))
    return fail(Errno::loop);
  return result;
}

/// A walk down a path, one component at a time.
class Walk {
 public:
  struct Last {
    std::string name;  ///< "." if the path ends in a directory that the walk has entered
    bool slash;
  };

  Walk(int root, const char* path) : root_(root), pending_(path) {}

  int current() const { return entered_.empty() ? root_ : entered_.back().get(); }

  Try<Last> to_last() {
    for (;;) {
      auto next = pending_.take();
      if (next.last && next.name.empty())
        return Last{".", false};
      if (next.last && !next.is_dots())
        return Last{std::move(next.name), next.slash};
      WZRUN_CHECK(enter(next.name, next.slash));
      if (pending_.is_done() && next.is_dots())
        return Last{".", false};
    }
  }

  /// Goes into the directory `name` of the current one, or turns to where a link of that name leads.
  Status enter(const std::string& name, bool slash) {
    if (name == "." || name == "..")
      return enter_dots(name);
    OwnedFd entry{::openat(current(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat status;
    if (!entry || ::fstat(entry.get(), &status) != 0)
      return fail_host();
    if (S_ISLNK(status.st_mode))
      return follow(WZRUN_TRY(read_link(entry.get(), "")), slash);
    if (!S_ISDIR(status.st_mode))
      return fail(Errno::notdir);
    entered_.push_back(std::move(entry));
    return {};
  }

  /// Puts the text of a link in place of the component just read.
  Status follow(std::string text, bool slash) { return pending_.follow(std::move(text), slash); }

  Entry entry(Last last) {
    const auto dir = current();
    return {dir, entered_.empty() ? OwnedFd{} : std::move(entered_.back()), std::move(last.name), last.slash};
  }

 private:
  Status enter_dots(const std::string& name) {
    struct stat status;
    if (::fstatat(current(), ".", &status, 0) != 0)  // may it be searched?
      return fail_host();
    if (name == ".")
      return {};
    if (entered_.empty())
      return fail(Errno::perm);
    entered_.pop_back();
    return {};
  }

  int root_;
  std::vector<OwnedFd> entered_;
  PendingPath pending_;
};

/// The text of the link that made an open with O_NOFOLLOW fail, or that it opened; nothing if it was no link.
/// Errors: ELOOP for a magic link.
Try<std::string> link_in_the_way(const OwnedFd& opened, int dir, const char* name, int flags) {
  const int error = errno;
  struct stat status;
  const bool by_path = opened && (flags & O_PATH) != 0;
  if (by_path && (::fstat(opened.get(), &status) != 0 || !S_ISLNK(status.st_mode)))
    return "";
  if (!by_path && (opened || (error != ELOOP && error != ENOTDIR)))
    return "";
  auto text = by_path ? read_link(opened.get(), "") : read_link(dir, name);
  errno = error;
  if (!text && text.error() != Errno::loop)
    return "";
  return text;
}

Try<OwnedFd> open_by_walk(int root, const char* path, int flags, mode_t mode) {
  const bool create = (flags & O_CREAT) != 0;
  const bool follow = (flags & O_NOFOLLOW) == 0 && !(create && (flags & O_EXCL) != 0);
  Walk walk{root, path};
  for (;;) {
    const auto last = WZRUN_TRY(walk.to_last());
    if (create && (last.slash || last.name == "."))
      return fail(!last.slash && (flags & O_EXCL) != 0 ? Errno::exist : Errno::isdir);
    if (last.slash) {
      WZRUN_CHECK(walk.enter(last.name, true));
      continue;
    }
    const bool here = last.name == ".";
    OwnedFd opened{::openat(walk.current(), last.name.c_str(), here ? flags & ~O_NOFOLLOW : flags | O_NOFOLLOW, mode)};
    if (follow && !here) {
      auto text = WZRUN_TRY(link_in_the_way(opened, walk.current(), last.name.c_str(), flags));
      if (!text.empty()) {
        WZRUN_CHECK(walk.follow(std::move(text), false));
        continue;
      }
    }
    if (!opened)
      return fail_host();
    return opened;
  }
}

}  // namespace

Try<OwnedFd> Resolver::open_by_kernel(int root, const char* path, int flags, mode_t mode) {
  for (int race = 0; race < kMaxRaces; ++race) {
    if (const int fd = openat2_beneath(root, path, flags, mode); fd >= 0)
      return OwnedFd{fd};
    if (errno == EAGAIN && (flags & O_NONBLOCK) == 0)
      continue;
    if (errno == EXDEV)
      return fail(Errno::perm);
    if (errno != ENOSYS && errno != EPERM && errno != EAGAIN)
      return fail_host();
    if (errno == EPERM) {  // a filter's answer, or this file's?
      const OwnedFd probe{openat2_beneath(root, ".", O_PATH | O_CLOEXEC, 0)};
      if (probe)
        return fail(Errno::perm);
    }
    if (errno != EAGAIN)
      mode_ = Mode::walk;
    break;
  }
  return open_by_walk(root, path, flags, mode);
}

Try<OwnedFd> Resolver::open(int root, const char* path, int flags, mode_t mode) {
  WZRUN_CHECK(PendingPath::check_relative(path));
  flags |= kAlways;
  if (mode_ == Mode::kernel)
    return open_by_kernel(root, path, flags, mode);
  return open_by_walk(root, path, flags, mode);
}

Try<Entry> Resolver::parent(int root, const char* text) {
  WZRUN_CHECK(PendingPath::check_relative(text));
  const std::string_view path{text};
  const auto end = path.find_last_not_of('/') + 1;
  const auto slash = path.substr(0, end).rfind('/');
  const auto begin = slash == path.npos ? 0 : slash + 1;
  const auto name = path.substr(begin, end - begin);
  if (name == "." || name == "..") {
    auto owner = WZRUN_TRY(open(root, text, O_PATH | O_DIRECTORY));
    const int dir = owner.get();
    return Entry{dir, std::move(owner), ".", false};
  }
  Entry entry{root, {}, std::string{path.substr(begin)}, end < path.size()};
  if (begin > 0) {
    entry.owner = WZRUN_TRY(open(root, std::string{path.substr(0, begin)}.c_str(), O_PATH | O_DIRECTORY));
    entry.dir = entry.owner.get();
  }
  return entry;
}

Try<Entry> Resolver::target(int root, const char* path) const {
  WZRUN_CHECK(PendingPath::check_relative(path));
  Walk walk{root, path};
  for (;;) {
    auto last = WZRUN_TRY(walk.to_last());
    if (last.name == ".")
      return walk.entry(std::move(last));
    if (last.slash) {
      WZRUN_CHECK(walk.enter(last.name, true));
      continue;
    }
    auto text = read_link(walk.current(), last.name.c_str());
    if (!text && text.error() == Errno::inval)  // it is no link
      return walk.entry(std::move(last));
    if (!text)
      return fail(text.error());
    WZRUN_CHECK(walk.follow(*std::move(text), false));
  }
}

}  // namespace wzrun::wasi
