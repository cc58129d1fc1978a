// Modules that begin with a shebang line, run by the kernel.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace wzrun::cli {
namespace {

/// An executable script with this first line and the module `name`.
std::string script(const TemporaryFolder& folder, const std::string& line, const std::string& name) {
  const auto path = folder / "script";
  write_file(path, line + "\n" + read_file(program(name)));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

TEST_CASE("script: every word after the path is the program's") {
  const TemporaryFolder folder;
  const auto path = script(folder, "#!" WZRUN_EXECUTABLE, "args");
  const auto run = Process({path, "--dir=.", "--help", "--", "x"}).wait();
  CHECK(run.out == "script\n--dir=.\n--help\n--\nx\n");
  CHECK(run.status == 0);
}

TEST_CASE("script: one option in the line") {
  const TemporaryFolder folder;
  const auto path = script(folder, "#!" WZRUN_EXECUTABLE " --env=A=1", "environ");
  CHECK(Process({path}).wait().out == "A=1\n");
}

TEST_CASE("script: several options through env -S") {
  const TemporaryFolder folder;
  const auto path = script(folder, "#!/usr/bin/env -S " WZRUN_EXECUTABLE " --env=A=1 --env B=2", "environ");
  CHECK(Process({path}).wait().out == "A=1\nB=2\n");
}

TEST_CASE("script: it runs, validates and is inspected by name too") {
  const TemporaryFolder folder;
  const auto path = script(folder, "#!/usr/bin/env wzrun", "args");
  CHECK(wzrun({"--env=A=1", path, "-v", "x"}).out == "script\n-v\nx\n");
  CHECK(wzrun({"validate", path}).status == 0);
  CHECK(wzrun({"inspect", path}).status == 0);
}

TEST_CASE("script: its exit status is the program's") {
  const TemporaryFolder folder;
  CHECK(Process({script(folder, "#!" WZRUN_EXECUTABLE, "exit"), "77"}).wait().status == 77);
}

}  // namespace wzrun::cli
