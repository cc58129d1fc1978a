#pragma once

#include "owned_fd.h"
#include "wasi_errno.h"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace wzrun::wasi {

/// A name in a directory, for one `*at` call that does not follow it.
struct Entry {
  int dir;  ///< the directory, owned by `owner` unless it is the one that resolution started from
  OwnedFd owner;
  std::string name;  ///< one component, with its trailing slashes if `slash`; never `..`
  bool slash;        ///< slashes follow: the name means a directory. Calls that look a name up, such as fstatat and
                     ///< linkat's source, would follow a link here and must not be made with it
};

/// The one place where a program's path becomes a file of the host. A path means something below the directory it is
/// relative to: an absolute path, `..` above that directory, even in passing, and links that are absolute or climb out
/// are EPERM, whatever others do to the tree meanwhile.
///
/// The kernel does it (openat2 with RESOLVE_BENEATH) where it can. Where it cannot, for its age or a seccomp filter, a
/// walk opens one component after the other without following links and gives the same answers; it keeps every
/// directory it came through, so that `..` goes back to where the walk came from even if the directory was moved.
/// /proc is not needed. EINTR is answered to the caller, which knows whether to try again.
class Resolver {
 public:
  enum class Mode : std::uint8_t { kernel, walk };

  explicit Resolver(Mode mode = Mode::kernel) : mode_(mode) {}
  /// How the next path will be resolved: `kernel` changes to `walk` when openat2 turns out to be missing or forbidden.
  Mode mode() const { return mode_; }

  /// open(2) below `root`: `flags` as there, O_CLOEXEC and O_NOCTTY are added. With O_NOFOLLOW a link at the end is not
  /// followed. `path` ends with a NUL past its last byte.
  Try<OwnedFd> open(int root, const char* path, int flags, mode_t mode = 0);
  /// The path's last component and its directory. The component need not exist and may be a link.
  Try<Entry> parent(int root, const char* path);
  /// As `parent`, but follows links at the end, too; at its return the name existed, was no link, and has no slashes.
  Try<Entry> target(int root, const char* path) const;

 private:
  Try<OwnedFd> open_by_kernel(int root, const char* path, int flags, mode_t mode);

  Mode mode_;
};

}  // namespace wzrun::wasi
