// What a read-only mount refuses. Given: fd 3 read-only with `file`, `dir/`, `to_file` -> file, `fifo`; fd 4 writable and
// empty.
#include "check.h"

enum { RO = 3, RW = 4, ROFS = __WASI_ERRNO_ROFS };

static void opens(void) {
  __wasi_fd_t fd;
  EXPECT(ROFS, open_at(RO, "file", 0, kRead | kWrite, &fd));
  EXPECT(ROFS, open_at(RO, "to_file", 0, kWrite, &fd));
  EXPECT(ROFS, open_at(RO, "file", 0, __WASI_RIGHTS_FD_ALLOCATE, &fd));
  EXPECT(ROFS, open_at(RO, "file", 0, __WASI_RIGHTS_FD_FILESTAT_SET_SIZE, &fd));
  EXPECT(ROFS, open_at(RO, "file", __WASI_OFLAGS_TRUNC, kRead, &fd));
  EXPECT(ROFS, open_at(RO, "new", __WASI_OFLAGS_CREAT, kRead, &fd));
  EXPECT(ROFS, open_at(RO, "new", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, kRead | kWrite, &fd));
  EXPECT(ROFS, open_at(RO, "dir/new", __WASI_OFLAGS_CREAT, kWrite, &fd));
  EXPECT(__WASI_ERRNO_EXIST, open_at(RO, "file", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, kRead, &fd));
  EXPECT(__WASI_ERRNO_NOENT, open_at(RO, "new", 0, kWrite, &fd));
  EXPECT(__WASI_ERRNO_ISDIR, open_at(RO, "dir", 0, kWrite, &fd));
  EXPECT(ROFS, open_at(RO, "fifo", 0, kWrite, &fd));
  EXPECT(OK, open_at(RO, "file", __WASI_OFLAGS_CREAT, kRead, &fd));
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  EXPECT(OK, __wasi_fd_close(fd));
  // As Go opens a file for reading.
  EXPECT(OK, open_at(RO, "file", 0, ~0u & ~(__wasi_rights_t)kWrite, &fd));
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_filestat_set_size(fd, 0));
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_allocate(fd, 0, 1));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, open_at(RO, "file", 0, kRead | __WASI_RIGHTS_FD_FILESTAT_SET_TIMES, &fd));
  EXPECT(ROFS, __wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  const __wasi_ciovec_t text = {(const uint8_t*)"x", 1};
  __wasi_size_t size;
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_write(fd, &text, 1, &size));
  EXPECT(OK, __wasi_fd_close(fd));
}

static void directory_of_it(void) {
  __wasi_fd_t dir, fd;
  EXPECT(OK, __wasi_path_open(RO, 0, "dir", __WASI_OFLAGS_DIRECTORY, ~0u & ~(__wasi_rights_t)kWrite, ~0u, 0, &dir));
  EXPECT(ROFS, open_at(dir, "new", __WASI_OFLAGS_CREAT, kWrite, &fd));
  EXPECT(ROFS, __wasi_path_create_directory(dir, "new"));
  EXPECT(ROFS, __wasi_fd_filestat_set_times(dir, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  EXPECT(OK, __wasi_fd_close(dir));
}

static void names(void) {
  EXPECT(ROFS, __wasi_path_create_directory(RO, "new"));
  EXPECT(__WASI_ERRNO_EXIST, __wasi_path_create_directory(RO, "dir"));
  EXPECT(ROFS, __wasi_path_remove_directory(RO, "dir"));
  EXPECT(ROFS, __wasi_path_unlink_file(RO, "file"));
  EXPECT(ROFS, __wasi_path_symlink("file", RO, "new"));
  EXPECT(ROFS, __wasi_path_filestat_set_times(RO, 0, "file", 0, 0, __WASI_FSTFLAGS_ATIM_NOW));
  EXPECT(ROFS, __wasi_path_filestat_set_times(RO, 1, "to_file", 0, 0, __WASI_FSTFLAGS_ATIM_NOW));
  EXPECT(ROFS, __wasi_path_rename(RO, "file", RO, "new"));
  EXPECT(ROFS, __wasi_path_rename(RO, "file", RW, "stolen"));
  EXPECT(ROFS, __wasi_path_rename(RW, "own", RO, "file"));
  EXPECT(ROFS, __wasi_path_link(RO, 0, "file", RO, "new"));
  EXPECT(ROFS, __wasi_path_link(RO, 0, "file", RW, "stolen"));
  EXPECT(ROFS, __wasi_path_link(RW, 0, "own", RO, "new"));
}

int main(void) {
  __wasi_fd_t fd;
  EXPECT(OK, open_at(RW, "own", __WASI_OFLAGS_CREAT, kWrite, &fd));
  opens();
  directory_of_it();
  names();
  return done();
}
