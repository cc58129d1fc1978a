#include "cli/process_support.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace wzrun::cli {
namespace {

[[noreturn]] void throw_errno(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

/// A descriptor above the standard ones, so that moving it to one of them cannot hit another.
int memory_file(const std::string& contents = {}) {
  const int low = memfd_create("stream", MFD_CLOEXEC);
  const int fd = fcntl(low, F_DUPFD_CLOEXEC, 10);
  close(low);
  if (fd < 0)
    throw_errno("memfd_create");
  if (pwrite(fd, contents.data(), contents.size(), 0) != static_cast<ssize_t>(contents.size()))
    throw_errno("pwrite");
  return fd;
}

std::string contents_of(int fd) {
  std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  const auto count = pread(fd, text.data(), text.size(), 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return text;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (auto& word : words)
    list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// Whether the text is in a file after at most ten seconds.
bool comes_to(int fd, const std::string& text) {
  for (int i = 0; i < 1000; i++) {
    if (contents_of(fd).find(text) != std::string::npos)
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const Setting& setting)
    : out_(memory_file()), err_(memory_file()) {
  const int in = memory_file(setting.input);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto connect = [&](int number, Stream stream, int captured, int given) {
    if (stream == Stream::closed)
      posix_spawn_file_actions_addclose(&actions, number);
    else
      posix_spawn_file_actions_adddup2(&actions, stream == Stream::given ? given : captured, number);
  };
  connect(STDIN_FILENO, setting.in, in, setting.in_fd);
  connect(STDOUT_FILENO, setting.out, out_, setting.out_fd);
  connect(STDERR_FILENO, setting.err, err_, setting.err_fd);
  if (!setting.folder.empty())
    posix_spawn_file_actions_addchdir_np(&actions, setting.folder.c_str());

  // What the test's own parent did to signals is not to reach the child.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM})
    sigaddset(&signals, number);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  auto words = command;
  auto environment = setting.environment;
  const char* path = std::getenv("PATH");
  environment.push_back("PATH=" + std::string(path == nullptr ? "" : path));
  const int error = posix_spawnp(&pid_, words.front().c_str(), &actions, &attributes, pointers(words).data(),
                                 pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(in);
  if (error != 0)
    throw_errno(words.front(), error);
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void Process::signal(int number) const { kill(pid_, number); }

bool Process::printed(const std::string& text) const { return comes_to(out_, text); }

bool Process::reported(const std::string& text) const { return comes_to(err_, text); }

std::string Process::errors() const { return contents_of(err_); }

Outcome Process::wait() {
  constexpr int kMinuteMs = 60'000;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));  // glibc 2.36 declares it for C alone
  pollfd ended = {fd, POLLIN, 0};
  if (poll(&ended, 1, kMinuteMs) == 0)
    kill(pid_, SIGKILL);
  close(fd);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), contents_of(out_), contents_of(err_)};
}

std::vector<std::string> wzrun_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), WZRUN_EXECUTABLE);
  return arguments;
}

Outcome wzrun(const std::vector<std::string>& arguments, const Setting& setting) {
  return Process(wzrun_command(arguments), setting).wait();
}

std::string program(const std::string& name) { return std::string(WZRUN_TESTDATA_WASM_DIR "/cli/") + name + ".wasm"; }

TemporaryFolder::TemporaryFolder() {
  auto name = (std::filesystem::temp_directory_path() / "wzrun-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw_errno(name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  if (!(out << text))
    throw std::runtime_error("cannot write " + path);
}

}  // namespace wzrun::cli
