// Writes where it is refused, in the way that its argument names; says so on standard error. Given: for `fifo` fd 3 has
// `fifo`; for `large` fd 3 can be written, and files may have 64 KiB.
#include "check.h"

static uint8_t block[4096];

// Writes until it is refused.
static __wasi_errno_t fill(__wasi_fd_t fd, unsigned long long* written) {
  const __wasi_ciovec_t out = {block, sizeof block};
  for (*written = 0;;) {
    __wasi_size_t size;
    const __wasi_errno_t error = __wasi_fd_write(fd, &out, 1, &size);
    if (error)
      return error;
    *written += size;
  }
}

static void to_stdout(void) {
  unsigned long long written;
  EXPECT(__WASI_ERRNO_PIPE, fill(1, &written));
  EXPECT(__WASI_ERRNO_PIPE, fill(1, &written));
}

static void to_fifo(void) {
  __wasi_fd_t in, out;
  unsigned long long written;
  EXPECT(OK, __wasi_path_open(ROOT, 0, "fifo", 0, kRead, 0, __WASI_FDFLAGS_NONBLOCK, &in));
  EXPECT(OK, __wasi_path_open(ROOT, 0, "fifo", 0, kWrite, 0, 0, &out));
  EXPECT(OK, __wasi_fd_close(in));
  for (int again = 0; again < 3; ++again)
    EXPECT(__WASI_ERRNO_PIPE, fill(out, &written));
  const __wasi_ciovec_t two[] = {{block, 1}, {block, 1}};
  __wasi_size_t size;
  EXPECT(__WASI_ERRNO_PIPE, __wasi_fd_write(out, two, 2, &size));
  EXPECT(OK, __wasi_fd_close(out));
}

static void too_large(void) {
  enum { LIMIT = 65536, FBIG = __WASI_ERRNO_FBIG };
  const __wasi_ciovec_t out = {block, sizeof block};
  __wasi_fd_t fd;
  __wasi_size_t size;
  __wasi_filestat_t status;
  unsigned long long written;
  EXPECT(OK, open_at(ROOT, "large", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  EXPECT(FBIG, fill(fd, &written));
  CHECK(written == LIMIT);
  EXPECT(FBIG, __wasi_fd_pwrite(fd, &out, 1, LIMIT, &size));
  EXPECT(OK, __wasi_fd_pwrite(fd, &out, 1, LIMIT - 1, &size));
  CHECK(size == 1);
  EXPECT(FBIG, __wasi_fd_filestat_set_size(fd, LIMIT + 1));
  EXPECT(FBIG, __wasi_fd_allocate(fd, 0, LIMIT + 1));
  EXPECT(OK, __wasi_fd_filestat_get(fd, &status));
  CHECK(status.size == LIMIT);
}

int main(int argc, char** argv) {
  const char* const way = argc > 1 ? argv[1] : "";
  if (strcmp(way, "stdout") == 0)
    to_stdout();
  if (strcmp(way, "fifo") == 0)
    to_fifo();
  if (strcmp(way, "large") == 0)
    too_large();
  fputs(wrong ? "wrong\n" : "ok\n", stderr);
  return wrong;
}
