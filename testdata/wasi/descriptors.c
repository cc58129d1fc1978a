// Descriptors: numbers, renumbering, closing, directories read in small pieces. Given: fd 3 with 200 files in `many/`.
#include "check.h"

static void renumber(void) {
  __wasi_fd_t fd, next;
  __wasi_fdstat_t fdstat;
  EXPECT(OK, open_at(ROOT, "out", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  CHECK(fd == 4);
  EXPECT(__WASI_ERRNO_BADF, __wasi_fd_renumber(fd, 100));
  EXPECT(__WASI_ERRNO_BADF, __wasi_fd_renumber(100, fd));
  EXPECT(OK, __wasi_fd_renumber(fd, fd));
  EXPECT(OK, __wasi_fd_renumber(fd, 0));
  EXPECT(__WASI_ERRNO_BADF, __wasi_fd_fdstat_get(fd, &fdstat));
  EXPECT(OK, __wasi_fd_fdstat_get(0, &fdstat));
  CHECK(fdstat.fs_filetype == __WASI_FILETYPE_REGULAR_FILE);
  EXPECT(OK, open_at(ROOT, "out", 0, kRead, &next));
  CHECK(next == 4);
  EXPECT(OK, __wasi_fd_close(0));
  EXPECT(OK, __wasi_fd_close(next));
  EXPECT(__WASI_ERRNO_BADF, __wasi_fd_close(next));
  EXPECT(OK, open_at(ROOT, "out", 0, kRead, &next));
  CHECK(next == 0);
}

// What is replaced is closed: more often than a process may have descriptors.
static void renumber_often(void) {
  __wasi_fd_t kept, fd;
  EXPECT(OK, open_at(ROOT, "out", 0, kRead, &kept));
  for (int i = 0; i < 100000 && !wrong; ++i) {
    EXPECT(OK, open_at(ROOT, "out", 0, kRead, &fd));
    EXPECT(OK, __wasi_fd_renumber(fd, kept));
  }
  EXPECT(OK, __wasi_fd_close(kept));
}

// Lists `many` through a buffer of `size` bytes; returns the number of entries.
static int list(__wasi_fd_t dir, size_t size) {
  uint8_t* const buffer = malloc(size);
  __wasi_dircookie_t cookie = 0;
  int entries = 0;
  for (;;) {
    __wasi_size_t used;
    EXPECT(OK, __wasi_fd_readdir(dir, buffer, size, cookie, &used));
    const int before = entries;
    for (size_t i = 0; i + sizeof(__wasi_dirent_t) <= used;) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + i, sizeof entry);
      i += sizeof entry + entry.d_namlen;
      if (i > used)
        break;
      cookie = entry.d_next;
      ++entries;
    }
    if (entries == before)
      break;
  }
  free(buffer);
  return entries;
}

static void readdir_sizes(void) {
  __wasi_fd_t dir;
  __wasi_size_t used;
  EXPECT(OK, __wasi_path_open(ROOT, 0, "many", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &dir));
  CHECK(list(dir, 4096) == 202);
  CHECK(list(dir, 40) == 202);
  CHECK(list(dir, 65536) == 202);
  EXPECT(OK, __wasi_fd_readdir(dir, 0, 0, 0, &used));
  CHECK(used == 0);
  EXPECT(__WASI_ERRNO_NOTDIR, __wasi_fd_readdir(0, 0, 0, 0, &used));
}

static void extremes(void) {
  __wasi_fd_t fd;
  __wasi_size_t size;
  __wasi_filesize_t place;
  uint8_t byte = 'x';
  const __wasi_iovec_t in = {&byte, 1};
  const __wasi_ciovec_t out = {&byte, 1};
  EXPECT(OK, open_at(ROOT, "extreme", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_pread(fd, &in, 1, 1ull << 63, &size));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_pwrite(fd, &out, 1, 1ull << 63, &size));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_pwrite(fd, &out, 1, ~0ull, &size));
  EXPECT(OK, __wasi_fd_pread(fd, &in, 1, 1ull << 62, &size));
  CHECK(size == 0);
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &place));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, 0, 3, &place));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_filestat_set_size(fd, ~0ull));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_allocate(fd, 0, 0));
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_advise(fd, 0, 0, __WASI_ADVICE_NORMAL));
  EXPECT(__WASI_ERRNO_SPIPE, __wasi_fd_seek(1, 0, __WASI_WHENCE_SET, &place));
  EXPECT(__WASI_ERRNO_NOTSOCK, __wasi_sock_shutdown(fd, __WASI_SDFLAGS_RD));
  EXPECT(__WASI_ERRNO_BADF, __wasi_sock_shutdown(99, __WASI_SDFLAGS_RD));
}

// More buffers than the host takes in one call.
static void many_buffers(void) {
  enum { COUNT = 3000 };
  static __wasi_ciovec_t out[COUNT];
  static __wasi_iovec_t in[COUNT];
  static uint8_t written[COUNT], read[COUNT];
  __wasi_fd_t fd;
  __wasi_size_t size;
  __wasi_filesize_t place;
  for (int i = 0; i < COUNT; ++i) {
    written[i] = (uint8_t)(i * 7);
    out[i] = (__wasi_ciovec_t){written + i, 1};
    in[i] = (__wasi_iovec_t){read + i, 1};
  }
  EXPECT(OK, open_at(ROOT, "buffers", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  EXPECT(OK, __wasi_fd_write(fd, out, COUNT, &size));
  CHECK(size == COUNT);
  EXPECT(OK, __wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &place));
  EXPECT(OK, __wasi_fd_read(fd, in, COUNT, &size));
  CHECK(size == COUNT);
  CHECK(memcmp(written, read, COUNT) == 0);
  memset(read, 0, COUNT);
  EXPECT(OK, __wasi_fd_pread(fd, in, COUNT, 0, &size));
  CHECK(size == COUNT);
  CHECK(memcmp(written, read, COUNT) == 0);
}

int main(void) {
  renumber();
  renumber_often();
  readdir_sizes();
  extremes();
  many_buffers();
  return done();
}
