// Sockets that the host lends. Given: standard input is a listening socket with one connection waiting, whose other end
// has sent "hello", reads what comes until its end, and has not closed; standard output is no socket.
#include "check.h"
#include "raw.h"

// Pointers past the end of memory: nothing is accepted, received or sent.
static void bad_pointers(__wasi_fd_t listener, __wasi_fd_t fd) {
  enum { FAULT = __WASI_ERRNO_FAULT };
  const uint32_t end = (uint32_t)__builtin_wasm_memory_size(0) << 16;
  static uint8_t text[4];
  static __wasi_iovec_t one = {text, sizeof text}, outside;
  static __wasi_size_t size;
  static __wasi_roflags_t flags;
  outside = (__wasi_iovec_t){(uint8_t*)(uintptr_t)(end - 1), 2};
  for (int i = 0; i < 2; ++i) {
    const uint32_t bad = i == 0 ? end - 1 : 0xffffffff;
    if (fd == 0) {
      EXPECT(FAULT, raw_sock_accept(listener, 0, bad));
      continue;
    }
    EXPECT(FAULT, raw_sock_recv(fd, bad, 1, 0, at(&size), at(&flags)));
    EXPECT(FAULT, raw_sock_recv(fd, at(&one), 1, 0, bad, at(&flags)));
    EXPECT(FAULT, raw_sock_recv(fd, at(&one), 1, 0, at(&size), bad));
    EXPECT(FAULT, raw_sock_recv(fd, at(&outside), 1, 0, at(&size), at(&flags)));
    EXPECT(FAULT, raw_sock_recv(fd, at(&one), 0xffffffff, 0, at(&size), at(&flags)));
    EXPECT(FAULT, raw_sock_send(fd, bad, 1, 0, at(&size)));
    EXPECT(FAULT, raw_sock_send(fd, at(&one), 1, 0, bad));
    EXPECT(FAULT, raw_sock_send(fd, at(&outside), 1, 0, at(&size)));
    EXPECT(FAULT, raw_sock_send(fd, at(&one), 0xffffffff, 0, at(&size)));
  }
  if (fd != 0)
    EXPECT(OK, __wasi_sock_send(fd, 0, 0, 0, &size));
}

int main(void) {
  __wasi_fd_t fd;
  uint8_t text[16];
  const __wasi_iovec_t in = {text, sizeof text};
  const __wasi_iovec_t two = {text, 2};
  const __wasi_ciovec_t out = {(const uint8_t*)"good-bye", 8};
  __wasi_size_t size;
  __wasi_roflags_t flags;
  __wasi_fdstat_t fdstat;

  EXPECT(__WASI_ERRNO_NOTSOCK, __wasi_sock_accept(1, 0, &fd));
  EXPECT(__WASI_ERRNO_BADF, __wasi_sock_accept(99, 0, &fd));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_sock_accept(0, __WASI_FDFLAGS_APPEND, &fd));
  bad_pointers(0, 0);
  EXPECT(OK, __wasi_sock_accept(0, __WASI_FDFLAGS_NONBLOCK, &fd));
  bad_pointers(0, fd);
  EXPECT(OK, __wasi_fd_fdstat_get(fd, &fdstat));
  CHECK(fdstat.fs_filetype == __WASI_FILETYPE_SOCKET_STREAM && fdstat.fs_flags == __WASI_FDFLAGS_NONBLOCK);

  EXPECT(OK, __wasi_sock_recv(fd, &two, 1, __WASI_RIFLAGS_RECV_PEEK, &size, &flags));
  CHECK(size == 2 && memcmp(text, "he", 2) == 0);
  EXPECT(OK, __wasi_sock_recv(fd, &in, 1, 0, &size, &flags));
  CHECK(size == 5 && memcmp(text, "hello", 5) == 0 && flags == 0);
  EXPECT(__WASI_ERRNO_AGAIN, __wasi_sock_recv(fd, &in, 1, 0, &size, &flags));
  EXPECT(__WASI_ERRNO_AGAIN, __wasi_fd_read(fd, &in, 1, &size));
  EXPECT(__WASI_ERRNO_INVAL, __wasi_sock_recv(fd, &in, 1, 4, &size, &flags));
  EXPECT(OK, __wasi_sock_send(fd, &out, 1, 0, &size));
  CHECK(size == 8);
  EXPECT(__WASI_ERRNO_INVAL, __wasi_sock_shutdown(fd, 0));
  EXPECT(OK, __wasi_sock_shutdown(fd, __WASI_SDFLAGS_WR));
  EXPECT(__WASI_ERRNO_PIPE, __wasi_sock_send(fd, &out, 1, 0, &size));
  EXPECT(__WASI_ERRNO_PIPE, __wasi_fd_write(fd, &out, 1, &size));
  EXPECT(OK, __wasi_fd_close(fd));
  return done();
}
