// What a program is given: directories, variables, streams, modules from pipes.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

namespace wzrun::cli {

TEST_CASE("given: nothing by default") {
  CHECK(wzrun({program("environ")}, {.environment = {"SECRET=1"}}).out.empty());
  const auto run = wzrun({program("file"), "r", "/etc/passwd"});
  CHECK(run.out.empty());
  CHECK(run.status == 1);
}

TEST_CASE("given: --dir gives a directory under its own name") {
  const TemporaryFolder folder;
  write_file(folder / "a", "text");
  CHECK(wzrun({program("file"), "--dir=" + folder.path(), "r", folder / "a"}).out == "text");
  CHECK(wzrun({program("file"), "--dir", ".", "r", "a"}, {.folder = folder.path()}).out == "text");
}

TEST_CASE("given: --dir HOST::GUEST gives it under another name") {
  const TemporaryFolder folder;
  CHECK(wzrun({program("file"), "--dir=" + folder.path() + "::/data", "w", "/data/a", "new"}).status == 0);
  CHECK(read_file(folder / "a") == "new");
}

TEST_CASE("given: a :ro directory can be read and not written") {
  const TemporaryFolder folder;
  write_file(folder / "a", "text");
  for (const auto& dir : {folder.path() + "::/data:ro", folder.path() + "::/data"}) {
    CHECK(wzrun({program("file"), "--dir=" + dir, "r", "/data/a"}).out == "text");
    CHECK(wzrun({program("file"), "--dir=" + dir, "w", "/data/b", "x"}).status == (dir.ends_with(":ro") ? 1 : 0));
  }
}

TEST_CASE("given: --dir gives a single file, as writable as is said") {
  const TemporaryFolder folder;
  write_file(folder / "a", "text");
  write_file(folder / "b", "other");
  CHECK(wzrun({program("file"), "--dir=" + (folder / "a::/in.txt:ro"), "r", "/in.txt"}).out == "text");
  CHECK(wzrun({program("file"), "--dir=" + (folder / "a::/in.txt:ro"), "w", "/in.txt", "x"}).status == 1);
  CHECK(wzrun({program("file"), "--dir=" + (folder / "a::/in.txt:ro"), "r", "/b"}).status == 1);
  CHECK(wzrun({program("file"), "--dir=a", "r", "a"}, {.folder = folder.path()}).out == "text");
  const auto both = "--dir=" + (folder / "b::/data/b");
  CHECK(wzrun({program("file"), "--dir=" + (folder / "a::/data/a"), both, "w", "/data/b", "new"}).status == 0);
  CHECK(read_file(folder / "b") == "new");
}

TEST_CASE("given: several directories") {
  const TemporaryFolder first, second;
  write_file(first / "a", "first");
  write_file(second / "a", "second");
  const auto read = [&](const char* path) {
    return wzrun({"--dir", first.path() + "::/1", program("file"), "--dir", second.path() + "::/2:ro", "r", path}).out;
  };
  CHECK(read("/1/a") == "first");
  CHECK(read("/2/a") == "second");
}

TEST_CASE("given: --env sets, copies and overrides variables") {
  const Setting setting{.environment = {"HOME=/home/me", "SECRET=1"}};
  CHECK(wzrun({program("environ"), "--env", "A=1", "--env=B=x=y", "--env=HOME"}, setting).out ==
        "A=1\nB=x=y\nHOME=/home/me\n");
  CHECK(wzrun({program("environ"), "--env=A=1", "--env=B=2", "--env=A=3"}, setting).out == "A=3\nB=2\n");
  CHECK(wzrun({program("environ"), "--env=A="}, setting).out == "A=\n");
  CHECK(wzrun({program("environ"), "--env=ABSENT"}, setting).out.empty());
}

TEST_CASE("given: --env-inherit copies all variables, and --env overrides them") {
  const auto run = wzrun({program("environ"), "--env-inherit", "--env=A=2"}, {.environment = {"A=1", "B=x"}});
  CHECK(run.out.starts_with("A=2\nB=x\nPATH="));
}

TEST_CASE("given: standard input and output are the program's") {
  const auto run = wzrun({program("cat")}, {.input = std::string("a\0b\n", 4)});
  CHECK(run.out == std::string("a\0b\n", 4));
  CHECK(run.status == 0);
}

TEST_CASE("given: a closed standard output is an error of the program's writes, and no other file takes its place") {
  const TemporaryFolder folder;
  const auto run = wzrun({program("cat"), "--dir=" + folder.path()}, {.input = "x", .out = Stream::closed});
  CHECK(run.status == 4);
  CHECK(run.err.empty());
}

TEST_CASE("given: a closed standard input is an error of the program's reads") {
  CHECK(wzrun({program("cat")}, {.in = Stream::closed}).status == 3);
}

TEST_CASE("given: a module on standard input") {
  CHECK(wzrun({"-", "x"}, {.input = read_file(program("args"))}).out == "-\nx\n");
  CHECK(wzrun({"--argv0=name", "-"}, {.input = read_file(program("args"))}).out == "name\n");
}

TEST_CASE("given: a module from a named pipe") {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] { write_file(pipe, read_file(program("args"))); });
  const auto run = wzrun({pipe, "--env=A=1", "x"});
  writer.join();
  CHECK(run.out == "pipe\nx\n");
}

TEST_CASE("given: a module from a descriptor of the shell") {
  const auto run =
      Process({"/bin/bash", "-c", "exec \"$0\" <(cat \"$1\") x", WZRUN_EXECUTABLE, program("args")}).wait();
  CHECK(run.out.ends_with("\nx\n"));
}

}  // namespace wzrun::cli
