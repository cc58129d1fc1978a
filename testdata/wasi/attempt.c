// Issues the calls that its arguments name, one call an argument, and prints the errno of each. Words are separated by
// spaces: the call, its descriptors ($ is the one opened last) and paths, then flags. In a path %00 is a NUL byte, %20 a
// space, %(N) the byte before it N times; '' is the empty path.
#include "check.h"
#include "raw.h"

enum { MAX_WORDS = 12, MAX_PATH = 5000 };

struct path {
  char bytes[MAX_PATH];
  uint32_t size;
};

static char* words[MAX_WORDS];
static int word_count;
static uint32_t last_fd;
static uint8_t buffer[4096];

static void read_path(struct path* path, const char* word) {
  path->size = 0;
  while (*word) {
    if (*word != '%') {
      path->bytes[path->size++] = *word++;
    } else if (word[1] == '(') {
      const char byte = path->bytes[path->size - 1];
      for (long count = strtol(word + 2, 0, 10); count > 1; --count)
        path->bytes[path->size++] = byte;
      word = strchr(word, ')') + 1;
    } else {
      const char hex[] = {word[1], word[2], 0};
      path->bytes[path->size++] = (char)strtol(hex, 0, 16);
      word += 3;
    }
  }
}

static uint32_t fd_at(int index) { return *words[index] == '$' ? last_fd : (uint32_t)strtoul(words[index], 0, 10); }

static int has(const char* flag) {
  for (int i = 1; i < word_count; ++i)
    if (strcmp(words[i], flag) == 0)
      return 1;
  return 0;
}

static uint32_t lookup(void) { return has("nofollow") ? 0 : __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW; }

static uint64_t rights(void) {
  const uint64_t all = (1 << 30) - 1;
  if (has("all"))
    return all;
  if (has("list"))
    return all & ~(uint64_t)(kWrite | __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE);
  return kRead | __WASI_RIGHTS_FD_FILESTAT_SET_TIMES | (has("write") ? kWrite : 0);
}

static int open_path(uint32_t dir, const struct path* path) {
  const uint32_t oflags = (has("creat") ? __WASI_OFLAGS_CREAT : 0) | (has("excl") ? __WASI_OFLAGS_EXCL : 0) |
                          (has("trunc") ? __WASI_OFLAGS_TRUNC : 0) | (has("dir") ? __WASI_OFLAGS_DIRECTORY : 0);
  const uint32_t flags = (has("append") ? __WASI_FDFLAGS_APPEND : 0) | (has("nonblock") ? __WASI_FDFLAGS_NONBLOCK : 0);
  return raw_path_open(dir, lookup(), at(path->bytes), path->size, oflags, rights(), has("list") ? rights() : 0, flags,
                       at(&last_fd));
}

static int transfer(uint32_t fd, int writes) {
  uint32_t size = 0;
  struct { uint32_t buf, len; } iov = {at(buffer), writes ? 1 : sizeof buffer};
  const int error = writes ? raw_fd_write(fd, at(&iov), 1, at(&size)) : raw_fd_read(fd, at(&iov), 1, at(&size));
  if (!error && !writes && size > 0)
    printf("[%.*s] ", (int)size, (char*)buffer);
  return error;
}

static int list(uint32_t fd) {
  uint32_t used = 0;
  const int error = raw_fd_readdir(fd, at(buffer), sizeof buffer, 0, at(&used));
  for (uint32_t i = 0; !error && i + sizeof(__wasi_dirent_t) <= used;) {
    __wasi_dirent_t entry;
    memcpy(&entry, buffer + i, sizeof entry);
    i += sizeof entry;
    printf("[%.*s] ", (int)entry.d_namlen, (char*)buffer + i);
    i += entry.d_namlen;
  }
  return error;
}

// Opens until it is refused; then closes all, and opens once more.
static int exhaust(uint32_t dir, const struct path* path) {
  uint32_t first = 0, count = 0;
  int error;
  for (; (error = open_path(dir, path)) == 0; ++count)
    if (count == 0)
      first = last_fd;
  for (uint32_t i = 0; i < count; ++i)
    if (__wasi_fd_close(first + i) != 0)
      return -1;
  if (open_path(dir, path) != 0 || last_fd != first)
    return -1;
  return error;
}

static int with_two_paths(const char* call) {
  static struct path from, to;
  if (strcmp(call, "symlink") == 0) {
    read_path(&from, words[1]);
    read_path(&to, words[3]);
    return raw_path_symlink(at(from.bytes), from.size, fd_at(2), at(to.bytes), to.size);
  }
  read_path(&from, words[2]);
  read_path(&to, words[4]);
  if (strcmp(call, "link") == 0)
    return raw_path_link(fd_at(1), has("follow"), at(from.bytes), from.size, fd_at(3), at(to.bytes), to.size);
  return raw_path_rename(fd_at(1), at(from.bytes), from.size, fd_at(3), at(to.bytes), to.size);
}

static int with_path(const char* call) {
  static struct path path;
  const uint32_t dir = fd_at(1);
  read_path(&path, words[2]);
  if (strcmp(call, "open") == 0)
    return open_path(dir, &path);
  if (strcmp(call, "exhaust") == 0)
    return exhaust(dir, &path);
  if (strcmp(call, "stat") == 0)
    return raw_path_filestat_get(dir, lookup(), at(path.bytes), path.size, at(buffer));
  if (strcmp(call, "utimes") == 0)
    return raw_path_filestat_set_times(dir, lookup(), at(path.bytes), path.size, 1, 1,
                                       __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM);
  if (strcmp(call, "mkdir") == 0)
    return raw_path_create_directory(dir, at(path.bytes), path.size);
  if (strcmp(call, "rmdir") == 0)
    return raw_path_remove_directory(dir, at(path.bytes), path.size);
  if (strcmp(call, "unlink") == 0)
    return raw_path_unlink_file(dir, at(path.bytes), path.size);
  uint32_t used = 0;
  return raw_path_readlink(dir, at(path.bytes), path.size, at(buffer), sizeof buffer, at(&used));
}

static int with_descriptor(const char* call) {
  const uint32_t fd = fd_at(1);
  __wasi_fdstat_t fdstat;
  if (strcmp(call, "close") == 0)
    return __wasi_fd_close(fd);
  if (strcmp(call, "renumber") == 0)
    return __wasi_fd_renumber(fd, fd_at(2));
  if (strcmp(call, "read") == 0 || strcmp(call, "write") == 0)
    return transfer(fd, *call == 'w');
  if (strcmp(call, "list") == 0)
    return list(fd);
  if (strcmp(call, "futimes") == 0)
    return __wasi_fd_filestat_set_times(fd, 1, 1, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM);
  if (strcmp(call, "setsize") == 0)
    return __wasi_fd_filestat_set_size(fd, 0);
  if (strcmp(call, "allocate") == 0)
    return __wasi_fd_allocate(fd, 0, 4096);
  if (strcmp(call, "prestat") == 0)
    return raw_fd_prestat_get(fd, at(buffer));
  if (strcmp(call, "fdstat") == 0)
    return __wasi_fd_fdstat_get(fd, &fdstat);
  return -1;
}

static int is_one_of(const char* const* names, const char* name) {
  for (; *names; ++names)
    if (strcmp(*names, name) == 0)
      return 1;
  return 0;
}

static int issue(char* text) {
  static const char* const two_paths[] = {"symlink", "link", "rename", 0};
  static const char* const one_path[] = {"open", "exhaust", "stat", "utimes", "mkdir", "rmdir", "unlink", "readlink", 0};
  static char empty[] = "";
  word_count = 0;
  for (char* word = strtok(text, " "); word && word_count < MAX_WORDS; word = strtok(0, " "))
    words[word_count++] = strcmp(word, "''") == 0 ? empty : word;
  if (is_one_of(two_paths, words[0]))
    return with_two_paths(words[0]);
  return is_one_of(one_path, words[0]) ? with_path(words[0]) : with_descriptor(words[0]);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const int error = issue(argv[i]);
    dprintf(2, "%d\n", error);
  }
  return 0;
}
