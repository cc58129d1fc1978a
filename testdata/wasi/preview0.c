// What wasi_unstable does otherwise than wasi_snapshot_preview1. Given: fd 3 with `file`, which says "file".
#include "check.h"
#include "raw.h"

#define UNSTABLE(name) __attribute__((import_module("wasi_unstable"), import_name(#name))) int32_t old_##name
UNSTABLE(fd_seek)(uint32_t, uint64_t, uint32_t, uint32_t);
UNSTABLE(fd_filestat_get)(uint32_t, uint32_t);
UNSTABLE(path_filestat_get)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
UNSTABLE(poll_oneoff)(uint32_t, uint32_t, uint32_t, uint32_t);
UNSTABLE(fd_write)(uint32_t, uint32_t, uint32_t, uint32_t);

struct filestat {
  uint64_t dev, ino;
  uint8_t filetype;
  uint32_t nlink;
  uint64_t size, atim, mtim, ctim;
};
struct clock_subscription {
  uint64_t userdata;
  uint8_t type;
  uint64_t identifier;
  uint32_t id;
  uint64_t timeout, precision;
  uint16_t flags;
};

int main(void) {
  enum { CUR, END, SET };
  __wasi_fd_t fd;
  uint64_t place = 0;
  EXPECT(OK, open_at(ROOT, "file", 0, kRead, &fd));
  EXPECT(OK, old_fd_seek(fd, 3, SET, at(&place)));
  CHECK(place == 3);
  EXPECT(OK, old_fd_seek(fd, (uint64_t)-1, CUR, at(&place)));
  CHECK(place == 2);
  EXPECT(OK, old_fd_seek(fd, 0, END, at(&place)));
  CHECK(place == 4);
  EXPECT(__WASI_ERRNO_INVAL, old_fd_seek(fd, 0, 3, at(&place)));

  struct { struct filestat status; uint64_t beyond; } got = {.beyond = 0x1122334455667788};
  _Static_assert(sizeof(struct filestat) == 56, "the old layout");
  EXPECT(OK, old_fd_filestat_get(fd, at(&got)));
  CHECK(got.status.size == 4 && got.status.nlink == 1 && got.status.filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK(got.beyond == 0x1122334455667788);
  memset(&got.status, 0, sizeof got.status);
  EXPECT(OK, old_path_filestat_get(ROOT, 1, at("file"), 4, at(&got)));
  CHECK(got.status.size == 4 && got.status.mtim != 0);

  struct clock_subscription clock = {.userdata = 9, .id = __WASI_CLOCKID_MONOTONIC, .timeout = 1000};
  _Static_assert(sizeof clock == 56, "the old layout");
  __wasi_event_t event = {0};
  uint32_t count = 0;
  EXPECT(OK, old_poll_oneoff(at(&clock), at(&event), 1, at(&count)));
  CHECK(count == 1 && event.userdata == 9 && event.error == 0);
  clock.id = 77;
  EXPECT(OK, old_poll_oneoff(at(&clock), at(&event), 1, at(&count)));
  CHECK(event.error == __WASI_ERRNO_INVAL);
  return done();
}
