// Values at their edges, function by function: results that end with the memory and that begin a byte later, unaligned
// pointers, lists of no and of empty buffers, buffers that end with the memory, offsets of 2^64 - 1. Given: fd 3 with
// `file` of four bytes and `link`; standard input is a pipe that is at its end.
#include "check.h"
#include "raw.h"

enum { FAULT = __WASI_ERRNO_FAULT, INVAL = __WASI_ERRNO_INVAL, NOTSOCK = __WASI_ERRNO_NOTSOCK };

static uint32_t end(void) { return (uint32_t)__builtin_wasm_memory_size(0) << 16; }
static uint32_t file, dir;
static uint32_t scratch[64];
static struct {
  uint32_t buf, len;
} list[4];

// Functions that write a result, as functions of its place.
static int get_args_count(uint32_t p) { return raw_args_sizes_get(p, at(scratch)); }
static int get_args_size(uint32_t p) { return raw_args_sizes_get(at(scratch), p); }
static int get_env_count(uint32_t p) { return raw_environ_sizes_get(p, at(scratch)); }
static int get_env_size(uint32_t p) { return raw_environ_sizes_get(at(scratch), p); }
static int get_resolution(uint32_t p) { return raw_clock_res_get(0, p); }
static int get_time(uint32_t p) { return raw_clock_time_get(1, 0, p); }
static int get_fdstat(uint32_t p) { return raw_fd_fdstat_get(file, p); }
static int get_filestat(uint32_t p) { return raw_fd_filestat_get(file, p); }
static int get_prestat(uint32_t p) { return raw_fd_prestat_get(ROOT, p); }
static int read_size(uint32_t p) { return raw_fd_read(file, at(list), 1, p); }
static int pread_size(uint32_t p) { return raw_fd_pread(file, at(list), 1, 0, p); }
static int write_size(uint32_t p) { return raw_fd_write(file, at(list), 1, p); }
static int pwrite_size(uint32_t p) { return raw_fd_pwrite(file, at(list), 1, 0, p); }
static int readdir_size(uint32_t p) { return raw_fd_readdir(dir, at(scratch), 24, 0, p); }
static int seek_place(uint32_t p) { return raw_fd_seek(file, 0, __WASI_WHENCE_SET, p); }
static int tell_place(uint32_t p) { return raw_fd_tell(file, p); }
static int path_filestat(uint32_t p) { return raw_path_filestat_get(ROOT, 0, at("file"), 4, p); }
static int readlink_size(uint32_t p) { return raw_path_readlink(ROOT, at("link"), 4, at(scratch), 8, p); }
static int opened(uint32_t p) {
  const int error = raw_path_open(ROOT, 0, at("file"), 4, 0, 0, 0, 0, p);
  if (error == OK) {
    __wasi_fd_t fd;
    memcpy(&fd, (void*)p, sizeof fd);
    EXPECT(OK, __wasi_fd_close(fd));
  }
  return error;
}
static int poll_count(uint32_t p) {
  static __wasi_subscription_t now;
  static __wasi_event_t event;
  return raw_poll_oneoff(at(&now), at(&event), 1, p);
}
// Those that fill a buffer or take one of a fixed size.
static int random_8(uint32_t p) { return raw_random_get(p, 8); }
static int readdir_24(uint32_t p) { return raw_fd_readdir(dir, p, 24, 0, at(scratch)); }
static int readlink_4(uint32_t p) { return raw_path_readlink(ROOT, at("link"), 4, p, 4, at(scratch)); }
static int preopen_name(uint32_t p) { return raw_fd_prestat_dir_name(ROOT, p, 1); }
static int poll_events(uint32_t p) {
  static __wasi_subscription_t now;
  return raw_poll_oneoff(at(&now), p, 1, at(scratch));
}
static int poll_subscriptions(uint32_t p) {
  static __wasi_event_t event;
  memset((void*)p, 0, p + sizeof(__wasi_subscription_t) <= end() ? sizeof(__wasi_subscription_t) : 0);
  return raw_poll_oneoff(p, at(&event), 1, at(scratch));
}
static int write_4(uint32_t p) {
  list[1].buf = p;
  list[1].len = 4;
  return raw_fd_pwrite(file, at(list + 1), 1, 0, at(scratch));
}
static int read_4(uint32_t p) {
  list[1].buf = p;
  list[1].len = 4;
  return raw_fd_pread(file, at(list + 1), 1, 0, at(scratch));
}
static int list_of_one(uint32_t p) {
  if (p + 8 <= end())
    memcpy((void*)p, list, 8);
  return raw_fd_pread(file, p, 1, 0, at(scratch));
}
static int path_name(uint32_t p) {
  if (p + 4 <= end())
    memcpy((void*)p, "file", 4);
  return raw_path_filestat_get(ROOT, 0, p, 4, at(scratch));
}

static const struct {
  int (*call)(uint32_t);
  uint32_t size;
  const char* name;
} kPlaces[] = {
#define PLACE(call, size) {call, size, #call}
    PLACE(get_args_count, 4), PLACE(get_args_size, 4),       PLACE(get_env_count, 4),
    PLACE(get_env_size, 4),   PLACE(get_resolution, 8),      PLACE(get_time, 8),
    PLACE(get_fdstat, 24),    PLACE(get_filestat, 64),       PLACE(get_prestat, 8),
    PLACE(read_size, 4),      PLACE(pread_size, 4),          PLACE(write_size, 4),
    PLACE(pwrite_size, 4),    PLACE(readdir_size, 4),        PLACE(seek_place, 8),
    PLACE(tell_place, 8),     PLACE(path_filestat, 64),      PLACE(readlink_size, 4),
    PLACE(opened, 4),         PLACE(poll_count, 4),          PLACE(random_8, 8),
    PLACE(readdir_24, 24),    PLACE(readlink_4, 4),          PLACE(preopen_name, 1),
    PLACE(poll_events, 32),   PLACE(poll_subscriptions, 48), PLACE(write_4, 4),
    PLACE(read_4, 4),         PLACE(list_of_one, 8),         PLACE(path_name, 4),
};

static void places(void) {
  for (unsigned i = 0; i < sizeof kPlaces / sizeof *kPlaces; ++i) {
    const uint32_t last = end() - kPlaces[i].size, unaligned = at(scratch) + 65;
    const int fits = kPlaces[i].call(last), beyond = kPlaces[i].call(last + 1), odd = kPlaces[i].call(unaligned);
    if (fits != OK || beyond != FAULT || odd != OK) {
      printf("%s: errno %d at the end, %d behind it, %d unaligned\n", kPlaces[i].name, fits, beyond, odd);
      wrong = 1;
    }
  }
}

// No buffers, empty buffers wherever they are, and a full one before one that lies outside.
static void buffers(void) {
  uint32_t size = 77;
  EXPECT(OK, raw_fd_read(file, 0, 0, at(&size)));
  CHECK(size == 0);
  EXPECT(OK, raw_fd_write(file, end(), 0, at(&size)));
  EXPECT(OK, raw_fd_pread(file, 0, 0, 0, at(&size)));
  EXPECT(OK, raw_fd_pwrite(file, 0, 0, 0, at(&size)));
  EXPECT(OK, raw_fd_read(0, 0, 0, at(&size)));
  EXPECT(FAULT, raw_fd_read(file, end() + 1, 0, at(&size)));
  list[1].buf = 0xffffffff;
  list[1].len = 0;
  EXPECT(OK, raw_fd_write(file, at(list + 1), 1, at(&size)));
  CHECK(size == 0);
  list[1].buf = end() - 2;
  list[1].len = 3;
  EXPECT(FAULT, raw_fd_pread(file, at(list), 2, 0, at(&size)));
  EXPECT(FAULT, raw_fd_pwrite(file, at(list), 2, 0, at(&size)));
  EXPECT(FAULT, raw_fd_read(file, at(list), 2, at(&size)));
  EXPECT(FAULT, raw_fd_write(file, at(list), 2, at(&size)));
  EXPECT(OK, raw_random_get(end(), 0));
  EXPECT(FAULT, raw_random_get(end() + 1, 0));
  EXPECT(OK, raw_fd_readdir(dir, end(), 0, 0, at(&size)));
  CHECK(size == 0);
  EXPECT(OK, raw_path_readlink(ROOT, at("link"), 4, end(), 0, at(&size)));
  CHECK(size == 0);
}

static void numbers(void) {
  static const uint64_t kHuge[] = {1ull << 63, ~0ull - 1, ~0ull};
  __wasi_filesize_t place;
  __wasi_filestat_t status;
  for (unsigned i = 0; i < sizeof kHuge / sizeof *kHuge; ++i) {
    EXPECT(INVAL, raw_fd_pread(file, at(list), 1, kHuge[i], at(scratch)));
    EXPECT(INVAL, raw_fd_pwrite(file, at(list), 1, kHuge[i], at(scratch)));
    EXPECT(INVAL, __wasi_fd_advise(file, kHuge[i], 0, 0));
    EXPECT(INVAL, __wasi_fd_advise(file, 0, kHuge[i], 0));
    EXPECT(INVAL, __wasi_fd_allocate(file, kHuge[i], 1));
    EXPECT(INVAL, __wasi_fd_allocate(file, 0, kHuge[i]));
    EXPECT(INVAL, __wasi_fd_filestat_set_size(file, kHuge[i]));
  }
  EXPECT(INVAL, __wasi_fd_advise(file, 0, 0, 6));
  EXPECT(INVAL, __wasi_fd_advise(file, 0, 0, 255));
  EXPECT(OK, __wasi_fd_advise(file, INT64_MAX, INT64_MAX, __WASI_ADVICE_NOREUSE));
  EXPECT(OK, __wasi_fd_seek(file, INT32_MAX, __WASI_WHENCE_SET, &place));
  EXPECT(INVAL, __wasi_fd_seek(file, INT64_MAX, __WASI_WHENCE_CUR, &place));
  EXPECT(INVAL, __wasi_fd_seek(file, -5, __WASI_WHENCE_END, &place));
  EXPECT(OK, __wasi_fd_seek(file, -4, __WASI_WHENCE_END, &place));
  CHECK(place == 0);
  EXPECT(INVAL, __wasi_fd_fdstat_set_flags(file, 1 << 5));
  EXPECT(INVAL, __wasi_fd_filestat_set_times(file, 0, 0, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW));
  EXPECT(INVAL, __wasi_fd_filestat_set_times(file, 0, 0, __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW));
  EXPECT(INVAL, __wasi_fd_filestat_set_times(file, 0, 0, 1 << 4));
  EXPECT(INVAL, __wasi_path_filestat_get(ROOT, 2, "file", &status));
  EXPECT(INVAL, __wasi_path_filestat_set_times(ROOT, 2, "file", 0, 0, 0));
  EXPECT(INVAL, raw_path_open(ROOT, 2, at("file"), 4, 0, 0, 0, 0, at(scratch)));
  EXPECT(INVAL, raw_path_open(ROOT, 0, at("file"), 4, 1 << 4, 0, 0, 0, at(scratch)));
  EXPECT(INVAL, raw_path_open(ROOT, 0, at("file"), 4, 0, 0, 0, 1 << 5, at(scratch)));
  EXPECT(INVAL,
         raw_path_open(ROOT, 0, at("file"), 4, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_DIRECTORY, 0, 0, 0, at(scratch)));
  EXPECT(INVAL, __wasi_path_link(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "file", ROOT, "new"));
}

// Each function that takes a descriptor, with one that is not open and with one of the wrong kind.
static void kinds(void) {
  enum { BADF = __WASI_ERRNO_BADF, NOTDIR = __WASI_ERRNO_NOTDIR, NONE = 77 };
  static __wasi_filestat_t status;
  static __wasi_fdstat_t fdstat;
  static __wasi_prestat_t prestat;
  static uint8_t bytes[8];
  const __wasi_iovec_t in = {bytes, 1};
  const __wasi_ciovec_t out = {bytes, 1};
  __wasi_size_t size;
  __wasi_filesize_t place;
  __wasi_fd_t fd;
  __wasi_roflags_t roflags;
  static const __wasi_fd_t kNone[] = {NONE, 0x7fffffff, 0x80000000, 0xffffffff};
  for (unsigned i = 0; i < sizeof kNone / sizeof *kNone; ++i) {
    const __wasi_fd_t none = kNone[i];
    EXPECT(BADF, __wasi_fd_advise(none, 0, 0, 0));
    EXPECT(BADF, __wasi_fd_allocate(none, 0, 1));
    EXPECT(BADF, __wasi_fd_close(none));
    EXPECT(BADF, __wasi_fd_datasync(none));
    EXPECT(BADF, __wasi_fd_fdstat_get(none, &fdstat));
    EXPECT(BADF, __wasi_fd_fdstat_set_flags(none, 0));
    EXPECT(BADF, __wasi_fd_fdstat_set_rights(none, 0, 0));
    EXPECT(BADF, __wasi_fd_filestat_get(none, &status));
    EXPECT(BADF, __wasi_fd_filestat_set_size(none, 0));
    EXPECT(BADF, __wasi_fd_filestat_set_times(none, 0, 0, 0));
    EXPECT(BADF, __wasi_fd_pread(none, &in, 1, 0, &size));
    EXPECT(BADF, __wasi_fd_prestat_get(none, &prestat));
    EXPECT(BADF, __wasi_fd_prestat_dir_name(none, bytes, 1));
    EXPECT(BADF, __wasi_fd_pwrite(none, &out, 1, 0, &size));
    EXPECT(BADF, __wasi_fd_read(none, &in, 1, &size));
    EXPECT(BADF, __wasi_fd_readdir(none, bytes, 8, 0, &size));
    EXPECT(BADF, __wasi_fd_renumber(none, ROOT));
    EXPECT(BADF, __wasi_fd_renumber(ROOT, none));
    EXPECT(BADF, __wasi_fd_seek(none, 0, 0, &place));
    EXPECT(BADF, __wasi_fd_sync(none));
    EXPECT(BADF, __wasi_fd_tell(none, &place));
    EXPECT(BADF, __wasi_fd_write(none, &out, 1, &size));
    EXPECT(BADF, __wasi_path_create_directory(none, "x"));
    EXPECT(BADF, __wasi_path_filestat_get(none, 0, "x", &status));
    EXPECT(BADF, __wasi_path_filestat_set_times(none, 0, "x", 0, 0, 0));
    EXPECT(BADF, __wasi_path_link(none, 0, "x", ROOT, "y"));
    EXPECT(BADF, __wasi_path_link(ROOT, 0, "file", none, "y"));
    EXPECT(BADF, __wasi_path_open(none, 0, "x", 0, 0, 0, 0, &fd));
    EXPECT(BADF, __wasi_path_readlink(none, "x", bytes, 8, &size));
    EXPECT(BADF, __wasi_path_remove_directory(none, "x"));
    EXPECT(BADF, __wasi_path_rename(none, "x", ROOT, "y"));
    EXPECT(BADF, __wasi_path_rename(ROOT, "file", none, "y"));
    EXPECT(BADF, __wasi_path_symlink("x", none, "y"));
    EXPECT(BADF, __wasi_path_unlink_file(none, "x"));
    EXPECT(BADF, __wasi_sock_accept(none, 0, &fd));
    EXPECT(BADF, __wasi_sock_recv(none, &in, 1, 0, &size, &roflags));
    EXPECT(BADF, __wasi_sock_send(none, &out, 1, 0, &size));
    EXPECT(BADF, __wasi_sock_shutdown(none, 1));
  }
  EXPECT(BADF, __wasi_fd_read(ROOT, &in, 1, &size));
  EXPECT(BADF, __wasi_fd_write(ROOT, &out, 1, &size));
  EXPECT(BADF, __wasi_fd_pread(ROOT, &in, 1, 0, &size));
  EXPECT(BADF, __wasi_fd_pwrite(ROOT, &out, 1, 0, &size));
  EXPECT(BADF, __wasi_fd_seek(ROOT, 0, 0, &place));
  EXPECT(BADF, __wasi_fd_tell(ROOT, &place));
  EXPECT(BADF, __wasi_fd_allocate(ROOT, 0, 1));
  EXPECT(BADF, __wasi_fd_advise(ROOT, 0, 0, 0));
  EXPECT(BADF, __wasi_fd_filestat_set_size(ROOT, 0));
  EXPECT(NOTDIR, __wasi_fd_readdir(file, bytes, 8, 0, &size));
  EXPECT(NOTDIR, __wasi_path_open(file, 0, "x", 0, 0, 0, 0, &fd));
  EXPECT(NOTDIR, __wasi_path_unlink_file(file, "x"));
  EXPECT(BADF, __wasi_fd_prestat_get(file, &prestat));
  EXPECT(BADF, __wasi_fd_prestat_dir_name(dir, bytes, 8));
  EXPECT(__WASI_ERRNO_NAMETOOLONG, __wasi_fd_prestat_dir_name(ROOT, bytes, 0));
  EXPECT(NOTSOCK, __wasi_sock_accept(file, 0, &fd));
  EXPECT(NOTSOCK, __wasi_sock_recv(file, &in, 1, 0, &size, &roflags));
  EXPECT(NOTSOCK, __wasi_sock_send(file, &out, 1, 0, &size));
  EXPECT(NOTSOCK, __wasi_sock_shutdown(dir, 1));
  EXPECT(__WASI_ERRNO_SPIPE, __wasi_fd_tell(0, &place));
  EXPECT(__WASI_ERRNO_SPIPE, __wasi_fd_pread(0, &in, 1, 0, &size));
}

int main(void) {
  __wasi_fd_t fd;
  list[0].buf = at(scratch) + 128;
  list[0].len = 4;
  EXPECT(OK, __wasi_path_open(ROOT, 0, "file", 0, ~0ull, 0, 0, &fd));
  file = fd;
  EXPECT(OK, __wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &fd));
  dir = fd;
  places();
  EXPECT(OK, __wasi_fd_filestat_set_size(file, 4));
  buffers();
  numbers();
  kinds();
  return done();
}
