// Asks for as much as a program can, in the way that its argument names; prints what it got.
#include "check.h"
#include "raw.h"

enum { MILLION = 1000000 };

static void print(int error, unsigned long long got) { printf("%d %llu\n", error, got); }

static void buffers(void) {
  static __wasi_ciovec_t list[MILLION];
  static uint8_t bytes[16];
  __wasi_fd_t fd;
  __wasi_size_t moved = 0;
  __wasi_filesize_t place;
  open_at(ROOT, "file", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd);
  for (int i = 0; i < MILLION; ++i)
    list[i] = (__wasi_ciovec_t){bytes, sizeof bytes};
  print(__wasi_fd_write(fd, list, MILLION, &moved), moved);
  EXPECT(OK, __wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &place));
  print(__wasi_fd_read(fd, (const __wasi_iovec_t*)list, MILLION, &moved), moved);
  for (int i = 0; i < MILLION - 1; ++i)
    list[i].buf_len = 0;
  print(__wasi_fd_pwrite(fd, list, MILLION, 0, &moved), moved);
  print(raw_fd_write(fd, at(list), 0xffffffff, at(&moved)), 0);
}

static void subscriptions(void) {
  static __wasi_subscription_t list[MILLION];
  static __wasi_event_t events[MILLION];
  __wasi_size_t count = 0;
  for (int i = 0; i < MILLION; ++i) {
    list[i].userdata = i;
    list[i].u.tag = i % 2 ? __WASI_EVENTTYPE_CLOCK : __WASI_EVENTTYPE_FD_READ;
    if (i % 2)
      list[i].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    else
      list[i].u.u.fd_read.file_descriptor = i % 8 == 0 ? 0 : ROOT + 100;
  }
  print(__wasi_poll_oneoff(list, events, MILLION, &count), count);
}

static void randomness(void) {
  static uint8_t bytes[64 << 20];
  print(__wasi_random_get(bytes, sizeof bytes), bytes[0] | bytes[1] | bytes[2] | bytes[3] ? sizeof bytes : 0);
  print(raw_random_get(at(bytes), 0xffffffff), 0);
}

static void entries(void) {
  static uint8_t buffer[1 << 20];
  unsigned long long count = 0;
  __wasi_dircookie_t cookie = 0;
  __wasi_fd_t dir;
  EXPECT(OK, __wasi_path_open(ROOT, 0, "many", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &dir));
  for (;;) {
    __wasi_size_t used = 0;
    const int error = __wasi_fd_readdir(dir, buffer, sizeof buffer, cookie, &used);
    __wasi_size_t at = 0;
    while (at + sizeof(__wasi_dirent_t) <= used) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + at, sizeof entry);
      at += sizeof entry + entry.d_namlen;
      if (at > used)
        break;
      cookie = entry.d_next;
      ++count;
    }
    if (error || used < sizeof buffer) {
      print(error, count);
      return;
    }
  }
}

// Keeps each directory open, and has read in it.
static void directories(void) {
  uint8_t buffer[64];
  for (unsigned long long count = 0;; ++count) {
    __wasi_fd_t dir;
    __wasi_size_t used;
    const int error =
        __wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &dir);
    if (error) {
      print(error, count);
      return;
    }
    EXPECT(OK, __wasi_fd_readdir(dir, buffer, sizeof buffer, 0, &used));
  }
}

static int write_block(__wasi_fd_t fd, unsigned long long* written) {
  static uint8_t block[65536];
  const __wasi_ciovec_t out = {block, sizeof block};
  __wasi_size_t moved = 0;
  const int error = __wasi_fd_write(fd, &out, 1, &moved);
  *written += moved;
  return error;
}

static void disk(void) {
  __wasi_fd_t fd;
  unsigned long long written = 0;
  open_at(ROOT, "full", __WASI_OFLAGS_CREAT, kWrite, &fd);
  int error;
  while ((error = write_block(fd, &written)) == 0) {
  }
  print(error, written > 0);
  print(__wasi_fd_allocate(fd, 0, 1 << 30), 0);
  EXPECT(OK, __wasi_fd_close(fd));
  EXPECT(OK, __wasi_path_unlink_file(ROOT, "full"));
  EXPECT(OK, open_at(ROOT, "again", __WASI_OFLAGS_CREAT, kWrite, &fd));
  print(write_block(fd, &written), 0);
}

// Whether the file is there although there was no descriptor left for it.
static void last_descriptor(void) {
  __wasi_fd_t fd;
  __wasi_filestat_t status;
  int error;
  while ((error = open_at(ROOT, ".", 0, 0, &fd)) == 0) {
  }
  print(error, 0);
  print(open_at(ROOT, "made", __WASI_OFLAGS_CREAT, kWrite, &fd), 0);
  print(__wasi_path_filestat_get(ROOT, 0, "made", &status), 0);
}

int main(int argc, char** argv) {
  static const struct { const char* name; void (*run)(void); } ways[] = {
      {"buffers", buffers}, {"subscriptions", subscriptions}, {"random", randomness}, {"entries", entries},
      {"directories", directories}, {"disk", disk}, {"last_descriptor", last_descriptor}};
  for (unsigned i = 0; argc == 2 && i < sizeof ways / sizeof *ways; ++i)
    if (strcmp(argv[1], ways[i].name) == 0)
      ways[i].run();
  return wrong;
}
