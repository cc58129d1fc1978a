// For programs that check WASI from inside: each names what was answered otherwise than expected, and exits with 1.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

static int wrong;

#define EXPECT(expected, call)                                                                         \
  do {                                                                                                 \
    const int got_ = (call);                                                                           \
    if (got_ != (expected)) {                                                                          \
      printf("line %d: %s: errno %d, expected %d (%s)\n", __LINE__, #call, got_, expected, #expected); \
      wrong = 1;                                                                                       \
    }                                                                                                  \
  } while (0)

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("line %d: not so: %s\n", __LINE__, #condition); \
      wrong = 1;                                             \
    }                                                        \
  } while (0)

static int done(void) {
  if (!wrong)
    puts("ok");
  return wrong;
}

enum { OK = __WASI_ERRNO_SUCCESS, ROOT = 3 };
static const __wasi_rights_t kRead = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL |
                                     __WASI_RIGHTS_POLL_FD_READWRITE | __WASI_RIGHTS_FD_FILESTAT_GET;
static const __wasi_rights_t kWrite = __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE |
                                      __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FDSTAT_SET_FLAGS;

static __wasi_errno_t open_at(__wasi_fd_t dir, const char* path, __wasi_oflags_t oflags, __wasi_rights_t rights,
                              __wasi_fd_t* fd) {
  return __wasi_path_open(dir, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, oflags, rights, 0, 0, fd);
}
