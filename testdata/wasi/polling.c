// poll_oneoff over clocks and descriptors together. Given: fd 3 with `file`; standard input is a pipe that stays empty and
// open, standard output one that can be written.
#include "check.h"

static __wasi_subscription_t subscriptions[8];
static __wasi_event_t events[8];

static __wasi_subscription_t clock_in(uint64_t userdata, __wasi_clockid_t id, uint64_t ns, int absolute) {
  __wasi_subscription_t s = {.userdata = userdata, .u = {.tag = __WASI_EVENTTYPE_CLOCK}};
  s.u.u.clock.id = id;
  s.u.u.clock.timeout = ns;
  s.u.u.clock.flags = absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0;
  return s;
}

static __wasi_subscription_t descriptor(uint64_t userdata, __wasi_eventtype_t type, __wasi_fd_t fd) {
  __wasi_subscription_t s = {.userdata = userdata, .u = {.tag = type}};
  s.u.u.fd_read.file_descriptor = fd;
  return s;
}

static uint64_t now(__wasi_clockid_t id) {
  __wasi_timestamp_t time;
  EXPECT(OK, __wasi_clock_time_get(id, 0, &time));
  return time;
}

int main(void) {
  const uint64_t ms = 1000000;
  __wasi_size_t count;
  EXPECT(__WASI_ERRNO_INVAL, __wasi_poll_oneoff(subscriptions, events, 0, &count));

  uint64_t begin = now(__WASI_CLOCKID_MONOTONIC);
  subscriptions[0] = clock_in(1, __WASI_CLOCKID_MONOTONIC, 20 * ms, 0);
  subscriptions[1] = descriptor(2, __WASI_EVENTTYPE_FD_READ, 0);
  subscriptions[2] = clock_in(3, __WASI_CLOCKID_REALTIME, 3600000 * ms, 0);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 3, &count));
  CHECK(count == 1 && events[0].userdata == 1 && events[0].error == 0 && events[0].type == __WASI_EVENTTYPE_CLOCK);
  CHECK(now(__WASI_CLOCKID_MONOTONIC) - begin >= 20 * ms);

  subscriptions[0] = clock_in(1, __WASI_CLOCKID_REALTIME, now(__WASI_CLOCKID_REALTIME) + 10 * ms, 1);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 2, &count));
  CHECK(count == 1 && events[0].userdata == 1);

  subscriptions[0] = clock_in(1, __WASI_CLOCKID_MONOTONIC, 5, 1);  // long past
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 2, &count));
  CHECK(count == 1 && events[0].userdata == 1);

  __wasi_fd_t file;
  EXPECT(OK, open_at(ROOT, "file", 0, kRead, &file));
  subscriptions[0] = clock_in(1, __WASI_CLOCKID_MONOTONIC, 3600000 * ms, 0);
  subscriptions[2] = descriptor(3, __WASI_EVENTTYPE_FD_WRITE, 1);
  subscriptions[3] = descriptor(4, __WASI_EVENTTYPE_FD_READ, file);
  subscriptions[4] = descriptor(5, __WASI_EVENTTYPE_FD_READ, 99);
  subscriptions[5] = descriptor(6, __WASI_EVENTTYPE_FD_WRITE, file);
  subscriptions[6] = clock_in(7, 77, 0, 0);
  subscriptions[7] = clock_in(8, __WASI_CLOCKID_PROCESS_CPUTIME_ID, 0, 0);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 8, &count));
  CHECK(count == 6);
  CHECK(events[0].userdata == 3 && events[0].error == 0 && events[0].type == __WASI_EVENTTYPE_FD_WRITE);
  CHECK(events[1].userdata == 4 && events[1].error == 0 && events[1].fd_readwrite.nbytes == 4);
  CHECK(events[2].userdata == 5 && events[2].error == __WASI_ERRNO_BADF);
  CHECK(events[3].userdata == 6 && events[3].error == __WASI_ERRNO_NOTCAPABLE);
  CHECK(events[4].userdata == 7 && events[4].error == __WASI_ERRNO_INVAL);
  CHECK(events[5].userdata == 8 && events[5].error == __WASI_ERRNO_NOTSUP);
  return done();
}
