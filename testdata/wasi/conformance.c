// What the documents of preview 1 say of rights, clocks, directories, sizes and times. Given: fd 3 with `dir/` of some
// files, `before_1970` and `year_2300`, whose times are so.
#include "check.h"

enum { NOTCAPABLE = __WASI_ERRNO_NOTCAPABLE, INVAL = __WASI_ERRNO_INVAL };

static __wasi_errno_t open_with(__wasi_fd_t dir, const char* path, __wasi_rights_t base, __wasi_rights_t inheriting,
                                __wasi_fdflags_t flags, __wasi_fd_t* fd) {
  return __wasi_path_open(dir, 1, path, 0, base, inheriting, flags, fd);
}

static void clocks(void) {
  __wasi_timestamp_t first, second, resolution;
  for (__wasi_clockid_t id = 0; id < 4; ++id) {
    EXPECT(OK, __wasi_clock_res_get(id, &resolution));
    CHECK(resolution > 0);
    EXPECT(OK, __wasi_clock_time_get(id, 0, &first));
    for (volatile int i = 0; i < 100000; ++i) {
    }
    EXPECT(OK, __wasi_clock_time_get(id, ~0ull, &second));
    CHECK(id == 0 || second > first);
  }
  EXPECT(INVAL, __wasi_clock_res_get(4, &resolution));
  EXPECT(INVAL, __wasi_clock_time_get(0xffffffff, 0, &first));
}

static void seek_implies_tell(void) {
  __wasi_fd_t fd;
  __wasi_filesize_t place;
  EXPECT(OK, open_with(ROOT, "dir/0", __WASI_RIGHTS_FD_SEEK, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_tell(fd, &place));
  EXPECT(OK, __wasi_fd_seek(fd, 0, __WASI_WHENCE_CUR, &place));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, open_with(ROOT, "dir/0", __WASI_RIGHTS_FD_TELL, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_tell(fd, &place));
  EXPECT(OK, __wasi_fd_seek(fd, 0, __WASI_WHENCE_CUR, &place));
  EXPECT(NOTCAPABLE, __wasi_fd_seek(fd, 0, __WASI_WHENCE_END, &place));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, open_with(ROOT, "dir/0", __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  EXPECT(NOTCAPABLE, __wasi_fd_tell(fd, &place));
  EXPECT(OK, __wasi_fd_close(fd));
}

static void inheritance(void) {
  const __wasi_rights_t opens = __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR;
  __wasi_fd_t dir, fd;
  __wasi_fdstat_t fdstat;
  EXPECT(OK, open_with(ROOT, "dir", opens, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0, &dir));
  EXPECT(OK, __wasi_fd_fdstat_get(dir, &fdstat));
  CHECK(fdstat.fs_rights_base == opens);
  CHECK(fdstat.fs_rights_inheriting == (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE));
  EXPECT(OK, open_with(dir, "0", __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(NOTCAPABLE, open_with(dir, "0", __WASI_RIGHTS_FD_SEEK, 0, 0, &fd));
  EXPECT(NOTCAPABLE, open_with(dir, "0", 0, __WASI_RIGHTS_FD_SEEK, 0, &fd));
  EXPECT(NOTCAPABLE, open_with(dir, "0", 0, 0, __WASI_FDFLAGS_SYNC, &fd));
  EXPECT(NOTCAPABLE, open_with(dir, "0", 0, 0, __WASI_FDFLAGS_DSYNC, &fd));
  EXPECT(NOTCAPABLE, __wasi_path_open(dir, 0, "1", __WASI_OFLAGS_TRUNC, 0, 0, 0, &fd));
  EXPECT(NOTCAPABLE, __wasi_path_open(dir, 0, "new", __WASI_OFLAGS_CREAT, 0, 0, 0, &fd));
  EXPECT(NOTCAPABLE, __wasi_path_create_directory(dir, "new"));
  EXPECT(NOTCAPABLE, __wasi_fd_fdstat_set_rights(dir, opens | __WASI_RIGHTS_PATH_SYMLINK, 0));
  EXPECT(NOTCAPABLE, __wasi_fd_fdstat_set_rights(dir, opens, __WASI_RIGHTS_FD_SYNC));
  EXPECT(OK, __wasi_fd_fdstat_set_rights(dir, opens, __WASI_RIGHTS_FD_READ));
  EXPECT(NOTCAPABLE, open_with(dir, "0", __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_fdstat_set_rights(dir, 0, 0));
  EXPECT(NOTCAPABLE, open_with(dir, "0", 0, 0, 0, &fd));
  EXPECT(OK, __wasi_fd_close(dir));
}

// Each entry is cut off where the buffer ends, and a cookie goes on where it was given.
static void directories(void) {
  static uint8_t whole[65536], part[65536];
  __wasi_fd_t dir;
  __wasi_size_t size, used;
  uint64_t own = 0, above = 0;
  EXPECT(OK, open_with(ROOT, "dir", __WASI_RIGHTS_FD_READDIR, 0, 0, &dir));
  EXPECT(OK, __wasi_fd_readdir(dir, whole, sizeof whole, 0, &size));
  CHECK(size < sizeof whole);
  for (__wasi_size_t length = 0; length <= 200; ++length) {
    EXPECT(OK, __wasi_fd_readdir(dir, part, length, 0, &used));
    CHECK(used == (length < size ? length : size));
    CHECK(memcmp(whole, part, used) == 0);
  }
  for (__wasi_size_t i = 0; i < size;) {
    __wasi_dirent_t entry;
    memcpy(&entry, whole + i, sizeof entry);
    const char* const name = (const char*)whole + i + sizeof entry;
    if (entry.d_namlen == 1 && *name == '.')
      own = entry.d_ino;
    if (entry.d_namlen == 2 && memcmp(name, "..", 2) == 0)
      above = entry.d_ino;
    i += sizeof entry + entry.d_namlen;
    EXPECT(OK, __wasi_fd_readdir(dir, part, sizeof part, entry.d_next, &used));
    CHECK(used == size - i);
    CHECK(memcmp(whole + i, part, used) == 0);
  }
  CHECK(own != 0 && above == own);  // what lies above was not given
  const __wasi_dircookie_t strange[] = {1, 12345, 1ull << 62, (1ull << 63) - 1, 1ull << 63, ~0ull};
  for (unsigned i = 0; i < sizeof strange / sizeof *strange; ++i) {
    const __wasi_errno_t error = __wasi_fd_readdir(dir, part, sizeof part, strange[i], &used);
    CHECK(error == OK || error == INVAL);
  }
  for (int again = 0; again < 2; ++again)
    EXPECT(INVAL, __wasi_fd_readdir(dir, part, sizeof part, ~0ull, &used));
  EXPECT(OK, __wasi_fd_readdir(dir, part, sizeof part, 0, &used));
  CHECK(used == size);
  EXPECT(OK, __wasi_fd_close(dir));
}

// Many directories open and read by turns.
static void many_directories(void) {
  enum { COUNT = 40 };
  __wasi_fd_t dirs[COUNT];
  uint64_t next[COUNT] = {0};
  uint8_t part[64];
  __wasi_size_t used;
  for (int i = 0; i < COUNT; ++i)
    EXPECT(OK, open_with(ROOT, "dir", __WASI_RIGHTS_FD_READDIR, 0, 0, dirs + i));
  for (int turn = 0; turn < 4; ++turn)
    for (int i = 0; i < COUNT; ++i) {
      __wasi_dirent_t entry;
      EXPECT(OK, __wasi_fd_readdir(dirs[i], part, sizeof part, next[i], &used));
      CHECK(used >= sizeof entry);
      memcpy(&entry, part, sizeof entry);
      next[i] = entry.d_next;
      CHECK(next[i] == next[0]);
    }
  for (int i = 0; i < COUNT; ++i)
    EXPECT(OK, __wasi_fd_close(dirs[i]));
}

static void sizes(void) {
  __wasi_fd_t fd;
  __wasi_filesize_t place;
  __wasi_filestat_t status;
  __wasi_size_t moved;
  uint8_t byte = 'x';
  const __wasi_ciovec_t out = {&byte, 1};
  const __wasi_iovec_t in = {&byte, 1};
  EXPECT(OK, open_at(ROOT, "sizes", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  EXPECT(INVAL, __wasi_fd_allocate(fd, 1ull << 63, 1));
  EXPECT(INVAL, __wasi_fd_allocate(fd, 0, 1ull << 63));
  EXPECT(__WASI_ERRNO_FBIG, __wasi_fd_allocate(fd, 1ull << 62, (1ull << 63) - 1));
  EXPECT(__WASI_ERRNO_FBIG, __wasi_fd_allocate(fd, (1ull << 63) - 1, 1));
  EXPECT(INVAL, __wasi_fd_filestat_set_size(fd, 1ull << 63));
  EXPECT(INVAL, __wasi_fd_seek(fd, INT64_MIN, __WASI_WHENCE_SET, &place));
  EXPECT(INVAL, __wasi_fd_seek(fd, INT64_MIN, __WASI_WHENCE_CUR, &place));
  const __wasi_errno_t at_the_end = __wasi_fd_pwrite(fd, &out, 1, (1ull << 63) - 1, &moved);
  CHECK(at_the_end == __WASI_ERRNO_FBIG || at_the_end == INVAL);
  EXPECT(OK, __wasi_fd_filestat_get(fd, &status));
  CHECK(status.size == 0);
  EXPECT(OK, __wasi_fd_pread(fd, &in, 0, 0, &moved));
  CHECK(moved == 0);
  EXPECT(OK, __wasi_fd_close(fd));
}

static void times(void) {
  const uint64_t second = 1000000000, year_2300 = 10413792000 * second;
  __wasi_filestat_t status, given;
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "before_1970", &status));
  CHECK(status.mtim == 0);
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "year_2300", &given));
  EXPECT(OK, __wasi_path_filestat_set_times(ROOT, 0, "dir/0", year_2300, year_2300 + 1, 5));
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "dir/0", &status));
  CHECK(status.mtim / second == given.mtim / second);  // what the host's file system can hold
  CHECK(status.atim / second == given.mtim / second);
  EXPECT(OK, __wasi_path_filestat_set_times(ROOT, 0, "dir/0", ~0ull, ~0ull, 5));
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "dir/0", &status));
  CHECK(status.mtim >= given.mtim);
  EXPECT(OK, __wasi_path_filestat_set_times(ROOT, 0, "dir/0", 0, 0, 5));
  EXPECT(OK, __wasi_path_filestat_get(ROOT, 0, "dir/0", &status));
  CHECK(status.mtim == 0 && status.atim == 0);
}

int main(void) {
  clocks();
  seek_implies_tell();
  inheritance();
  directories();
  many_directories();
  sizes();
  times();
  return done();
}
