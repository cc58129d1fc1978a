// poll_oneoff over clocks and descriptors together. Given: fd 3 with `file` and `fifo`; standard input is a pipe that stays empty and
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

static const uint64_t ms = 1000000;

// Clocks of processor time are waited for as others are; a process that waits spends little of it.
static void processor_time(void) {
  __wasi_size_t count;
  for (__wasi_clockid_t id = 0; id <= __WASI_CLOCKID_THREAD_CPUTIME_ID; ++id) {
    subscriptions[0] = clock_in(1, id, 0, 0);
    subscriptions[1] = clock_in(2, id, 1, 1);  // long past
    subscriptions[2] = clock_in(3, id, 3600000 * ms, 0);
    subscriptions[3] = clock_in(4, id, ~0ull, 1);
    EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 4, &count));
    CHECK(count == 2 && events[0].userdata == 1 && events[1].userdata == 2);

    subscriptions[0] = clock_in(5, id, ms / 4, 0);
    const uint64_t begin = now(id);
    EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 1, &count));
    CHECK(count == 1 && events[0].userdata == 5 && now(id) - begin >= ms / 4);
    subscriptions[0] = clock_in(6, id, now(id) + ms / 4, 1);
    EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 1, &count));
    CHECK(count == 1 && events[0].userdata == 6);
  }
  subscriptions[0] = clock_in(7, __WASI_CLOCKID_THREAD_CPUTIME_ID, 3600000 * ms, 0);
  subscriptions[1] = clock_in(8, __WASI_CLOCKID_MONOTONIC, 20 * ms, 0);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 2, &count));
  CHECK(count == 1 && events[0].userdata == 8);
}

// Both ends of a FIFO: nothing, bytes, the end, nobody who reads.
static void fifo_ends(void) {
  __wasi_fd_t in, out;
  __wasi_size_t count, size;
  const __wasi_ciovec_t bytes = {(const uint8_t*)"abc", 3};
  EXPECT(OK, __wasi_path_open(ROOT, 0, "fifo", 0, kRead, 0, __WASI_FDFLAGS_NONBLOCK, &in));
  EXPECT(OK, __wasi_path_open(ROOT, 0, "fifo", 0, kWrite | __WASI_RIGHTS_POLL_FD_READWRITE, 0, 0, &out));
  subscriptions[0] = descriptor(1, __WASI_EVENTTYPE_FD_READ, in);
  subscriptions[1] = descriptor(2, __WASI_EVENTTYPE_FD_WRITE, out);
  subscriptions[2] = descriptor(3, __WASI_EVENTTYPE_FD_READ, in);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 3, &count));
  CHECK(count == 1 && events[0].userdata == 2 && events[0].fd_readwrite.flags == 0);
  EXPECT(OK, __wasi_fd_write(out, &bytes, 1, &size));
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 3, &count));
  CHECK(count == 3 && events[0].userdata == 1 && events[2].userdata == 3);
  CHECK(events[0].fd_readwrite.nbytes == 3 && events[2].fd_readwrite.nbytes == 3 && events[0].fd_readwrite.flags == 0);
  EXPECT(OK, __wasi_fd_close(out));
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 1, &count));
  CHECK(events[0].fd_readwrite.nbytes == 3);
  CHECK(events[0].fd_readwrite.flags == __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP);

  EXPECT(OK, __wasi_path_open(ROOT, 0, "fifo", 0, kWrite | __WASI_RIGHTS_POLL_FD_READWRITE, 0, 0, &out));
  EXPECT(OK, __wasi_fd_close(in));
  subscriptions[0] = descriptor(4, __WASI_EVENTTYPE_FD_WRITE, out);
  EXPECT(OK, __wasi_poll_oneoff(subscriptions, events, 1, &count));
  CHECK(count == 1 && events[0].fd_readwrite.flags == __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP);
  EXPECT(OK, __wasi_fd_close(out));
}

static void many(void) {
  enum { COUNT = 100000 };
  __wasi_subscription_t* const all = malloc(COUNT * sizeof *all);
  __wasi_event_t* const happened = malloc(COUNT * sizeof *happened);
  __wasi_size_t count;
  for (int i = 0; i < COUNT; ++i)
    all[i] = i % 2 ? descriptor(i, __WASI_EVENTTYPE_FD_READ, 0) : clock_in(i, __WASI_CLOCKID_MONOTONIC, 3600000 * ms, 0);
  all[777] = clock_in(777, __WASI_CLOCKID_MONOTONIC, 20 * ms, 0);
  EXPECT(OK, __wasi_poll_oneoff(all, happened, COUNT, &count));
  CHECK(count == 1 && happened[0].userdata == 777);
  for (int i = 0; i < COUNT; ++i)
    all[i] = descriptor(i, __WASI_EVENTTYPE_FD_WRITE, 1);
  EXPECT(OK, __wasi_poll_oneoff(all, happened, COUNT, &count));
  CHECK(count == COUNT && happened[COUNT - 1].userdata == COUNT - 1);
  free(all);
  free(happened);
}

int main(void) {
  __wasi_size_t count;
  processor_time();
  fifo_ends();
  many();
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
  CHECK(events[5].userdata == 8 && events[5].error == 0);
  return done();
}
