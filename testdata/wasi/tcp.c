// Given: fd 3 listens. The first peer sends "he", after "more!" "llo", after "and end." its end; the second one resets its
// connection.
#include "check.h"

enum { LISTENER = 3 };

static uint8_t text[16];
static __wasi_size_t size;
static __wasi_roflags_t roflags;

static __wasi_errno_t receive(__wasi_fd_t fd, size_t most, __wasi_riflags_t flags) {
  const __wasi_iovec_t in = {text, most};
  memset(text, 0, sizeof text);
  return __wasi_sock_recv(fd, &in, 1, flags, &size, &roflags);
}

static __wasi_errno_t transmit(__wasi_fd_t fd, const char* bytes) {
  const __wasi_ciovec_t out = {(const uint8_t*)bytes, strlen(bytes)};
  return __wasi_sock_send(fd, &out, 1, 0, &size);
}

// Waits until the descriptor can be read. Returns the event's flags.
static __wasi_eventrwflags_t wait_for(__wasi_fd_t fd) {
  __wasi_subscription_t readable = {.userdata = fd, .u = {.tag = __WASI_EVENTTYPE_FD_READ}};
  readable.u.u.fd_read.file_descriptor = fd;
  __wasi_event_t event;
  __wasi_size_t count;
  EXPECT(OK, __wasi_poll_oneoff(&readable, &event, 1, &count));
  CHECK(count == 1 && event.userdata == fd && event.error == 0);
  return event.fd_readwrite.flags;
}

static void conversation(__wasi_fd_t fd) {
  CHECK(wait_for(fd) == 0);
  EXPECT(OK, receive(fd, 16, __WASI_RIFLAGS_RECV_PEEK));
  CHECK(size == 2 && memcmp(text, "he", 2) == 0);
  EXPECT(OK, transmit(fd, "more!"));
  CHECK(size == 5);
  EXPECT(OK, receive(fd, 5, __WASI_RIFLAGS_RECV_WAITALL | __WASI_RIFLAGS_RECV_PEEK));
  CHECK(size == 5 && memcmp(text, "hello", 5) == 0);
  EXPECT(OK, receive(fd, 5, __WASI_RIFLAGS_RECV_WAITALL));
  CHECK(size == 5 && memcmp(text, "hello", 5) == 0);

  EXPECT(OK, __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK));
  EXPECT(__WASI_ERRNO_AGAIN, receive(fd, 5, 0));
  EXPECT(__WASI_ERRNO_AGAIN, receive(fd, 5, __WASI_RIFLAGS_RECV_WAITALL));
  EXPECT(__WASI_ERRNO_NOTSUP, __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_SYNC));
  EXPECT(OK, __wasi_fd_fdstat_set_flags(fd, 0));

  EXPECT(OK, transmit(fd, "and end."));
  EXPECT(OK, receive(fd, 5, __WASI_RIFLAGS_RECV_WAITALL));
  CHECK(size == 0);
  CHECK(wait_for(fd) == __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP);
  EXPECT(OK, __wasi_sock_shutdown(fd, __WASI_SDFLAGS_RD | __WASI_SDFLAGS_WR));
  EXPECT(__WASI_ERRNO_PIPE, transmit(fd, "x"));
  EXPECT(OK, __wasi_fd_close(fd));
}

int main(void) {
  __wasi_fd_t fd;
  __wasi_fdstat_t fdstat;
  EXPECT(OK, __wasi_fd_fdstat_get(LISTENER, &fdstat));
  CHECK(fdstat.fs_filetype == __WASI_FILETYPE_SOCKET_STREAM && fdstat.fs_flags == 0);
  CHECK((fdstat.fs_rights_base & __WASI_RIGHTS_SOCK_ACCEPT) != 0);
  EXPECT(__WASI_ERRNO_NOTCONN, receive(LISTENER, 5, 0));
  EXPECT(__WASI_ERRNO_NOTCAPABLE, transmit(LISTENER, "x"));

  EXPECT(OK, __wasi_sock_accept(LISTENER, 0, &fd));
  EXPECT(OK, __wasi_fd_fdstat_get(fd, &fdstat));
  CHECK(fdstat.fs_flags == 0);
  EXPECT(__WASI_ERRNO_NOTCAPABLE, __wasi_sock_accept(fd, 0, &fd));
  conversation(fd);

  EXPECT(OK, __wasi_fd_fdstat_set_flags(LISTENER, __WASI_FDFLAGS_NONBLOCK));
  wait_for(LISTENER);
  EXPECT(OK, __wasi_sock_accept(LISTENER, __WASI_FDFLAGS_NONBLOCK, &fd));
  EXPECT(__WASI_ERRNO_AGAIN, __wasi_sock_accept(LISTENER, 0, &fd));
  CHECK((wait_for(fd) & __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP) != 0);
  EXPECT(__WASI_ERRNO_CONNRESET, receive(fd, 5, 0));
  EXPECT(__WASI_ERRNO_PIPE, transmit(fd, "x"));
  EXPECT(OK, receive(fd, 5, 0));
  CHECK(size == 0);
  EXPECT(__WASI_ERRNO_NOTCONN, __wasi_sock_shutdown(fd, __WASI_SDFLAGS_WR));
  return done();
}
