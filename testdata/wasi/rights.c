// Each function with each right that the documents name for it: a descriptor that lacks one of them is refused, one
// that has them and no other is not. Given: fd 3 with `file`, `dir/` and `link`; fd 4 listens.
#include "check.h"

enum { NOTCAPABLE = __WASI_ERRNO_NOTCAPABLE, LISTENER = 4 };
#define RIGHT(name) ((__wasi_rights_t)__WASI_RIGHTS_##name)

static uint8_t bytes[64];
static __wasi_size_t size;
static __wasi_filesize_t place;
static __wasi_filestat_t status;
static __wasi_event_t event;
static const __wasi_iovec_t in = {bytes, 1};
static const __wasi_ciovec_t out = {bytes, 1};

static __wasi_errno_t poll(__wasi_fd_t fd, __wasi_eventtype_t type) {
  __wasi_subscription_t subscription = {.u = {.tag = type}};
  subscription.u.u.fd_read.file_descriptor = fd;
  EXPECT(OK, __wasi_poll_oneoff(&subscription, &event, 1, &size));
  return event.error;
}
static __wasi_errno_t opens(__wasi_fd_t fd, __wasi_oflags_t oflags, __wasi_rights_t base, __wasi_fdflags_t flags) {
  __wasi_fd_t opened;
  const __wasi_errno_t error =
      __wasi_path_open(fd, 0, oflags & __WASI_OFLAGS_EXCL ? "new" : "file", oflags, base, 0, flags, &opened);
  if (error == OK)
    EXPECT(OK, __wasi_fd_close(opened));
  return error;
}

static __wasi_errno_t advise(__wasi_fd_t fd) { return __wasi_fd_advise(fd, 0, 1, __WASI_ADVICE_NORMAL); }
static __wasi_errno_t allocate(__wasi_fd_t fd) { return __wasi_fd_allocate(fd, 0, 1); }
static __wasi_errno_t datasync(__wasi_fd_t fd) { return __wasi_fd_datasync(fd); }
static __wasi_errno_t set_flags(__wasi_fd_t fd) { return __wasi_fd_fdstat_set_flags(fd, 0); }
static __wasi_errno_t get_status(__wasi_fd_t fd) { return __wasi_fd_filestat_get(fd, &status); }
static __wasi_errno_t set_size(__wasi_fd_t fd) { return __wasi_fd_filestat_set_size(fd, 4); }
static __wasi_errno_t set_times(__wasi_fd_t fd) {
  return __wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_ATIM_NOW);
}
static __wasi_errno_t pread(__wasi_fd_t fd) { return __wasi_fd_pread(fd, &in, 1, 0, &size); }
static __wasi_errno_t pwrite(__wasi_fd_t fd) { return __wasi_fd_pwrite(fd, &out, 1, 0, &size); }
static __wasi_errno_t read(__wasi_fd_t fd) { return __wasi_fd_read(fd, &in, 1, &size); }
static __wasi_errno_t write(__wasi_fd_t fd) { return __wasi_fd_write(fd, &out, 1, &size); }
static __wasi_errno_t seek(__wasi_fd_t fd) { return __wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &place); }
static __wasi_errno_t sync(__wasi_fd_t fd) { return __wasi_fd_sync(fd); }
static __wasi_errno_t poll_read(__wasi_fd_t fd) { return poll(fd, __WASI_EVENTTYPE_FD_READ); }
static __wasi_errno_t poll_write(__wasi_fd_t fd) { return poll(fd, __WASI_EVENTTYPE_FD_WRITE); }

static __wasi_errno_t readdir(__wasi_fd_t fd) { return __wasi_fd_readdir(fd, bytes, sizeof bytes, 0, &size); }
static __wasi_errno_t make_directory(__wasi_fd_t fd) { return __wasi_path_create_directory(fd, "file"); }
static __wasi_errno_t path_status(__wasi_fd_t fd) { return __wasi_path_filestat_get(fd, 0, "file", &status); }
static __wasi_errno_t path_times(__wasi_fd_t fd) {
  return __wasi_path_filestat_set_times(fd, 0, "file", 0, 0, __WASI_FSTFLAGS_ATIM_NOW);
}
static __wasi_errno_t link_from(__wasi_fd_t fd) { return __wasi_path_link(fd, 0, "file", ROOT, "dir"); }
static __wasi_errno_t link_to(__wasi_fd_t fd) { return __wasi_path_link(ROOT, 0, "file", fd, "dir"); }
static __wasi_errno_t open_file(__wasi_fd_t fd) { return opens(fd, 0, 0, 0); }
static __wasi_errno_t open_new(__wasi_fd_t fd) {
  const __wasi_errno_t error = opens(fd, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, 0, 0);
  if (error == OK)
    EXPECT(OK, __wasi_path_unlink_file(ROOT, "new"));
  return error;
}
static __wasi_errno_t open_truncated(__wasi_fd_t fd) { return opens(fd, __WASI_OFLAGS_TRUNC, 0, 0); }
static __wasi_errno_t read_link(__wasi_fd_t fd) { return __wasi_path_readlink(fd, "link", bytes, sizeof bytes, &size); }
static __wasi_errno_t remove_directory(__wasi_fd_t fd) { return __wasi_path_remove_directory(fd, "file"); }
static __wasi_errno_t rename_from(__wasi_fd_t fd) { return __wasi_path_rename(fd, "file", ROOT, "dir"); }
static __wasi_errno_t rename_to(__wasi_fd_t fd) { return __wasi_path_rename(ROOT, "file", fd, "dir"); }
static __wasi_errno_t make_link(__wasi_fd_t fd) { return __wasi_path_symlink("file", fd, "link"); }
static __wasi_errno_t unlink_file(__wasi_fd_t fd) { return __wasi_path_unlink_file(fd, "dir"); }

static __wasi_errno_t accept(__wasi_fd_t fd) {
  __wasi_fd_t accepted;
  return __wasi_sock_accept(fd, 0, &accepted);
}

struct needed {
  __wasi_errno_t (*call)(__wasi_fd_t fd);
  __wasi_rights_t rights;
  __wasi_errno_t answer;  // of a descriptor that has these alone
  const char* name;
};
#define NEEDS(call, rights, answer) {call, rights, answer, #call}

static const struct needed kOfFiles[] = {
    NEEDS(advise, RIGHT(FD_ADVISE), OK),
    NEEDS(datasync, RIGHT(FD_DATASYNC), OK),
    NEEDS(set_flags, RIGHT(FD_FDSTAT_SET_FLAGS), OK),
    NEEDS(get_status, RIGHT(FD_FILESTAT_GET), OK),
    NEEDS(set_size, RIGHT(FD_FILESTAT_SET_SIZE), OK),
    NEEDS(allocate, RIGHT(FD_ALLOCATE), OK),
    NEEDS(set_times, RIGHT(FD_FILESTAT_SET_TIMES), OK),
    NEEDS(read, RIGHT(FD_READ), OK),
    NEEDS(write, RIGHT(FD_WRITE), OK),
    NEEDS(pread, RIGHT(FD_READ) | RIGHT(FD_SEEK), OK),
    NEEDS(pwrite, RIGHT(FD_WRITE) | RIGHT(FD_SEEK), OK),
    NEEDS(seek, RIGHT(FD_SEEK), OK),
    NEEDS(sync, RIGHT(FD_SYNC), OK),
    NEEDS(poll_read, RIGHT(POLL_FD_READWRITE) | RIGHT(FD_READ), OK),
    NEEDS(poll_write, RIGHT(POLL_FD_READWRITE) | RIGHT(FD_WRITE), OK),
};

static const struct needed kOfDirectories[] = {
    NEEDS(readdir, RIGHT(FD_READDIR), OK),
    NEEDS(make_directory, RIGHT(PATH_CREATE_DIRECTORY), __WASI_ERRNO_EXIST),
    NEEDS(path_status, RIGHT(PATH_FILESTAT_GET), OK),
    NEEDS(path_times, RIGHT(PATH_FILESTAT_SET_TIMES), OK),
    NEEDS(link_from, RIGHT(PATH_LINK_SOURCE), __WASI_ERRNO_EXIST),
    NEEDS(link_to, RIGHT(PATH_LINK_TARGET), __WASI_ERRNO_EXIST),
    NEEDS(open_file, RIGHT(PATH_OPEN), OK),
    NEEDS(open_new, RIGHT(PATH_OPEN) | RIGHT(PATH_CREATE_FILE), OK),
    NEEDS(open_truncated, RIGHT(PATH_OPEN) | RIGHT(PATH_FILESTAT_SET_SIZE), OK),
    NEEDS(read_link, RIGHT(PATH_READLINK), OK),
    NEEDS(remove_directory, RIGHT(PATH_REMOVE_DIRECTORY), __WASI_ERRNO_NOTDIR),
    NEEDS(rename_from, RIGHT(PATH_RENAME_SOURCE), __WASI_ERRNO_ISDIR),
    NEEDS(rename_to, RIGHT(PATH_RENAME_TARGET), __WASI_ERRNO_ISDIR),
    NEEDS(make_link, RIGHT(PATH_SYMLINK), __WASI_ERRNO_EXIST),
    NEEDS(unlink_file, RIGHT(PATH_UNLINK_FILE), __WASI_ERRNO_ISDIR),
};

static __wasi_rights_t rights_of(__wasi_fd_t fd) {
  __wasi_fdstat_t fdstat;
  EXPECT(OK, __wasi_fd_fdstat_get(fd, &fdstat));
  return fdstat.fs_rights_base;
}

// The answer where a descriptor has these rights and no other.
static __wasi_errno_t answer(const struct needed* needed, const char* path, __wasi_oflags_t oflags,
                             __wasi_rights_t rights) {
  __wasi_fd_t fd;
  EXPECT(OK, __wasi_path_open(ROOT, 0, path, oflags, rights, rights_of(ROOT) | kRead | kWrite, 0, &fd));
  CHECK((rights_of(fd) & ~rights) == 0);
  const __wasi_errno_t got = needed->call(fd);
  EXPECT(OK, __wasi_fd_close(fd));
  return got;
}

static void check(const struct needed* needed, const char* path, __wasi_oflags_t oflags, __wasi_rights_t all) {
  const __wasi_errno_t got = answer(needed, path, oflags, needed->rights);
  if (got != needed->answer) {
    printf("%s with its rights: errno %d, expected %d\n", needed->name, got, needed->answer);
    wrong = 1;
  }
  for (int bit = 0; bit < 30; ++bit) {
    const __wasi_rights_t right = (__wasi_rights_t)1 << bit;
    if ((needed->rights & right) != 0 && answer(needed, path, oflags, all & ~right) != NOTCAPABLE) {
      printf("%s without right %d: not refused\n", needed->name, bit);
      wrong = 1;
    }
  }
}

int main(void) {
  __wasi_fd_t fd;
  EXPECT(OK, __wasi_path_open(ROOT, 0, "file", 0, ~0ull, 0, 0, &fd));
  const __wasi_rights_t of_file = rights_of(fd), of_directory = rights_of(ROOT), of_listener = rights_of(LISTENER);
  EXPECT(OK, __wasi_fd_close(fd));
  for (unsigned i = 0; i < sizeof kOfFiles / sizeof *kOfFiles; ++i)
    check(kOfFiles + i, "file", 0, of_file);
  for (unsigned i = 0; i < sizeof kOfDirectories / sizeof *kOfDirectories; ++i)
    check(kOfDirectories + i, ".", __WASI_OFLAGS_DIRECTORY, of_directory);

  EXPECT(OK, __wasi_sock_shutdown(LISTENER, __WASI_SDFLAGS_WR));
  EXPECT(OK, __wasi_fd_fdstat_set_rights(LISTENER, of_listener & ~RIGHT(SOCK_ACCEPT), 0));
  EXPECT(NOTCAPABLE, accept(LISTENER));
  EXPECT(OK, __wasi_fd_fdstat_set_rights(LISTENER, of_listener & ~(RIGHT(SOCK_ACCEPT) | RIGHT(SOCK_SHUTDOWN)), 0));
  EXPECT(NOTCAPABLE, __wasi_sock_shutdown(LISTENER, __WASI_SDFLAGS_WR));
  EXPECT(OK, __wasi_fd_fdstat_set_rights(LISTENER, 0, 0));
  __wasi_roflags_t roflags;
  EXPECT(NOTCAPABLE, __wasi_sock_recv(LISTENER, &in, 1, 0, &size, &roflags));
  EXPECT(NOTCAPABLE, __wasi_sock_send(LISTENER, &out, 1, 0, &size));
  EXPECT(NOTCAPABLE, poll_read(LISTENER));
  return done();
}
