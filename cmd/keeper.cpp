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
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace wzrun::cmd {
namespace {

constexpr int kAlive = STDERR_FILENO + 1;  ///< in the new process: the end of the socket that tells how this one does
constexpr int kPatienceMs = 10'000;        ///< for this one's end
constexpr int kKeeperPriority = 10;        ///< whoever runs meanwhile comes first
constexpr std::size_t kStackBytes = 64U << 10;

/// The process that keeps.
///
/// It shares this one's memory until it executes wzrun anew, and it does that when this one has ended. So nothing is
/// copied before, and giving the memory back to the system, which takes longer than all else at the end, is left to it.
class Keeper {
 public:
  Keeper(std::vector<std::string> words, UnkeptCode code)
      : words_(std::move(words)), code_(std::move(code)), stack_(kStackBytes) {
    for (auto& word : words_)
      arguments_.push_back(word.data());
    arguments_.push_back(nullptr);
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Requires that this object is not destroyed.
  bool start();

 private:
  static constexpr char kStarted = 1, kFailed = 0;

  void make_process();
  int live();
  bool write_input(int fd) const;

  std::vector<std::string> words_;
  std::vector<char*> arguments_;
  const UnkeptCode code_;
  std::vector<std::uint8_t> stack_;
  int ours_ = -1, theirs_ = -1;  ///< ends of the socket
};

bool Keeper::start() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return false;
  ours_ = ends[0];
  theirs_ = ends[1];
  try {
    std::thread([this] { make_process(); }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  char answer = kFailed;
  while (read(ours_, &answer, 1) < 0 && errno == EINTR) {
  }
  return answer == kStarted;
}

/// On a thread of its own. It waits until the process has memory of its own, as after vfork(), and usually ends before
/// with this process.
void Keeper::make_process() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // handlers are for this process
  clone([](void* keeper) { return static_cast<Keeper*>(keeper)->live(); }, stack_.data() + stack_.size(),
        CLONE_VM | CLONE_VFORK | SIGCHLD, this);
  // Nobody reads this if it did start.
  (void)!write(theirs_, &kFailed, 1);
}

/// The new process. Threads may have held locks when the other process ended: only system calls from here on.
int Keeper::live() {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  const int alive = fcntl(theirs_, F_DUPFD, kAlive);
  if (null < 0 || alive < 0)
    return 1;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    dup2(null, fd);
  dup2(alive, kAlive);
  if (close_range(kAlive + 1, ~0U, 0) != 0)
    for (long fd = kAlive + 1; fd < sysconf(_SC_OPEN_MAX); ++fd)  // before Linux 5.9
      close(static_cast<int>(fd));
  if (write(kAlive, &kStarted, 1) != 1)
    return 1;
  pollfd end{.fd = kAlive, .events = POLLIN, .revents = 0};
  poll(&end, 1, kPatienceMs);
  const int input = memfd_create("wzrun", MFD_CLOEXEC);
  if (input < 0 || !write_input(input) || chdir("/") != 0)
    return 1;
  lseek(input, 0, SEEK_SET);
  dup2(input, STDIN_FILENO);
  close(kAlive);
  setpriority(PRIO_PROCESS, 0, kKeeperPriority);
  struct sigaction common{};
  for (int signal = 1; signal < NSIG; ++signal)
    sigaction(signal, &common, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char* no_environment = nullptr;
  execve("/proc/self/exe", arguments_.data(), &no_environment);
  return 1;
}

bool Keeper::write_input(int fd) const {
  for (auto part : code_.parts) {
    while (!part.empty()) {
      const auto count = write(fd, part.data(), part.size());
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
  struct stat status{};
  if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
    return fail("nothing to keep: this is for wzrun's own use");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
  if (pages == MAP_FAILED)
    return fail(strerror(errno));
  constexpr std::chrono::seconds kDelay{2};
  const auto kept = keep_packed(cache, {static_cast<const std::uint8_t*>(pages), size}, kDelay);
  return kept ? 0 : fail(kept.error().to_string());
}

}  // namespace wzrun::cmd
