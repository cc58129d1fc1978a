#include "wasi/resolver.h"

#include "forbid_syscall.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using wzrun::test::TempDir;
using wzrun::wasi::OwnedFd;
using wzrun::wasi::Resolver;

namespace {

using Mode = Resolver::Mode;

// root/ is given to the program; outside/ beside it is not.
struct Tree {
  TempDir temp;
  OwnedFd root;

  Tree() {
    fs::create_directories(temp / "root/dir/deep");
    fs::create_directory(temp / "outside");
    temp.write("outside/secret", "secret");
    temp.write("root/file", "file");
    temp.write("root/dir/inner", "inner");
    temp.write("root/dir/deep/bottom", "bottom");
    link("file", "to_file");
    link("dir", "to_dir");
    link("dir/", "to_dir_slash");
    link("file/", "to_file_slash");
    link("dir/deep/../inner", "to_inner");
    link("missing", "dangling");
    link("self", "self");
    link("ring_b", "ring_a");
    link("ring_a", "ring_b");
    link("..", "up");
    link("../outside/secret", "climbs");
    link("../root/file", "out_and_in");
    link("dir/../../outside", "climbs_late");
    link("/etc/passwd", "absolute");
    link(temp / "root/file", "absolute_inside");
    link("../file", "dir/back");
    link("../../dir", "dir/deep/back");
    link("../../../outside", "dir/deep/climbs");
    link("file", "link1");
    for (int i = 2; i <= 41; ++i)
      link("link" + std::to_string(i - 1), "link" + std::to_string(i));
    ::mkfifo((temp / "root/fifo").c_str(), 0600);
    root = OwnedFd{::open((temp / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  }

  void link(const std::string& text, const std::string& name) const { fs::create_symlink(text, temp / "root" / name); }
};

// The inode of what was opened, or the errno.
std::string outcome(const wzrun::wasi::Try<OwnedFd>& opened) {
  if (!opened)
    return std::string{to_string(opened.error())};
  struct stat status;
  REQUIRE(::fstat(opened->get(), &status) == 0);
  return "inode " + std::to_string(status.st_ino);
}

std::string inode_of(const Tree& tree, const std::string& name) {
  struct stat status;
  REQUIRE(::lstat((tree.temp / "root" / name).c_str(), &status) == 0);
  return "inode " + std::to_string(status.st_ino);
}

struct Case {
  std::string path;
  int flags;
  std::string expected;  // an errno, or the name below root/ of what is opened
};

const std::vector<Case> kCases = {
    {"file", O_RDONLY, "file"},
    {"./dir/./deep/../inner", O_RDONLY, "dir/inner"},
    {"dir//deep///bottom", O_RDONLY, "dir/deep/bottom"},
    {".", O_RDONLY, "."},
    {"dir/..", O_RDONLY, "."},
    {"dir/.", O_RDONLY, "dir"},
    {"dir/", O_RDONLY, "dir"},
    {"", O_RDONLY, "ENOENT"},
    {"missing", O_RDONLY, "ENOENT"},
    {"missing/file", O_RDONLY, "ENOENT"},
    {"file/", O_RDONLY, "ENOTDIR"},
    {"file/.", O_RDONLY, "ENOTDIR"},
    {"file/..", O_RDONLY, "ENOTDIR"},
    {"file/x", O_RDONLY, "ENOTDIR"},
    {"/", O_RDONLY, "EPERM"},
    {"/file", O_RDONLY, "EPERM"},
    {"..", O_RDONLY, "EPERM"},
    {"../root/file", O_RDONLY, "EPERM"},
    {"dir/../../root/file", O_RDONLY, "EPERM"},
    {"dir/../..", O_RDONLY, "EPERM"},
    {"to_file", O_RDONLY, "file"},
    {"to_file", O_RDONLY | O_NOFOLLOW, "ELOOP"},
    {"to_file", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, "ENOTDIR"},
    {"to_file", O_PATH | O_NOFOLLOW, "to_file"},
    {"to_file/", O_RDONLY | O_NOFOLLOW, "ENOTDIR"},
    {"to_file_slash", O_RDONLY, "ENOTDIR"},
    {"to_dir", O_RDONLY, "dir"},
    {"to_dir", O_RDONLY | O_DIRECTORY, "dir"},
    {"to_dir/", O_RDONLY | O_NOFOLLOW, "dir"},
    {"to_dir/inner", O_RDONLY | O_NOFOLLOW, "dir/inner"},
    {"to_dir_slash/inner", O_RDONLY, "dir/inner"},
    {"to_inner", O_RDONLY, "dir/inner"},
    {"dir/back", O_RDONLY, "file"},
    {"dir/deep/back/deep/back/inner", O_RDONLY, "dir/inner"},
    {"dangling", O_RDONLY, "ENOENT"},
    {"dangling", O_RDONLY | O_CREAT | O_EXCL, "EEXIST"},
    {"self", O_RDONLY, "ELOOP"},
    {"ring_a", O_RDONLY, "ELOOP"},
    {"ring_a/x", O_RDONLY, "ELOOP"},
    {"link40", O_RDONLY, "file"},
    {"link41", O_RDONLY, "ELOOP"},
    {"up", O_RDONLY, "EPERM"},
    {"up/", O_RDONLY | O_NOFOLLOW, "EPERM"},
    {"up/outside/secret", O_RDONLY, "EPERM"},
    {"climbs", O_RDONLY, "EPERM"},
    {"climbs", O_PATH | O_NOFOLLOW, "climbs"},
    {"climbs/", O_PATH | O_NOFOLLOW, "EPERM"},
    {"climbs_late/secret", O_RDONLY, "EPERM"},
    {"out_and_in", O_RDONLY, "EPERM"},
    {"absolute", O_RDONLY, "EPERM"},
    {"absolute_inside", O_RDONLY, "EPERM"},
    {"dir/deep/climbs/secret", O_RDONLY, "EPERM"},
    {"dir/", O_RDONLY | O_CREAT, "EISDIR"},
    {"dir", O_RDWR, "EISDIR"},
    {"new/", O_RDWR | O_CREAT, "EISDIR"},
    {"dir/..", O_RDWR | O_CREAT, "EISDIR"},
    {"file", O_RDWR | O_CREAT | O_EXCL, "EEXIST"},
    {"file", O_RDONLY | O_DIRECTORY, "ENOTDIR"},
    {"fifo", O_RDONLY | O_NONBLOCK, "fifo"},
    {"fifo", O_WRONLY | O_NONBLOCK, "ENXIO"},
};

void check_cases(const Tree& tree, Resolver& resolver) {
  for (const auto& [path, flags, expected] : kCases) {
    CAPTURE(path);
    CAPTURE(flags);
    const bool fails = expected.starts_with('E');
    CHECK(outcome(resolver.open(tree.root.get(), path.c_str(), flags, 0600)) ==
          (fails ? expected : inode_of(tree, expected)));
  }
}

}  // namespace

TEST_CASE("resolver: hostile paths get their answers from the kernel") {
  const Tree tree;
  Resolver resolver{Mode::kernel};
  check_cases(tree, resolver);
}

TEST_CASE("resolver: hostile paths get the same answers from the walk") {
  const Tree tree;
  Resolver resolver{Mode::walk};
  check_cases(tree, resolver);
}

TEST_CASE("resolver: where a filter refuses openat2, the walk takes over for good") {
  const Tree tree;
  for (const int error : {ENOSYS, EPERM}) {
    std::thread{[&] {
      if (!wzrun::test::forbid_syscall(SYS_openat2, error)) {
        MESSAGE("skipped: seccomp is not available");
        return;
      }
      Resolver resolver;
      check_cases(tree, resolver);
      CHECK(resolver.mode() == Mode::walk);
    }}.join();
  }
}

TEST_CASE("resolver: an EPERM that is the file's own does not end the use of openat2") {
  const Tree tree;
  Resolver resolver;
  CHECK(outcome(resolver.open(tree.root.get(), "up", O_RDONLY)) == "EPERM");
  CHECK(resolver.mode() == Mode::kernel);
}

TEST_CASE("resolver: kernel and walk agree on every short path over the tree's names") {
  const Tree tree;
  const std::vector<std::string> names = {
      "file", "dir",    "deep",   "bottom", "to_file", "to_dir", "to_file_slash", "back",
      "up",   "climbs", "ring_a", "..",     ".",       "",       "dangling",      "absolute"};
  const int flag_sets[] = {O_RDONLY,
                           O_RDONLY | O_NOFOLLOW,
                           O_PATH,
                           O_PATH | O_NOFOLLOW,
                           O_RDONLY | O_DIRECTORY,
                           O_PATH | O_DIRECTORY | O_NOFOLLOW,
                           O_RDWR,
                           O_RDWR | O_CREAT | O_NOFOLLOW,
                           O_RDWR | O_CREAT | O_EXCL};
  std::vector<std::string> paths;
  for (const auto& a : names)
    for (const auto& b : names)
      for (const auto& c : names)
        paths.push_back(a + "/" + b + "/" + c);
  for (std::size_t i = 0; i < names.size(); ++i)
    for (const auto& b : names)
      paths.push_back(names[i] + "/" + b);
  paths.insert(paths.end(), names.begin(), names.end());

  Resolver by_kernel{Mode::kernel};
  Resolver by_walk{Mode::walk};
  const auto forget_created = [&](const std::string& before) {  // a created file's inode says nothing
    if (!before.starts_with("inode"))
      return before;
    bool created = false;
    for (const auto* folder : {".", "dir", "dir/deep"})
      for (const auto& name : names)
        if (const auto path = tree.temp / "root" / folder / name; !name.starts_with('.') && !name.empty() &&
                                                                  fs::is_regular_file(fs::symlink_status(path)) &&
                                                                  fs::file_size(path) == 0)
          created = fs::remove(path) || created;
    return created ? std::string{"created"} : before;
  };
  std::size_t different = 0;
  for (const auto& path : paths)
    for (const int flags : flag_sets) {
      const bool creates = (flags & O_CREAT) != 0;
      auto kernel = outcome(by_kernel.open(tree.root.get(), path.c_str(), flags, 0600));
      if (creates)
        kernel = forget_created(kernel);
      auto walk = outcome(by_walk.open(tree.root.get(), path.c_str(), flags, 0600));
      if (creates)
        walk = forget_created(walk);
      if (kernel == walk)
        continue;
      ++different;
      CAPTURE(path);
      CAPTURE(flags);
      CHECK(kernel == walk);
    }
  CHECK(different == 0);
  CHECK(by_kernel.mode() == Mode::kernel);
}

TEST_CASE("resolver: O_CREAT through a dangling link makes the file that it names, in both modes") {
  for (const auto mode : {Mode::kernel, Mode::walk}) {
    const Tree tree;
    Resolver resolver{mode};
    REQUIRE(resolver.open(tree.root.get(), "dangling", O_WRONLY | O_CREAT, 0600));
    CHECK(fs::is_regular_file(fs::symlink_status(tree.temp / "root/missing")));
  }
}

TEST_CASE("resolver: parent keeps the name unresolved and refuses directories outside") {
  for (const auto mode : {Mode::kernel, Mode::walk}) {
    const Tree tree;
    Resolver resolver{mode};
    const auto name = [&](const char* path) {
      const auto entry = resolver.parent(tree.root.get(), path);
      return entry ? entry->name : std::string{to_string(entry.error())};
    };
    CHECK(name("climbs") == "climbs");
    CHECK(name("dir/new") == "new");
    CHECK(name("dir/new//") == "new//");
    CHECK(name("dir/..") == ".");
    CHECK(name(".") == ".");
    CHECK(name("..") == "EPERM");
    CHECK(name("up/new") == "EPERM");
    CHECK(name("dir/../../new") == "EPERM");
    CHECK(name("/new") == "EPERM");
    CHECK(name("file/new") == "ENOTDIR");
    CHECK(name("absolute/new") == "EPERM");
    const auto entry = resolver.parent(tree.root.get(), "to_dir/deep/new/");
    REQUIRE(entry);
    CHECK(entry->slash);
    struct stat status;
    REQUIRE(::fstat(entry->dir, &status) == 0);
    CHECK("inode " + std::to_string(status.st_ino) == inode_of(tree, "dir/deep"));
  }
}

TEST_CASE("resolver: target follows links at the end and stops at what is none") {
  const Tree tree;
  const Resolver resolver;
  const auto name = [&](const char* path) {
    const auto entry = resolver.target(tree.root.get(), path);
    return entry ? entry->name : std::string{to_string(entry.error())};
  };
  CHECK(name("to_file") == "file");
  CHECK(name("to_inner") == "inner");
  CHECK(name("to_dir/") == ".");
  CHECK(name("link40") == "file");
  CHECK(name("link41") == "ELOOP");
  CHECK(name("climbs") == "EPERM");
  CHECK(name("absolute") == "EPERM");
  CHECK(name("dangling") == "ENOENT");
  CHECK(name("to_file/") == "ENOTDIR");
}

TEST_CASE("resolver: a directory that is swapped for a link outside meanwhile lets nothing out") {
  constexpr int kOpens = 4000;
  for (const auto mode : {Mode::kernel, Mode::walk}) {
    const Tree tree;
    fs::create_directory(tree.temp / "root/swap");
    tree.temp.write("root/swap/secret", "inside");
    tree.link("../outside", "swap_link");
    const auto inside = inode_of(tree, "swap/secret");
    std::atomic<bool> done{false};
    std::thread swapper{[&] {
      while (!done)
        ::renameat2(tree.root.get(), "swap", tree.root.get(), "swap_link", RENAME_EXCHANGE);
    }};
    int escapes = 0;
    Resolver resolver{mode};
    for (int i = 0; i < kOpens; ++i) {
      const auto got = outcome(resolver.open(tree.root.get(), "dir/../swap/../swap/secret", O_RDONLY));
      escapes += got != inside && got != "EPERM" && got != "EAGAIN" ? 1 : 0;
    }
    done = true;
    swapper.join();
    CHECK(escapes == 0);
  }
}

TEST_CASE("resolver: a path through many directories, and one with a name too long, end in an answer") {
  for (const auto mode : {Mode::kernel, Mode::walk}) {
    const Tree tree;
    Resolver resolver{mode};
    std::string path = "dir";
    while (path.size() < 3000)
      path += "/../dir";
    CHECK(outcome(resolver.open(tree.root.get(), path.c_str(), O_RDONLY)) == inode_of(tree, "dir"));
    CHECK(outcome(resolver.open(tree.root.get(), std::string(300, 'n').c_str(), O_RDONLY)) == "ENAMETOOLONG");
  }
}
