#include "keeper.h"

#include "command.h"
#include "report.h"

#include "wzrun/runtime.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace wzrun::cmd {
namespace {

/// A file in memory with these bytes, open at its beginning; -1 if there is none.
int memory_file(std::span<const std::uint8_t> bytes) {
  const int fd = memfd_create("wzrun", MFD_CLOEXEC);
  while (fd >= 0 && !bytes.empty()) {
    const auto count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      close(fd);
      return -1;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  if (fd >= 0)
    lseek(fd, 0, SEEK_SET);
  return fd;
}

/// How the process is made: nothing of ours but its input, so that nobody waits for it.
class Detachment {
 public:
  explicit Detachment(int input) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Detachment() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Detachment(const Detachment&) = delete;
  Detachment& operator=(const Detachment&) = delete;

  bool start(std::span<std::string> words) const {
    std::vector<char*> arguments;
    for (auto& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* no_environment = nullptr;
    pid_t process = 0;
    return posix_spawn(&process, "/proc/self/exe", &actions_, &attributes_, arguments.data(), &no_environment) == 0;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

bool keep_elsewhere(const DirectoryCache& cache, std::uint64_t max_size_bytes, std::span<const std::uint8_t> packed) {
  std::error_code error;
  const auto path = std::filesystem::absolute(cache.path(), error);
  const int input = error ? -1 : memory_file(packed);
  if (input < 0)
    return false;
  std::array<std::string, 7> words = {"wzrun",       "cache",        std::string(kKeepAction),      "--cache-dir",
                                      path.string(), "--cache-size", std::to_string(max_size_bytes)};
  const bool started = Detachment(input).start(words);
  close(input);
  return started;
}

int keep_standard_input(DirectoryCache& cache) {
  struct stat status{};
  if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
    return fail("nothing to keep: this is for wzrun's own use");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
  if (pages == MAP_FAILED)
    return fail(strerror(errno));
  const auto kept = keep_packed(cache, {static_cast<const std::uint8_t*>(pages), size});
  return kept ? 0 : fail(kept.error().to_string());
}

}  // namespace wzrun::cmd
