// The programs of testdata/wasi check WASI from inside; each prints `ok`, or what was answered otherwise.

#include "forbid_syscall.h"
#include "temp_dir.h"
#include "wasi/owned_fd.h"
#include "wasi/program_support.h"
#include "wasi/socket_support.h"
#include "wzrun/wasi.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace wzrun;
using test::Input;
using test::TempDir;
using wasi::ListeningSocket;
using wasi::OwnedFd;

namespace {

void check_program(const char* name, const ModuleConfig& config, Input input = Input::ended) {
  const auto outcome =
      test::run_program(fs::path(WZRUN_TESTDATA_WASM_DIR) / "wasi" / (std::string{name} + ".wasm"), config, input);
  CHECK(outcome.output == "ok\n");
  CHECK(outcome.errors == "");
  CHECK(outcome.trap == "");
  CHECK(outcome.status == 0);
}

ModuleConfig with_root(const TempDir& temp) {
  fs::create_directory(temp / "root");
  temp.write("root/file", "file");
  return ModuleConfig{}
      .with_args({"program"})
      .with_env("KEY", "value")
      .with_fs(FSConfig{}.with_directory(temp / "root", "/"));
}

// The tree that the program `confined` tries to leave.
ModuleConfig confined(const TempDir& temp) {
  auto config = with_root(temp);
  fs::create_directory(temp / "root/dir");
  fs::create_directory(temp / "outside");
  temp.write("outside/secret", "secret");
  fs::create_symlink("../outside", temp / "root/climbs");
  fs::create_symlink("/", temp / "root/absolute");
  return config;
}

void check_outside(const TempDir& temp) {
  CHECK(temp.read("outside/secret") == "secret");
  CHECK(std::distance(fs::directory_iterator{temp / "outside"}, fs::directory_iterator{}) == 1);
  CHECK(std::distance(fs::directory_iterator{temp.path()}, fs::directory_iterator{}) == 2);
}

}  // namespace

TEST_CASE("each pointer and length past the end of memory is EFAULT") {
  const TempDir temp;
  check_program("bad_pointers", with_root(temp));
  CHECK(temp.read("root/file") == "file");
}

TEST_CASE("each function answers at the edges of its values, and for descriptors of the wrong kind") {
  const TempDir temp;
  const auto config = with_root(temp);
  fs::create_symlink("file", temp / "root/link");
  check_program("edges", config);
}

TEST_CASE("each function needs the rights that the documents name, and no other") {
  const TempDir temp;
  const auto config = with_root(temp);
  fs::create_directory(temp / "root/dir");
  fs::create_symlink("file", temp / "root/link");
  const auto socket = ListeningSocket::open("127.0.0.1", 0);
  REQUIRE(socket);
  check_program("rights", config.with_listener(socket->descriptor()));
}

TEST_CASE("a read-only mount refuses every change, also through other mounts") {
  const TempDir temp;
  fs::create_directories(temp / "ro/dir");
  fs::create_directory(temp / "rw");
  temp.write("ro/file", "file");
  fs::create_symlink("file", temp / "ro/to_file");
  REQUIRE(::mkfifo((temp / "ro/fifo").c_str(), 0600) == 0);
  check_program("read_only",
                ModuleConfig{}.with_fs(
                    FSConfig{}.with_read_only_directory(temp / "ro", "/ro").with_directory(temp / "rw", "/rw")));
  CHECK(temp.read("ro/file") == "file");
  CHECK_FALSE(fs::exists(temp / "ro/new"));
  CHECK_FALSE(fs::exists(temp / "rw/stolen"));
}

TEST_CASE("no path leads out of a mount") {
  const TempDir temp;
  check_program("confined", confined(temp));
  check_outside(temp);
}

TEST_CASE("descriptors keep POSIX's numbers, and directories are read through any buffer") {
  const TempDir temp;
  const auto config = with_root(temp);
  fs::create_directory(temp / "root/many");
  for (int i = 0; i < 200; ++i)
    temp.write("root/many/" + std::to_string(i), "");
  check_program("descriptors", config);
}

TEST_CASE("rights, clocks, directories, sizes and times are as the documents say") {
  const TempDir temp;
  const auto config = with_root(temp);
  fs::create_directory(temp / "root/dir");
  for (int i = 0; i < 5; ++i)
    temp.write("root/dir/" + std::to_string(i), "");
  for (const auto& [name, seconds] :
       {std::pair<const char*, time_t>{"before_1970", -600'000'000}, {"year_2300", 10'413'792'000}}) {
    temp.write(std::string{"root/"} + name, "");
    const timespec times[] = {{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}};
    REQUIRE(::utimensat(AT_FDCWD, (temp / "root" / name).c_str(), times, 0) == 0);
  }
  check_program("conformance", config);
}

TEST_CASE("poll_oneoff waits for clocks and descriptors at once") {
  const TempDir temp;
  const auto config = with_root(temp);
  REQUIRE(::mkfifo((temp / "root/fifo").c_str(), 0600) == 0);
  check_program("polling", config, Input::open);
}

TEST_CASE("wasi_unstable has its own numbers and layouts") {
  const TempDir temp;
  check_program("preview0", with_root(temp));
}

TEST_CASE("no path leads out of a mount where openat2 is forbidden") {
  const TempDir temp;
  const auto config = confined(temp);
  std::thread{[&] {
    if (test::forbid_syscall(SYS_openat2, EPERM))
      check_program("confined", config);
    else
      MESSAGE("skipped: seccomp is not available");
  }}.join();
  check_outside(temp);
}

TEST_CASE("a lent socket accepts, and what it accepted sends and receives") {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};  // the kernel chooses an abstract name
  socklen_t length = sizeof(sa_family_t);
  const OwnedFd listening{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const OwnedFd peer{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(listening.get(), 1) == 0);
  length = sizeof address;
  REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  REQUIRE(::connect(peer.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::send(peer.get(), "hello", 5, 0) == 5);
  check_program("sockets", ModuleConfig{}.with_stdin(HostDescriptor{listening.get()}), Input::configured);
  char text[16];
  CHECK(::recv(peer.get(), text, sizeof text, MSG_WAITALL) == 8);
  CHECK(std::string_view{text, 8} == "good-bye");
}

TEST_CASE("TCP connections: blocking and not, peeked at, waited for in full, reset, ended") {
  const auto socket = ListeningSocket::open("localhost", 0);
  REQUIRE(socket);
  std::string heard;
  std::thread peer{[&] {
    const auto first = test::connect_to(*socket);
    test::send_all(first, "he");
    heard = test::receive_exactly(first, 5);  // "more!"
    test::send_all(first, "llo");
    heard += test::receive_exactly(first, 8);  // "and end."
    ::shutdown(first.get(), SHUT_WR);
    heard += test::receive_exactly(first, 1);  // nothing: the program has ended its side
    test::reset(test::connect_to(*socket));
  }};
  check_program("tcp", ModuleConfig{}.with_listener(socket->descriptor()));
  peer.join();
  CHECK(heard == "more!and end.");
}

TEST_CASE("a descriptor that does not listen cannot be given as a listener") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const OwnedFd one{ends[0]};
  const OwnedFd other{ends[1]};
  for (const int fd : {ends[0], -1}) {
    const auto outcome = test::run_program(fs::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/tcp.wasm",
                                           ModuleConfig{}.with_listener(HostDescriptor{fd}));
    CHECK(outcome.status == 125);
    CHECK(outcome.trap.starts_with("descriptor " + std::to_string(fd) + " for the program: "));
  }
}

TEST_CASE("calls that would wait for ever end when the runtime is interrupted") {
  constexpr auto kPatience = std::chrono::milliseconds{100};
  constexpr auto kAtMost = std::chrono::minutes{1};  // compiling included
  const TempDir temp;
  const auto config = with_root(temp);
  REQUIRE(::mkfifo((temp / "root/fifo").c_str(), 0600) == 0);
  for (const std::string way : {"read", "open", "sleep", "poll", "accept", "recv"}) {
    CAPTURE(way);
    const auto socket = ListeningSocket::open("127.0.0.1", 0);
    REQUIRE(socket);
    const auto silent = way == "recv" ? test::connect_to(*socket) : OwnedFd{};
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = test::run_program(fs::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/blocks.wasm",
                                           config.with_args({"blocks", way}).with_listener(socket->descriptor()),
                                           Input::open, kPatience);
    CHECK(std::chrono::steady_clock::now() - begin < kAtMost);
    CHECK(outcome.output == "");
    CHECK(outcome.status == 134);
    CHECK(outcome.trap.find("interrupted") != std::string::npos);
  }
}

TEST_CASE("a mount that is missing is an error that names it") {
  const TempDir temp;
  const auto config = ModuleConfig{}.with_fs(FSConfig{}.with_directory(temp / "missing", "/data"));
  const auto outcome = test::run_program(fs::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/polling.wasm", config);
  CHECK(outcome.status == 125);
  CHECK(outcome.trap.find((temp / "missing").string()) != std::string::npos);
  CHECK(outcome.trap.find("/data") != std::string::npos);
  CHECK(outcome.trap.find("No such file or directory") != std::string::npos);
}

TEST_CASE("of WASI only what is imported is there, if that is asked for") {
  Runtime runtime;
  const std::vector<External> imports = {{"wasi_snapshot_preview1", "fd_write", ExternalKind::function, ""},
                                         {"wasi_unstable", "fd_read", ExternalKind::function, ""},
                                         {"elsewhere", "fd_seek", ExternalKind::function, ""}};
  REQUIRE(wasi::instantiate_for(imports, runtime));
  const auto preview1 = runtime.module("wasi_snapshot_preview1"), preview0 = runtime.module("wasi_unstable");
  REQUIRE(preview1);
  REQUIRE(preview0);
  CHECK(preview1->exported_function("fd_write"));
  CHECK_FALSE(preview1->exported_function("fd_read"));
  CHECK_FALSE(preview1->exported_function("fd_seek"));
  CHECK(preview0->exported_function("fd_read"));
  CHECK_FALSE(preview0->exported_function("fd_write"));
}
