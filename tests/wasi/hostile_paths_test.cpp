// What a program tries in order to reach what it was not given, with the answers that it gets. Each attempt is made by
// testdata/wasi/attempt.c on a mount that may be written and on one that may not, resolved by openat2 and, where a
// filter refuses that, by the walk. Descriptor 3 is the mount, 4 another that may be written, 5 one that may only be
// read. WZRUN_VERBOSE in the environment prints the table.

#include "forbid_syscall.h"
#include "temp_dir.h"
#include "tree_snapshot.h"
#include "wasi/attempts_support.h"
#include "wasi/owned_fd.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace wzrun;
using test::Attempt;
using test::TempDir;

namespace {

/// Makes descriptors scarce, so that a program can use them up.
class FewDescriptors {
 public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto few = before_;
    few.rlim_cur = 128;
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

/// The trees of one attempt: `m`, `rw` and `ro` are mounted, `outside` is not.
class Trees {
 public:
  Trees() {
    for (const auto* folder : {"m/dir/deep", "rw", "ro/dir", "outside/dir"})
      fs::create_directories(temp_ / folder);
    temp_.write("m/file", "file");
    temp_.write("m/dir/inner", "inner");
    temp_.write("rw/own", "own");
    temp_.write("ro/file", "read only");
    temp_.write("outside/secret", "SECRET");
    for (const auto& [text, name] : {std::pair<std::string, const char*>{"file", "to_file"},
                                     {"dir", "to_dir"},
                                     {"../outside", "climbs"},
                                     {"/etc", "absolute"},
                                     {(temp_ / "m/file").string(), "absolute_here"},
                                     {"../rw", "to_rw"},
                                     {"missing", "dangling"},
                                     {"self", "self"},
                                     {"ring_b", "ring_a"},
                                     {"ring_a", "ring_b"}})
      fs::create_symlink(text, temp_ / (std::string{"m/"} + name));
    REQUIRE(::mkfifo((temp_ / "m/fifo").c_str(), 0600) == 0);
    const wasi::OwnedFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const auto path = (temp_ / "m/socket").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    has_device_ = ::mknod((temp_ / "m/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0;
  }

  ModuleConfig config(bool read_only) const {
    const auto m = (temp_ / "m").string();
    return ModuleConfig{}.with_fs(
        (read_only ? FSConfig{}.with_read_only_directory(m, "/m") : FSConfig{}.with_directory(m, "/m"))
            .with_directory(temp_ / "rw", "/rw")
            .with_read_only_directory(temp_ / "ro", "/ro"));
  }
  /// All that an attempt must leave as it is.
  std::string untouchable(bool read_only) const {
    std::string text = test::tree_snapshot(temp_ / "outside") + test::tree_snapshot(temp_ / "ro");
    if (read_only)
      text += test::tree_snapshot(temp_ / "m");
    for (const auto& entry : fs::directory_iterator{temp_.path()})
      text += entry.path().filename().string() + '\n';
    return text;
  }
  bool has_device() const { return has_device_; }

 private:
  TempDir temp_;
  bool has_device_ = false;
};

/// What one attempt gets on one kind of mount.
std::string made(const Attempt& attempt, bool read_only) {
  const Trees trees;
  if (!trees.has_device() && std::string_view{attempt.calls}.contains("null"))
    return "";
  const auto before = trees.untouchable(read_only);
  const auto result = test::make_attempt(attempt.calls, trees.config(read_only));
  CAPTURE(std::string{attempt.calls});
  CAPTURE(read_only);
  CHECK_FALSE(result.output.contains("SECRET"));
  CHECK(trees.untouchable(read_only) == before);
  return result.answers;
}

struct Answers {
  std::string writable;
  std::string read_only;
};

std::vector<Answers> make_all() {
  std::vector<Answers> all;
  for (const auto& attempt : test::hostile_paths())
    all.push_back({made(attempt, false), made(attempt, true)});
  return all;
}

void check_all(const std::vector<Answers>& all) {
  const auto attempts = test::hostile_paths();
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    CAPTURE(std::string{attempts[i].calls});
    const auto& [calls, writable, read_only] = attempts[i];
    if (all[i].writable.empty())
      continue;  // it could not be made
    CHECK(all[i].writable == writable);
    CHECK(all[i].read_only == (read_only != nullptr ? read_only : writable));
  }
}

void print_table(const std::vector<Answers>& by_kernel, const std::vector<Answers>& by_walk) {
  if (std::getenv("WZRUN_VERBOSE") == nullptr)
    return;
  fmt::print("{:52} | {:20} | {:20} | walk\n", "attempt", "rw", "ro");
  const auto attempts = test::hostile_paths();
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const bool same = by_walk.empty() ||
                      (by_walk[i].writable == by_kernel[i].writable && by_walk[i].read_only == by_kernel[i].read_only);
    fmt::print("{:52} | {:20} | {:20} | {}\n", attempts[i].calls, by_kernel[i].writable, by_kernel[i].read_only,
               by_walk.empty() ? "not run"
               : same          ? "same"
                               : by_walk[i].writable + " | " + by_walk[i].read_only);
  }
}

}  // namespace

TEST_CASE("hostile paths: each attempt gets its answer, on both kinds of mount, with openat2 and without") {
  const FewDescriptors few;
  const auto by_kernel = make_all();
  std::vector<Answers> by_walk;
  std::thread{[&] {
    if (test::forbid_syscall(SYS_openat2, EPERM))
      by_walk = make_all();
    else
      MESSAGE("skipped: seccomp is not available");
  }}.join();
  print_table(by_kernel, by_walk);
  check_all(by_kernel);
  if (!by_walk.empty())
    check_all(by_walk);
}

TEST_CASE("hostile paths: magic links of proc are ELOOP, with openat2 and without") {
  const auto config = ModuleConfig{}.with_fs(FSConfig{}.with_read_only_directory("/proc", "/proc"));
  const auto check = [&] {
    for (const auto& [calls, answers] : test::magic_links()) {
      CAPTURE(std::string{calls});
      CHECK(test::make_attempt(calls, config).answers == answers);
    }
  };
  check();
  std::thread{[&] {
    if (test::forbid_syscall(SYS_openat2, EPERM))
      check();
  }}.join();
}
