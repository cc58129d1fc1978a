// --trace prints the calls of WASI.

#include "cli/process_support.h"

#include <doctest/doctest.h>

#include <regex>
#include <string>

namespace wzrun::cli {
namespace {

/// The trace without the times, which are checked to be there.
std::string without_times(const std::string& trace) {
  static const std::regex kTime(" <[0-9]+\\.[0-9]{6}>\n");
  for (std::size_t at = 0; at < trace.size(); at = trace.find('\n', at) + 1)
    CHECK(std::regex_search(trace.substr(at, trace.find('\n', at) + 1 - at), kTime));
  return std::regex_replace(trace, kTime, "\n");
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("trace: one line for each call, arguments decoded, errors by name") {
  const TemporaryFolder folder;
  write_file(folder / "a", "text\n");
  const auto run = wzrun({"--trace", "wasi", "--dir", folder.path() + "::/data", program("file"), "r", "/data/a"});
  CHECK(run.out == "text\n");
  CHECK(run.status == 0);
  const auto trace = without_times(run.err);
  CHECK(contains(trace, "args_sizes_get() = 3, "));
  CHECK(contains(trace, "fd_prestat_get(3) = {DIR, name_len=5}\n"));
  CHECK(contains(trace, "fd_prestat_dir_name(3) = \"/data\"\n"));
  CHECK(contains(trace, "fd_prestat_get(4) = EBADF\n"));
  CHECK(contains(trace,
                 "path_open(3, SYMLINK_FOLLOW, \"a\", 0, ~(FD_DATASYNC|FD_WRITE|FD_ALLOCATE|FD_FILESTAT_SET_SIZE), "
                 "ALL, 0) = 4\n"));
  CHECK(contains(trace, "fd_read(4, [\"text\\n\"]) = 5\n"));
  CHECK(contains(trace, "fd_write(1, [\"text\", \"\\n\"]) = 5\n"));
  CHECK(contains(trace, "fd_fdstat_get(1) = {REGULAR_FILE, 0, rights="));
  const auto failed = wzrun({"--trace", "wasi", "--dir", folder.path() + "::/data", program("file"), "r", "/data/b"});
  CHECK(contains(failed.err, "path_open(3, SYMLINK_FOLLOW, \"b\", 0, ~("));
  CHECK(contains(failed.err, ", ALL, 0) = ENOENT <"));
  CHECK(contains(failed.err, "proc_exit(1) = ? <"));
}

TEST_CASE("trace: groups select calls") {
  const auto only = [](const std::string& groups) {
    return without_times(wzrun({"--trace", groups, program("args"), "x"}).err);
  };
  CHECK(only("clock").empty());
  CHECK(only("fs,poll").starts_with("fd_"));
  CHECK_FALSE(contains(only("fs"), "args_"));
  CHECK(contains(only("proc"), "args_get(0x"));
  CHECK_FALSE(contains(only("wasi,proc"), "fd_"));
}

TEST_CASE("trace: a call that does not return has no answer") {
  const auto run = wzrun({"--trace=poll", "--timeout=300ms", program("sleep")});
  CHECK(run.status == 124);
  CHECK(run.err.starts_with("poll_oneoff([{0x"));
  CHECK(contains(run.err, " ns}], 1) = ? <0."));
}

TEST_CASE("trace: bytes of the program are escaped") {
  const TemporaryFolder folder;
  const auto run = wzrun({"--trace=fs", "--dir", folder.path() + "::/d", program("file"), "r", "/d/\x1b[31m\"\n\xff"});
  CHECK(contains(run.err, "SYMLINK_FOLLOW, \"\\x1b[31m\\\"\\n\\xff\", 0, "));
}

TEST_CASE("trace: --trace-file takes it, alone or with groups") {
  const TemporaryFolder folder;
  const auto file = folder / "trace";
  const auto run = wzrun({"--trace-file", file, program("args"), "x"});
  CHECK(run.err.empty());
  CHECK(contains(read_file(file), "args_get(0x"));
  CHECK(wzrun({"--trace-file", file, "--trace=clock", program("args"), "x"}).err.empty());
  CHECK(read_file(file).empty());
}

TEST_CASE("trace: what cannot be traced or written is refused") {
  CHECK(wzrun({"--trace=files", program("args")}).err ==
        "wzrun: --trace: 'files' is not wasi, fs, clock, poll, proc, random or sock\n");
  CHECK(wzrun({"--trace=", program("args")}).status == 125);
  CHECK(wzrun({"--trace=fs,", program("args")}).status == 125);
  CHECK(wzrun({"--trace-file=/absent/file", program("args")}).err ==
        "wzrun: --trace-file: '/absent/file': No such file or directory\n");
}

}  // namespace wzrun::cli
