// What a program is given beside directories of the host: single files, and file systems of the embedder.

#include "temp_dir.h"
#include "wasi/program_support.h"
#include "wzrun/file_system.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

using namespace wzrun;
using test::TempDir;

namespace {

void check_program(const char* name, const FSConfig& fs) {
  const auto config = ModuleConfig{}.with_args({"program"}).with_env("KEY", "value").with_fs(fs);
  const auto outcome = test::run_program(
      std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / "wasi" / (std::string{name} + ".wasm"), config);
  CHECK(outcome.output == "ok\n");
  CHECK(outcome.errors == "");
  CHECK(outcome.trap == "");
  CHECK(outcome.status == 0);
}

/// Computes its bytes.
class Squares final : public FileNode {
 public:
  FileAnswer<FileStatus> status() override {
    return FileStatus{.kind = FileKind::file, .id = 2, .size_bytes = kSize, .modified_ns = 1};
  }
  FileAnswer<std::size_t> read(std::span<std::uint8_t> to, std::uint64_t offset) override {
    const auto size = std::min<std::uint64_t>(to.size(), kSize - std::min(kSize, offset));
    for (std::uint64_t i = 0; i < size; ++i)
      to[i] = static_cast<std::uint8_t>((offset + i) * (offset + i));
    return size;
  }

 private:
  static constexpr std::uint64_t kSize = 1000;
};

class Broken final : public FileNode {
 public:
  FileAnswer<FileStatus> status() override { return FileStatus{.kind = FileKind::file, .id = 3}; }
  FileAnswer<std::size_t> read(std::span<std::uint8_t>, std::uint64_t) override {
    return std::unexpected(std::errc::timed_out);
  }
};

class Loop final : public FileNode {
 public:
  FileAnswer<FileStatus> status() override { return FileStatus{.kind = FileKind::link, .id = 4}; }
  FileAnswer<std::string> target() override { return "loop"; }
};

class Root final : public FileNode {
 public:
  FileAnswer<FileStatus> status() override { return FileStatus{.kind = FileKind::directory, .id = 1}; }
  FileAnswer<std::shared_ptr<FileNode>> find(std::string_view name) override {
    if (name == "squares")
      return std::make_shared<Squares>();
    if (name == "broken")
      return std::make_shared<Broken>();
    if (name == "loop")
      return std::make_shared<Loop>();
    return std::unexpected(std::errc::no_such_file_or_directory);
  }
  FileAnswer<std::vector<FileEntry>> entries() override {
    return std::vector<FileEntry>{{"squares", FileKind::file, 2}, {"broken", FileKind::file, 3}};
  }
};

}  // namespace

TEST_CASE("single files are found in a directory of their own, each with its rights") {
  const TempDir temp;
  temp.write("first", "text");
  temp.write("second", "old");
  temp.write("third", "");
  std::filesystem::create_directory(temp / "rw");
  temp.write("rw/file", "file");
  check_program("mounted_files", FSConfig{}
                                     .with_read_only_file(temp / "first", "/data/in")
                                     .with_file(temp / "third", "other")
                                     .with_file(temp / "second", "/data/out")
                                     .with_directory(temp / "rw", "/rw"));
  CHECK(temp.read("first") == "text");
  CHECK(temp.read("second") == "written");
}

TEST_CASE("a single file cannot be given inside a directory that is given as a whole") {
  const TempDir temp;
  temp.write("file", "");
  const auto config =
      ModuleConfig{}.with_fs(FSConfig{}.with_directory(temp.path(), "/").with_file(temp / "file", "/a"));
  const auto outcome =
      test::run_program(std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/mounted_files.wasm", config);
  CHECK(outcome.status == 125);
  CHECK(outcome.trap.starts_with("no single file can be given in /, "));
}

TEST_CASE("what is no regular file cannot be given as a single one") {
  const TempDir temp;
  for (const auto* name : {"missing", "/dev/null", "."}) {
    const auto config = ModuleConfig{}.with_fs(FSConfig{}.with_file(temp.path() / name, "/a"));
    const auto outcome =
        test::run_program(std::filesystem::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/mounted_files.wasm", config);
    CHECK(outcome.status == 125);
    CHECK(outcome.trap.starts_with("cannot give file "));
  }
}

TEST_CASE("a program uses nodes of the embedder, whose errors it is told") {
  check_program("custom_files", FSConfig{}
                                    .with_read_only_file_system(std::make_shared<Root>(), "/")
                                    .with_file_system(memory_file_system(1000), "/memory"));
}

TEST_CASE("no path leads out of a file system in memory") {
  const auto outer = memory_file_system();
  REQUIRE(write_file(*outer, "root/file", "file"));
  REQUIRE(write_file(*outer, "outside/secret", "secret"));
  const auto root = *outer->find("root");
  REQUIRE(root->make_directory("dir"));
  REQUIRE(root->make_link("climbs", "../outside"));
  REQUIRE(root->make_link("absolute", "/"));
  check_program("confined", FSConfig{}.with_file_system(root, "/"));
  CHECK(read_file(*outer, "outside/secret") == "secret");
  CHECK((*outer->find("outside"))->entries()->size() == 1);
}

TEST_CASE("a read-only file system in memory refuses every change") {
  const auto ro = memory_file_system();
  REQUIRE(write_file(*ro, "file", "file"));
  REQUIRE(write_file(*ro, "fifo", ""));
  REQUIRE(ro->make_directory("dir"));
  REQUIRE(ro->make_link("to_file", "file"));
  const auto rw = memory_file_system();
  check_program("read_only", FSConfig{}.with_read_only_file_system(ro, "/ro").with_file_system(rw, "/rw"));
  CHECK(read_file(*ro, "file") == "file");
  CHECK(ro->entries()->size() == 4);
  CHECK(rw->entries()->size() == 1);
}

TEST_CASE("descriptors and directories of a file system in memory are as on the host") {
  const auto root = memory_file_system();
  for (int i = 0; i < 200; ++i)
    REQUIRE(write_file(*root, "many/" + std::to_string(i), ""));
  check_program("descriptors", FSConfig{}.with_file_system(root, "/"));
  REQUIRE(write_file(*root, "file", "file"));
  check_program("bad_pointers", FSConfig{}.with_file_system(root, "/"));
}

TEST_CASE("a memory file system gives back the room of what is removed, however deep") {
  const auto root = memory_file_system(100'000);
  auto directory = root;
  for (int i = 0; i < 90'000; ++i) {
    REQUIRE(directory->make_directory("d"));
    directory = *directory->find("d");
  }
  CHECK(write_file(*root, "file", std::string(20'000, 'x')).error() == std::errc::no_space_on_device);
  const auto other = memory_file_system();
  CHECK(root->rename("d", *other, "d").error() == std::errc::cross_device_link);
  CHECK(root->rename("d", *directory, "d").error() == std::errc::invalid_argument);
  CHECK(root->remove_directory("d").error() == std::errc::directory_not_empty);
}
