// What would allow a denied access is said to people.

#include "cli/process_support.h"
#include "cli/terminal_support.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace wzrun::cli {
namespace {

std::string notes(const std::string& errors) {
  std::string found;
  for (std::size_t at = 0; at < errors.size();) {
    const auto end = errors.find('\n', at) + 1;
    if (errors.compare(at, 12, "wzrun: note:") == 0)
      found += errors.substr(at, end - at);
    at = end == 0 ? errors.size() : end;
  }
  return found;
}

std::string verbose_notes(const std::vector<std::string>& arguments) {
  auto words = std::vector<std::string>{"-v", program("file")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return notes(wzrun(words).err);
}

/// The notes of a program that reads or writes a path, in a folder that it has as /data.
std::string notes_in(const TemporaryFolder& folder, const std::string& rights, const std::vector<std::string>& way) {
  std::vector<std::string> words = {"--dir", folder.path() + "::/data" + rights};
  words.insert(words.end(), way.begin(), way.end());
  return verbose_notes(words);
}

}  // namespace

TEST_CASE("notes: a path that leads out of a directory, with the option that gives what it means") {
  const TemporaryFolder folder;
  CHECK(notes_in(folder, "", {"r", "/data/../../etc/hosts"}) ==
        "wzrun: note: the program asked for /data/../../etc/hosts; no directory covers it "
        "(allow with --dir /etc::/etc:ro)\n");
}

TEST_CASE("notes: a link that leads out of its directory") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/etc", folder / "link");
  CHECK(notes_in(folder, "", {"r", "/data/link/hosts"}) ==
        "wzrun: note: the program asked for /data/link/hosts; a link on the way leads out of /data\n");
}

TEST_CASE("notes: a change of what was given read-only") {
  const TemporaryFolder folder;
  CHECK(notes_in(folder, ":ro", {"w", "/data/new", "x"}) ==
        "wzrun: note: the program wanted to change /data/new, which it was given read-only (allow with --dir " +
            folder.path() + "::/data)\n");
}

TEST_CASE("notes: an argument that names a file outside of all directories, once") {
  const TemporaryFolder folder;
  write_file(folder / "a", "text");
  const auto expected = "wzrun: note: the program was told of " + (folder / "a") +
                        "; no directory covers it (allow with --dir " + folder.path() + "::" + folder.path() + ":ro)\n";
  CHECK(verbose_notes({"r", folder / "a", folder / "a"}) == expected);
  CHECK(verbose_notes({"--dir=/usr", "r", folder / "a"}) == expected);
  CHECK(verbose_notes({"--dir", folder.path(), "r", folder / "absent"}).empty());
  CHECK(verbose_notes({"r", "/absent/file"}).empty());
  const auto relative = Process(wzrun_command({"-v", program("file"), "r", "a"}), {.folder = folder.path()}).wait();
  CHECK(notes(relative.err) ==
        "wzrun: note: the program was told of a; no directory covers it (allow with --dir .::.:ro)\n");
}

TEST_CASE("notes: a program that succeeds is told nothing") {
  CHECK(notes(wzrun({"-v", program("args"), "/etc/hosts"}).err).empty());
}

TEST_CASE("notes: bytes that a terminal would obey are escaped") {
  const TemporaryFolder folder;
  CHECK(notes_in(folder, "", {"r", "/data/../\x1b[31m/x"}) ==
        "wzrun: note: the program asked for /data/../\\1b[31m/x; no directory covers it "
        "(allow with --dir '/\\1b[31m::/\\1b[31m:ro')\n");
}

TEST_CASE("notes: a terminal shows them, a pipe or file does not get them") {
  const TemporaryFolder folder;
  const std::vector<std::string> words = {program("file"), "--dir", folder.path() + "::/data", "r", "/data/../x"};
  CHECK(notes(wzrun(words).err).empty());
  const Terminal terminal;
  CHECK(Process(wzrun_command(words), {.err = Stream::given, .err_fd = terminal.fd()}).wait().status == 1);
  CHECK(terminal.shown().find("wzrun: note: the program asked for /data/../x; no directory covers it (allow with "
                              "--dir /::/:ro)\r\n") != std::string::npos);
}

}  // namespace wzrun::cli
