// Files that were given singly. Given: fd 3 with `in` ("text") read-only and `out` ("old") writable; fd 4 with `other`.
#include "check.h"

enum { OTHER = 4, ROFS = __WASI_ERRNO_ROFS };

static __wasi_fd_t fd;
static __wasi_size_t size;
static __wasi_filestat_t status;
static uint8_t bytes[512];

static void listing(void) {
  static const char* const kNames[] = {".", "..", "in", "out"};
  size_t at = 0;
  EXPECT(OK, __wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_readdir(fd, bytes, sizeof bytes, 0, &size));
  for (int i = 0; i < 4; ++i) {
    __wasi_dirent_t entry;
    CHECK(at + sizeof entry + strlen(kNames[i]) <= size);
    memcpy(&entry, bytes + at, sizeof entry);
    CHECK(entry.d_namlen == strlen(kNames[i]) && memcmp(bytes + at + sizeof entry, kNames[i], entry.d_namlen) == 0);
    CHECK(entry.d_type == (i < 2 ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE));
    at += sizeof entry + entry.d_namlen;
  }
  CHECK(at == size);
  EXPECT(OK, __wasi_fd_close(fd));
}

static void input(void) {
  const __wasi_iovec_t in = {bytes, sizeof bytes};
  EXPECT(OK, open_at(ROOT, "in", 0, kRead, &fd));
  EXPECT(OK, __wasi_fd_read(fd, &in, 1, &size));
  CHECK(size == 4 && memcmp(bytes, "text", 4) == 0);
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, open_at(ROOT, "in", __WASI_OFLAGS_CREAT, kRead, &fd));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(ROFS, open_at(ROOT, "in", 0, kRead | kWrite, &fd));
  EXPECT(ROFS, open_at(ROOT, "in", __WASI_OFLAGS_TRUNC, kRead, &fd));
  EXPECT(__WASI_ERRNO_EXIST, open_at(ROOT, "in", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, kRead, &fd));
  EXPECT(ROFS, __wasi_path_filestat_set_times(ROOT, 0, "in", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 1, "in", &status));
  CHECK(status.filetype == __WASI_FILETYPE_REGULAR_FILE && status.size == 4);
}

static void output(void) {
  const __wasi_ciovec_t out = {(const uint8_t*)"written", 7};
  EXPECT(OK, open_at(ROOT, "out", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, kWrite, &fd));
  EXPECT(OK, __wasi_fd_write(fd, &out, 1, &size));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, __wasi_path_filestat_set_times(ROOT, 0, "out", 0, 5000000000, __WASI_FSTFLAGS_MTIM));
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "./out", &status));
  CHECK(status.size == 7 && status.mtim == 5000000000);
}

static void directory(void) {
  EXPECT(ROFS, open_at(ROOT, "new", __WASI_OFLAGS_CREAT, kWrite, &fd));
  EXPECT(ROFS, __wasi_path_unlink_file(ROOT, "out"));
  EXPECT(ROFS, __wasi_path_rename(ROOT, "out", ROOT, "in"));
  EXPECT(ROFS, __wasi_path_create_directory(ROOT, "new"));
  EXPECT(__WASI_ERRNO_XDEV, __wasi_path_link(ROOT, 0, "out", 5, "stolen"));
  EXPECT(__WASI_ERRNO_XDEV, __wasi_path_rename(5, "file", ROOT, "out"));
  EXPECT(__WASI_ERRNO_NOENT, open_at(ROOT, "other", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_NOTDIR, open_at(ROOT, "in/", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_NOTDIR, open_at(ROOT, "in/x", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_PERM, open_at(ROOT, "..", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_PERM, open_at(ROOT, "/in", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_path_readlink(ROOT, "in", bytes, sizeof bytes, &size));
  EXPECT(OK, open_at(OTHER, "other", 0, kRead, &fd));
}

int main(void) {
  listing();
  input();
  output();
  directory();
  return done();
}
