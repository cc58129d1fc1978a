// Accepts a connection when it has no descriptor left. Given: fd 3 is a directory, fd 4 listens; somebody connects and
// sends "hello".
#include "check.h"

enum { LISTENER = 4 };

int main(void) {
  uint8_t text[8];
  const __wasi_iovec_t in = {text, sizeof text};
  __wasi_size_t size;
  __wasi_roflags_t flags;
  __wasi_fd_t last = 0, fd;
  __wasi_errno_t error;
  __wasi_subscription_t connection = {.u = {.tag = __WASI_EVENTTYPE_FD_READ}};
  connection.u.u.fd_read.file_descriptor = LISTENER;
  __wasi_event_t event;
  EXPECT(OK, __wasi_poll_oneoff(&connection, &event, 1, &size));
  while ((error = open_at(ROOT, ".", 0, 0, &fd)) == OK)
    last = fd;
  EXPECT(__WASI_ERRNO_MFILE, error);
  for (int again = 0; again < 3; ++again)
    EXPECT(__WASI_ERRNO_MFILE, __wasi_sock_accept(LISTENER, 0, &fd));
  EXPECT(OK, __wasi_fd_fdstat_set_flags(LISTENER, __WASI_FDFLAGS_NONBLOCK));
  EXPECT(__WASI_ERRNO_MFILE, __wasi_sock_accept(LISTENER, 0, &fd));
  EXPECT(OK, __wasi_fd_close(last));
  EXPECT(OK, __wasi_sock_accept(LISTENER, 0, &fd));
  CHECK(fd == last);
  EXPECT(OK, __wasi_sock_recv(fd, &in, 1, 0, &size, &flags));
  CHECK(size == 5 && memcmp(text, "hello", 5) == 0);
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(__WASI_ERRNO_AGAIN, __wasi_sock_accept(LISTENER, 0, &fd));
  return done();
}
