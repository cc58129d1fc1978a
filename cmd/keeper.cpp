#include "keeper.h"

#include "command.h"
#include "report.h"

#include "wzrun/runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

/// Of the C library: clone(), by a name under which a sanitizer does not take it for fork().
extern "C" int __clone(int (*body)(void*), void* stack, int flags, void* argument, ...);  // NOLINT

namespace wzrun::cmd {
namespace {

constexpr const char* kSelf = "/proc/self/exe";
constexpr int kAlive = STDERR_FILENO + 1;  ///< in the new process: tells when this one has ended
constexpr int kOthers = kAlive + 1;
constexpr timespec kPatience{.tv_sec = 10, .tv_nsec = 0};  ///< for this one's end
constexpr int kKeeperPriority = 10;                        ///< whoever runs meanwhile comes first
constexpr int kLeastPriority = 19;                         ///< of what nobody waits for
constexpr std::size_t kStackBytes = 64U << 10;

/// The process that keeps.
///
/// It shares this one's memory until it executes wzrun anew, and it does that when this one has ended. So nothing is
/// copied before, and giving the memory back to the system, which takes longer than all else at the end, is left to it.
/// This one does not wait for it: the processors may be busy with what is being compiled.
class Keeper {
 public:
  Keeper(std::vector<std::string> words, UnkeptCode code)
      : words_(std::move(words)), code_(std::move(code)), stack_(new std::uint8_t[kStackBytes]) {
    for (auto& word : words_)
      arguments_.push_back(word.data());
    arguments_.push_back(nullptr);
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Requires that this object is not destroyed. What it opens stays open.
  bool start();

 private:
  int live() const;
  bool write_input() const;

  std::vector<std::string> words_;
  std::vector<char*> arguments_;
  const UnkeptCode code_;
  const std::unique_ptr<std::uint8_t[]> stack_;
  int input_ = -1, null_ = -1, alive_ = -1;
};

/// Where the new process puts nothing.
int out_of_the_way(int fd) { return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, kOthers); }

bool Keeper::start() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0 || access(kSelf, X_OK) != 0)
    return false;
  alive_ = out_of_the_way(ends[0]);
  null_ = out_of_the_way(open("/dev/null", O_RDWR | O_CLOEXEC));
  input_ = out_of_the_way(memfd_create("wzrun", MFD_CLOEXEC));
  if (alive_ < 0 || null_ < 0 || input_ < 0)
    return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // handlers are for this process
  const int process = __clone([](void* keeper) { return static_cast<const Keeper*>(keeper)->live(); },
                              stack_.get() + kStackBytes, CLONE_VM | SIGCHLD, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return process >= 0;
}

/// The new process. It has the storage of the thread that made it, and threads may have held locks when the other
/// process ended: only system calls from here on, and nothing that a sanitizer would watch.
int Keeper::live() const {
  // First of all what others may wait to see closed.
  syscall(SYS_dup3, input_, STDIN_FILENO, 0);
  syscall(SYS_dup3, null_, STDOUT_FILENO, 0);
  syscall(SYS_dup3, null_, STDERR_FILENO, 0);
  syscall(SYS_dup3, alive_, kAlive, 0);
  if (syscall(SYS_close_range, kOthers, ~0U, 0) != 0)
    for (long fd = kOthers; fd < sysconf(_SC_OPEN_MAX); ++fd)  // before Linux 5.9
      syscall(SYS_close, fd);
  syscall(SYS_setsid);
  pollfd end{.fd = kAlive, .events = 0, .revents = 0};
  timespec patience = kPatience;
  syscall(SYS_ppoll, &end, 1, &patience, nullptr, 0);
  if (!write_input() || syscall(SYS_lseek, STDIN_FILENO, 0, SEEK_SET) != 0 || syscall(SYS_chdir, "/") != 0)
    return 1;
  syscall(SYS_close, kAlive);
  syscall(SYS_setpriority, PRIO_PROCESS, 0, kKeeperPriority);
  char* no_environment = nullptr;
  syscall(SYS_execve, kSelf, arguments_.data(), &no_environment);
  return 1;
}

bool Keeper::write_input() const {
  for (auto part : code_.parts) {
    while (!part.empty()) {
      const auto count = syscall(SYS_write, STDIN_FILENO, part.data(), part.size());
      if (count <= 0)
        return false;
      part = part.subspan(static_cast<std::size_t>(count));
    }
  }
  return true;
}

}  // namespace

bool keep_elsewhere(const DirectoryCache& cache, std::uint64_t max_size_bytes, UnkeptCode code) {
  constexpr pid_t kFirst = 1;  // its end is the end of all processes of its container
  std::error_code error;
  const auto path = std::filesystem::absolute(cache.path(), error);
  if (error || getpid() == kFirst)
    return false;
  // Never destroyed: the other process uses it when this one has ended.
  auto* const keeper = new Keeper({"wzrun", "cache", std::string(kKeepAction), "--cache-dir", path.string(),
                                   "--cache-size", std::to_string(max_size_bytes)},
                                  std::move(code));
  return keeper->start();
}

int keep_standard_input(DirectoryCache& cache) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // it was made with all signals blocked
  struct stat status{};
  if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
    return fail("nothing to keep: this is for wzrun's own use");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
  if (pages == MAP_FAILED)
    return fail(strerror(errno));
  const std::span packed(static_cast<const std::uint8_t*>(pages), size);
  const auto has_left = keep_packed(cache, packed);
  if (!has_left)
    return fail(has_left.error().to_string());
  if (!*has_left)
    return 0;
  // Runs that follow at once have the processors, and later ones whatever they want of them.
  constexpr std::chrono::seconds kPause{2}, kImprovingTime{10};
  std::this_thread::sleep_for(kPause);
  setpriority(PRIO_PROCESS, 0, kLeastPriority);
  const auto improved = improve_packed(cache, packed, kImprovingTime);
  return improved ? 0 : fail(improved.error().to_string());
}

}  // namespace wzrun::cmd
