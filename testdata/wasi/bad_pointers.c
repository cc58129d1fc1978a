// Every pointer that a function takes, put past the end of memory or so that its range would wrap: EFAULT, and nothing
// is done. Given: a directory with the file `file`.
#include "check.h"
#include "raw.h"

static const uint32_t kBad[] = {0xffffffff, 0xfffffff0, 0x80000000};
static char space[256];
static struct { uint32_t buf, len; } iov[2];
enum { FAULT = __WASI_ERRNO_FAULT };

static void strings(uint32_t bad) {
  EXPECT(FAULT, raw_args_get(bad, at(space)));
  EXPECT(FAULT, raw_args_get(at(space), bad));
  EXPECT(FAULT, raw_args_sizes_get(bad, at(space)));
  EXPECT(FAULT, raw_args_sizes_get(at(space), bad));
  EXPECT(FAULT, raw_environ_get(bad, at(space)));
  EXPECT(FAULT, raw_environ_get(at(space), bad));
  EXPECT(FAULT, raw_environ_sizes_get(bad, at(space)));
  EXPECT(FAULT, raw_environ_sizes_get(at(space), bad));
  EXPECT(FAULT, raw_clock_res_get(0, bad));
  EXPECT(FAULT, raw_clock_time_get(0, 0, bad));
  EXPECT(FAULT, raw_random_get(bad, 100));
  EXPECT(FAULT, raw_random_get(at(space), 0xffffffff));
}

static void transfers(uint32_t file, uint32_t bad) {
  iov[0].buf = at(space);
  iov[0].len = 1;
  EXPECT(FAULT, raw_fd_read(file, bad, 1, at(space)));
  EXPECT(FAULT, raw_fd_read(file, at(iov), 1, bad));
  EXPECT(FAULT, raw_fd_write(file, bad, 1, at(space)));
  EXPECT(FAULT, raw_fd_write(file, at(iov), 1, bad));
  EXPECT(FAULT, raw_fd_write(file, at(iov), 0xffffffff, at(space)));
  EXPECT(FAULT, raw_fd_read(file, at(iov), 0xffffffff, at(space)));
  EXPECT(FAULT, raw_fd_pread(file, at(iov), 1, 0, bad));
  EXPECT(FAULT, raw_fd_pwrite(file, bad, 1, 0, at(space)));
  iov[0].buf = bad;
  iov[0].len = 0x100;
  EXPECT(FAULT, raw_fd_read(file, at(iov), 1, at(space)));
  EXPECT(FAULT, raw_fd_write(file, at(iov), 1, at(space)));
  EXPECT(FAULT, raw_fd_pread(file, at(iov), 1, 0, at(space)));
  iov[0].buf = at(space);
  iov[0].len = 0xffffffff;
  EXPECT(FAULT, raw_fd_write(file, at(iov), 1, at(space)));
}

static void descriptors(uint32_t file, uint32_t bad) {
  EXPECT(FAULT, raw_fd_fdstat_get(file, bad));
  EXPECT(FAULT, raw_fd_filestat_get(file, bad));
  EXPECT(FAULT, raw_fd_prestat_get(ROOT, bad));
  EXPECT(FAULT, raw_fd_prestat_dir_name(ROOT, bad, 100));
  EXPECT(FAULT, raw_fd_readdir(ROOT, bad, 100, 0, at(space)));
  EXPECT(FAULT, raw_fd_readdir(ROOT, at(space), 100, 0, bad));
  EXPECT(FAULT, raw_fd_readdir(ROOT, at(space), 0xffffffff, 0, at(space)));
  EXPECT(FAULT, raw_fd_seek(file, 0, 0, bad));
  EXPECT(FAULT, raw_fd_tell(file, bad));
  EXPECT(FAULT, raw_poll_oneoff(bad, at(space), 1, at(space)));
  EXPECT(FAULT, raw_poll_oneoff(at(space), bad, 1, at(space)));
  EXPECT(FAULT, raw_poll_oneoff(at(space), at(space), 1, bad));
  EXPECT(FAULT, raw_poll_oneoff(at(space), at(space), 0xffffffff, at(space)));
}

static void paths(uint32_t bad) {
  const uint32_t file = at("file");
  EXPECT(FAULT, raw_path_create_directory(ROOT, bad, 100));
  EXPECT(FAULT, raw_path_create_directory(ROOT, file, 0xffffffff));
  EXPECT(FAULT, raw_path_filestat_get(ROOT, 1, bad, 100, at(space)));
  EXPECT(FAULT, raw_path_filestat_get(ROOT, 1, file, 4, bad));
  EXPECT(FAULT, raw_path_filestat_set_times(ROOT, 1, bad, 100, 0, 0, 0));
  EXPECT(FAULT, raw_path_link(ROOT, 0, bad, 100, ROOT, file, 4));
  EXPECT(FAULT, raw_path_link(ROOT, 0, file, 4, ROOT, bad, 100));
  EXPECT(FAULT, raw_path_open(ROOT, 1, bad, 100, 0, 0, 0, 0, at(space)));
  EXPECT(FAULT, raw_path_open(ROOT, 1, at("made"), 4, __WASI_OFLAGS_CREAT, 0, 0, 0, bad));
  EXPECT(__WASI_ERRNO_NOENT, raw_path_filestat_get(ROOT, 1, at("made"), 4, at(space)));
  EXPECT(FAULT, raw_path_readlink(ROOT, bad, 100, at(space), 10, at(space)));
  EXPECT(FAULT, raw_path_readlink(ROOT, file, 4, bad, 100, at(space)));
  EXPECT(FAULT, raw_path_readlink(ROOT, file, 4, at(space), 10, bad));
  EXPECT(FAULT, raw_path_remove_directory(ROOT, bad, 100));
  EXPECT(FAULT, raw_path_rename(ROOT, bad, 100, ROOT, file, 4));
  EXPECT(FAULT, raw_path_rename(ROOT, file, 4, ROOT, bad, 100));
  EXPECT(FAULT, raw_path_symlink(bad, 100, ROOT, file, 4));
  EXPECT(FAULT, raw_path_symlink(file, 4, ROOT, bad, 100));
  EXPECT(FAULT, raw_path_unlink_file(ROOT, bad, 100));
}

int main(void) {
  __wasi_fd_t file;
  EXPECT(OK, open_at(ROOT, "file", 0, kRead | kWrite, &file));
  for (unsigned i = 0; i < sizeof kBad / sizeof *kBad; ++i) {
    strings(kBad[i]);
    transfers(file, kBad[i]);
    descriptors(file, kBad[i]);
    paths(kBad[i]);
  }
  return done();
}
