// Waits for ever in the way that its argument names. Given: standard input is a pipe that stays empty and open; fd 3 has
// `fifo`, which nobody opens; fd 4 listens, with a silent connection waiting for `recv`.
#include "check.h"

int main(int argc, char** argv) {
  const char* const way = argc > 1 ? argv[1] : "";
  uint8_t byte;
  const __wasi_iovec_t in = {&byte, 1};
  __wasi_size_t size;
  __wasi_fd_t fd;
  __wasi_event_t event;
  __wasi_subscription_t subscription = {.userdata = 1};
  if (strcmp(way, "read") == 0)
    (void)!__wasi_fd_read(0, &in, 1, &size);
  if (strcmp(way, "open") == 0)
    open_at(ROOT, "fifo", 0, kRead, &fd);
  if (strcmp(way, "accept") == 0)
    (void)!__wasi_sock_accept(4, 0, &fd);
  if (strcmp(way, "recv") == 0) {
    __wasi_roflags_t flags;
    EXPECT(OK, __wasi_sock_accept(4, 0, &fd));
    (void)!__wasi_sock_recv(fd, &in, 1, __WASI_RIFLAGS_RECV_WAITALL, &size, &flags);
  }
  if (strcmp(way, "sleep") == 0) {
    subscription.u.tag = __WASI_EVENTTYPE_CLOCK;
    subscription.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    subscription.u.u.clock.timeout = ~0ull;
    (void)!__wasi_poll_oneoff(&subscription, &event, 1, &size);
  }
  if (strcmp(way, "poll") == 0) {
    subscription.u.tag = __WASI_EVENTTYPE_FD_READ;
    (void)!__wasi_poll_oneoff(&subscription, &event, 1, &size);
  }
  puts("came back");
  return 1;
}
