// Attempts to leave a mount. Given: fd 3 with `file`, `dir/`, `climbs` -> ../outside, `absolute` -> / ; beside it lies
// `outside/secret`, which the test checks afterwards.
#include "check.h"

static const char* const kOutside[] = {
    "..",
    "../outside/secret",
    "/",
    "/etc/passwd",
    "dir/../../outside/secret",
    "dir/../..",
    "climbs/secret",
    "climbs/",
    "climbs/.",
    "absolute/etc/passwd",
    "absolute/",
    "made_up/outside/secret",
    "made_up/",
    "made_chain/secret",
    "made_late",
};

static void attempt(const char* path) {
  enum { PERM = __WASI_ERRNO_PERM };
  __wasi_fd_t fd;
  __wasi_filestat_t status;
  const int before = wrong;
  wrong = 0;
  EXPECT(PERM, open_at(ROOT, path, 0, kRead, &fd));
  EXPECT(PERM, open_at(ROOT, path, __WASI_OFLAGS_DIRECTORY, kRead, &fd));
  EXPECT(PERM, __wasi_path_filestat_get(ROOT, 1, path, &status));
  EXPECT(PERM, __wasi_path_filestat_set_times(ROOT, 1, path, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  if (wrong)
    printf("  above: %s\n", path);
  wrong |= before;
}

static void change(const char* path) {
  enum { PERM = __WASI_ERRNO_PERM };
  uint8_t text[8];
  __wasi_size_t size;
  const int before = wrong;
  wrong = 0;
  EXPECT(PERM, __wasi_path_create_directory(ROOT, path));
  EXPECT(PERM, __wasi_path_unlink_file(ROOT, path));
  EXPECT(PERM, __wasi_path_remove_directory(ROOT, path));
  EXPECT(PERM, __wasi_path_rename(ROOT, "file", ROOT, path));
  EXPECT(PERM, __wasi_path_rename(ROOT, path, ROOT, "stolen"));
  EXPECT(PERM, __wasi_path_link(ROOT, 0, "file", ROOT, path));
  EXPECT(PERM, __wasi_path_link(ROOT, 0, path, ROOT, "stolen"));
  EXPECT(PERM, __wasi_path_symlink("file", ROOT, path));
  EXPECT(PERM, __wasi_path_readlink(ROOT, path, text, sizeof text, &size));
  EXPECT(PERM, __wasi_path_filestat_set_times(ROOT, 0, path, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  if (wrong)
    printf("  above: %s\n", path);
  wrong |= before;
}

int main(void) {
  EXPECT(__WASI_ERRNO_PERM, __wasi_path_symlink("/etc", ROOT, "made_absolute"));
  EXPECT(OK, __wasi_path_symlink("..", ROOT, "made_up"));
  EXPECT(OK, __wasi_path_symlink("made_up/outside", ROOT, "made_chain"));
  EXPECT(OK, __wasi_path_symlink("dir/../../outside/secret", ROOT, "made_late"));
  for (unsigned i = 0; i < sizeof kOutside / sizeof *kOutside; ++i)
    attempt(kOutside[i]);
  change("..");
  change("../outside/secret");
  change("dir/../../outside/secret");
  change("/etc/x");
  change("climbs/secret");
  change("absolute/x");
  change("made_up/outside/secret");
  change("made_chain/secret");

  // A link at the end is the entry itself; a slash after it follows it, and must not lead out.
  __wasi_filestat_t status;
  __wasi_size_t size;
  uint8_t text[64];
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "climbs", &status));
  CHECK(status.filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
  EXPECT(__WASI_ERRNO_PERM, __wasi_path_filestat_get(ROOT, 0, "climbs/", &status));
  EXPECT(__WASI_ERRNO_PERM, __wasi_path_readlink(ROOT, "climbs/", text, sizeof text, &size));
  EXPECT(__WASI_ERRNO_PERM, __wasi_path_link(ROOT, 0, "climbs/", ROOT, "stolen"));
  EXPECT(__WASI_ERRNO_PERM, __wasi_path_filestat_set_times(ROOT, 0, "climbs/", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  EXPECT(__WASI_ERRNO_NOTDIR, __wasi_path_unlink_file(ROOT, "climbs/"));
  EXPECT(__WASI_ERRNO_NOTDIR, __wasi_path_remove_directory(ROOT, "climbs/"));
  EXPECT(__WASI_ERRNO_EXIST, __wasi_path_create_directory(ROOT, "climbs/"));
  EXPECT(__WASI_ERRNO_NOTDIR, __wasi_path_rename(ROOT, "dir", ROOT, "climbs/"));
  EXPECT(__WASI_ERRNO_NOTDIR, __wasi_path_rename(ROOT, "climbs/", ROOT, "stolen"));
  EXPECT(OK, __wasi_path_unlink_file(ROOT, "made_chain"));
  return done();
}
