// Waits with single calls of poll_oneoff for clocks and descriptors of every kind. Given: standard input is a terminal;
// fd 3 has `file` of four bytes, and the FIFOs `full` and `empty`; fd 4 listens, with a connection waiting. After each
// "now:" that it prints, what is named there happens.
#include "check.h"

enum { TERMINAL = 0, LISTENER = 4, CLOCKS = 4 };

static const uint64_t ms = 1000000, hour = 3600000ull * 1000000;
static __wasi_fd_t file, full, empty, connected;
static __wasi_subscription_t all[12];
static __wasi_event_t events[12];
static __wasi_size_t count;

static uint64_t now(__wasi_clockid_t id) {
  __wasi_timestamp_t time;
  EXPECT(OK, __wasi_clock_time_get(id, 0, &time));
  return time;
}

static void set_clock(int i, __wasi_clockid_t id, uint64_t timeout, int absolute) {
  all[i] = (__wasi_subscription_t){.userdata = i, .u = {.tag = __WASI_EVENTTYPE_CLOCK}};
  all[i].u.u.clock.id = id;
  all[i].u.u.clock.timeout = timeout;
  all[i].u.u.clock.flags = absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0;
}

static void set_descriptor(int i, __wasi_fd_t fd, __wasi_eventtype_t type) {
  all[i] = (__wasi_subscription_t){.userdata = i, .u = {.tag = type}};
  all[i].u.u.fd_read.file_descriptor = fd;
}

// Clocks that are far off, and descriptors that have nothing yet.
static void set_silent(void) {
  set_clock(0, __WASI_CLOCKID_MONOTONIC, hour, 0);
  set_clock(1, __WASI_CLOCKID_REALTIME, now(__WASI_CLOCKID_REALTIME) + hour, 1);
  set_clock(2, __WASI_CLOCKID_PROCESS_CPUTIME_ID, hour, 0);
  set_clock(3, __WASI_CLOCKID_THREAD_CPUTIME_ID, hour, 0);
  set_descriptor(4, empty, __WASI_EVENTTYPE_FD_READ);
  set_descriptor(5, TERMINAL, __WASI_EVENTTYPE_FD_READ);
  set_descriptor(6, LISTENER, __WASI_EVENTTYPE_FD_READ);
  set_descriptor(7, connected, __WASI_EVENTTYPE_FD_READ);
}

static uint64_t nbytes(uint64_t userdata) {
  for (__wasi_size_t i = 0; i < count; ++i)
    if (events[i].userdata == userdata)
      return events[i].error == OK ? events[i].fd_readwrite.nbytes : ~0ull;
  return ~0ull;
}

// What is ready is told, all of it at once, and nothing else.
static void ready(void) {
  set_silent();
  set_descriptor(8, file, __WASI_EVENTTYPE_FD_READ);
  set_descriptor(9, full, __WASI_EVENTTYPE_FD_READ);
  set_descriptor(10, connected, __WASI_EVENTTYPE_FD_WRITE);
  set_clock(11, __WASI_CLOCKID_MONOTONIC, 0, 0);
  EXPECT(OK, __wasi_poll_oneoff(all, events, 12, &count));
  CHECK(count == 4);
  CHECK(nbytes(8) == 4);
  CHECK(nbytes(9) == 3);
  CHECK(nbytes(10) != ~0ull);
  CHECK(nbytes(11) != ~0ull);
}

// A clock ends the wait in time, which costs no processor time.
static void silent(void) {
  const uint64_t begin = now(__WASI_CLOCKID_MONOTONIC), spent = now(__WASI_CLOCKID_THREAD_CPUTIME_ID);
  set_silent();
  set_clock(0, __WASI_CLOCKID_MONOTONIC, 300 * ms, 0);
  EXPECT(OK, __wasi_poll_oneoff(all, events, 8, &count));
  CHECK(count == 1 && events[0].userdata == 0);
  CHECK(now(__WASI_CLOCKID_MONOTONIC) - begin >= 300 * ms);
  CHECK(now(__WASI_CLOCKID_THREAD_CPUTIME_ID) - spent < 30 * ms);
}

// Whichever has something ends the wait for all.
static void one_by_one(void) {
  static const char* const kNames[] = {"fifo", "terminal", "connection", "bytes"};
  static uint8_t text[64];
  const __wasi_iovec_t in = {text, sizeof text};
  __wasi_size_t size;
  __wasi_fd_t fd;
  for (int i = 0; i < 4; ++i) {
    printf("now: %s\n", kNames[i]);
    fflush(stdout);
    set_silent();
    EXPECT(OK, __wasi_poll_oneoff(all, events, 8, &count));
    CHECK(count == 1 && events[0].userdata == (uint64_t)(CLOCKS + i) && events[0].error == OK);
    if (i == 2)
      EXPECT(OK, __wasi_sock_accept(LISTENER, 0, &fd));
    else
      EXPECT(OK, __wasi_fd_read(i == 0 ? empty : i == 1 ? TERMINAL : connected, &in, 1, &size));
  }
}

int main(void) {
  const __wasi_rights_t reads = kRead | __WASI_RIGHTS_FD_WRITE;
  const __wasi_ciovec_t three = {(const uint8_t*)"abc", 3};
  __wasi_size_t size;
  EXPECT(OK, open_at(ROOT, "file", 0, kRead, &file));
  EXPECT(OK, __wasi_path_open(ROOT, 0, "full", 0, reads, 0, 0, &full));  // both ends: it does not wait
  EXPECT(OK, __wasi_path_open(ROOT, 0, "empty", 0, reads, 0, 0, &empty));
  EXPECT(OK, __wasi_fd_write(full, &three, 1, &size));
  EXPECT(OK, __wasi_sock_accept(LISTENER, 0, &connected));
  ready();
  silent();
  one_by_one();
  return done();
}
