// Files of an embedder. Given: fd 3 read-only with `squares`, whose byte at place n is n * n modulo 256, 1000 of them;
// `broken`, which cannot be read for a remote error; `loop` -> `loop`; fd 4 with a little room in memory.
#include "check.h"

int main(void) {
  enum { MEMORY = 4 };
  static uint8_t bytes[2000];
  const __wasi_iovec_t in = {bytes, sizeof bytes};
  const __wasi_ciovec_t out = {bytes, 600};
  __wasi_fd_t fd;
  __wasi_size_t size;
  __wasi_filesize_t place;
  __wasi_filestat_t status;
  __wasi_event_t event;
  __wasi_subscription_t readable = {.userdata = 1, .u = {.tag = __WASI_EVENTTYPE_FD_READ}};

  EXPECT(OK, open_at(ROOT, "squares", 0, kRead, &fd));
  EXPECT(OK, __wasi_fd_seek(fd, -10, __WASI_WHENCE_END, &place));
  CHECK(place == 990);
  readable.u.u.fd_read.file_descriptor = fd;
  EXPECT(OK, __wasi_poll_oneoff(&readable, &event, 1, &size));
  CHECK(size == 1 && event.error == 0 && event.fd_readwrite.nbytes == 10);
  EXPECT(OK, __wasi_fd_read(fd, &in, 1, &size));
  CHECK(size == 10 && bytes[9] == (999 * 999) % 256);
  EXPECT(OK, __wasi_fd_pread(fd, &in, 1, 0, &size));
  CHECK(size == 1000 && bytes[3] == 9 && bytes[20] == 400 % 256);
  EXPECT(OK, __wasi_fd_filestat_get(fd, &status));
  CHECK(status.size == 1000 && status.mtim == 1);
  EXPECT(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &place));
  EXPECT(__WASI_ERRNO_ROFS, open_at(ROOT, "squares", 0, kWrite, &fd));
  EXPECT(__WASI_ERRNO_ROFS, open_at(ROOT, "new", __WASI_OFLAGS_CREAT, kWrite, &fd));
  EXPECT(OK, open_at(ROOT, "broken", 0, kRead, &fd));
  EXPECT(__WASI_ERRNO_TIMEDOUT, __wasi_fd_read(fd, &in, 1, &size));
  EXPECT(__WASI_ERRNO_LOOP, open_at(ROOT, "loop", 0, kRead, &fd));

  EXPECT(OK, open_at(MEMORY, "file", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd));
  EXPECT(OK, __wasi_fd_write(fd, &out, 1, &size));
  CHECK(size == 600);
  EXPECT(__WASI_ERRNO_NOSPC, __wasi_fd_write(fd, &out, 1, &size));
  EXPECT(__WASI_ERRNO_NOSPC, __wasi_fd_filestat_set_size(fd, 1ull << 40));
  EXPECT(OK, __wasi_path_unlink_file(MEMORY, "file"));
  EXPECT(OK, __wasi_fd_filestat_get(fd, &status));
  CHECK(status.nlink == 0 && status.size == 600);
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, open_at(MEMORY, "file", __WASI_OFLAGS_CREAT, kWrite, &fd));
  EXPECT(OK, __wasi_fd_filestat_set_size(fd, 900));
  return done();
}
