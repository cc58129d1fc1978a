// Opens and changes through `swap`, which is a directory at one moment and a link that leads out at the next, until
// there is a file `done`. Makes `begun` first. Given: fd 3 with `file`, `dir/` and `swap/`, whose `secret` reads
// "inside". Prints how many opens succeeded and how many were refused.
#include "check.h"

static unsigned opened, refused;

static void open_and_read(const char* path) {
  char text[16] = {0};
  const __wasi_iovec_t in = {(uint8_t*)text, sizeof text - 1};
  __wasi_fd_t fd;
  __wasi_size_t size = 0;
  const __wasi_errno_t error = open_at(ROOT, path, 0, kRead, &fd);
  if (error) {
    refused += error == __WASI_ERRNO_PERM;
    CHECK(error == __WASI_ERRNO_PERM || error == __WASI_ERRNO_NOENT);
    return;
  }
  ++opened;
  EXPECT(OK, __wasi_fd_read(fd, &in, 1, &size));
  CHECK(strcmp(text, "inside") == 0);
  EXPECT(OK, __wasi_fd_close(fd));
}

// What is made here can be in the directory only; the test looks whether anything outside changed.
static void change(void) {
  __wasi_fd_t fd;
  if (open_at(ROOT, "swap/made", __WASI_OFLAGS_CREAT, kRead | kWrite, &fd) == OK)
    EXPECT(OK, __wasi_fd_close(fd));
  (void)__wasi_path_filestat_set_times(ROOT, 1, "swap/secret", 1, 1, __WASI_FSTFLAGS_MTIM);
  if (__wasi_path_link(ROOT, 0, "file", ROOT, "swap/linked") == OK)
    (void)__wasi_path_unlink_file(ROOT, "swap/linked");
  if (__wasi_path_rename(ROOT, "file", ROOT, "swap/file") == OK)
    while (__wasi_path_rename(ROOT, "swap/file", ROOT, "file") != OK) {
    }
  (void)__wasi_path_unlink_file(ROOT, "swap/made");
  if (__wasi_path_create_directory(ROOT, "swap/folder") == OK)
    (void)__wasi_path_remove_directory(ROOT, "swap/folder");
}

int main(void) {
  __wasi_filestat_t status;
  __wasi_fd_t begun;
  EXPECT(OK, open_at(ROOT, "begun", __WASI_OFLAGS_CREAT, kWrite, &begun));
  while (!wrong && __wasi_path_filestat_get(ROOT, 0, "done", &status) != OK) {
    for (int i = 0; i < 16; ++i) {
      open_and_read("swap/secret");
      open_and_read("dir/../swap/../swap/secret");
      if (__wasi_path_filestat_get(ROOT, 1, "swap/secret", &status) == OK)
        CHECK(status.size == 6);
    }
    change();
  }
  printf("%u %u\n", opened, refused);
  return wrong;
}
