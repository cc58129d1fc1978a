// Programs that ask for as much as they can get an answer, and wzrun's own memory does not grow with what they ask for.

#include "cli/process_support.h"
#include "temp_dir.h"

#include <doctest/doctest.h>
#include <link.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace wzrun::cli {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

constexpr std::uint64_t kMiB = 1 << 20;

std::string wasi_program(const std::string& name) { return WZRUN_TESTDATA_WASM_DIR "/wasi/" + name + ".wasm"; }

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kOwnBytes = 512 * kMiB;  // with shadow memory, and 256 MiB that were freed
#else
constexpr std::uint64_t kOwnBytes = 16 * kMiB;  // 5 for a program that asks for nothing
#endif

/// What the program `hungry` must get, in the way that it is told to ask. wzrun's own memory, its peak beyond what the
/// program takes, stays small.
void check_hungry(const std::string& way, const fs::path& root, std::uint64_t program_bytes, const std::string& answers,
                  const std::vector<std::string>& options = {}) {
  std::vector<std::string> arguments = {"--interpreter", "--cache=off", "--stats=json", "--dir", root.string() + "::/"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), {wasi_program("hungry"), way});
  const auto run = wzrun(arguments);
  CHECK(run.status == 0);
  CHECK(run.out == answers);
  CAPTURE(run.err);
  const auto stats = nlohmann::json::parse(run.err, nullptr, false);
  REQUIRE_FALSE(stats.is_discarded());
  const auto peak = stats["peak_memory_bytes"].get<std::uint64_t>();
  MESSAGE(way, ": peak memory ", peak / kMiB, " MiB, of it the program's at most ", program_bytes / kMiB, " MiB");
  CHECK(peak - std::min(peak, program_bytes) < kOwnBytes);
}

/// A directory in memory, where a million links to one file are made quickly.
class ManyEntries {
 public:
  static constexpr int kCount = 1'000'000;

  ManyEntries() {
    struct statfs system;
    if (::statfs("/dev/shm", &system) != 0 || system.f_type != TMPFS_MAGIC)
      return;
    std::string name = "/dev/shm/wzrun-test-XXXXXX";
    root_ = ::mkdtemp(name.data()) != nullptr ? name : "";
    if (root_.empty())
      return;
    fs::create_directory(root_ / "many");
    const auto file = (root_ / "file").string();
    std::ofstream(file) << "";
    for (int i = 0; i < kCount; ++i)
      if (::link(file.c_str(), (root_ / "many" / std::to_string(i)).c_str()) != 0)
        return;
    complete_ = true;
  }
  ~ManyEntries() {
    std::error_code ignored;
    if (!root_.empty())
      fs::remove_all(root_, ignored);
  }
  ManyEntries(const ManyEntries&) = delete;
  ManyEntries& operator=(const ManyEntries&) = delete;

  const fs::path& root() const { return root_; }
  bool complete() const { return complete_; }

 private:
  fs::path root_;
  bool complete_ = false;
};

}  // namespace

TEST_CASE("resources: a million buffers are read and written, 2^32 - 1 are EFAULT") {
  const TempDir temp;
  check_hungry("buffers", temp.path(), 9 * kMiB, "0 16000000\n0 16000000\n0 16\n21 0\n");
}

TEST_CASE("resources: a million subscriptions get a million events") {
  const TempDir temp;
  check_hungry("subscriptions", temp.path(), 77 * kMiB, "0 1000000\n");
}

TEST_CASE("resources: 64 MiB of random bytes are there, and 4 GiB that memory lacks are EFAULT") {
  const TempDir temp;
  check_hungry("random", temp.path(), 65 * kMiB, "0 67108864\n21 0\n");
}

TEST_CASE("resources: a million entries are listed") {
  const ManyEntries entries;
  if (!entries.complete()) {
    MESSAGE("skipped: /dev/shm cannot take a million names");
    return;
  }
  check_hungry("entries", entries.root(), 2 * kMiB, "0 1000002\n");
}

TEST_CASE("resources: hundreds of directories open and read at once take no buffer each") {
  const TempDir temp;
  check_hungry("directories", temp.path(), 2 * kMiB, "33 896\n", {"--max-descriptors=900"});
}

TEST_CASE("resources: at --max-descriptors there is EMFILE, and nothing is made") {
  const TempDir temp;
  check_hungry("last_descriptor", temp.path(), 2 * kMiB, "33 0\n33 0\n44 0\n", {"--max-descriptors=20"});
  const auto none = wzrun({"--max-descriptors=3", "--dir=/tmp", wasi_program("hungry")});
  CHECK(none.status == 125);
  CHECK(none.err.find("limit of 3 descriptors") != std::string::npos);
  CHECK(wzrun({"--max-descriptors=many", wasi_program("hungry")}).status == 125);
  CHECK(wzrun({"--max-descriptors=-1", wasi_program("hungry")}).status == 125);
}

TEST_CASE("resources: a full disk is ENOSPC, another file system EXDEV") {
  const TempDir temp;
  fs::create_directory(temp / "disk");
  const auto run = [&](const std::string& command) {
    const auto script = "mount -t tmpfs -o size=1m none \"$1\" || exit 77; shift; exec " + command;
    return Process({"unshare", "-m", "/bin/sh", "-c", script, "sh", (temp / "disk").string(), WZRUN_EXECUTABLE,
                    temp.path().string()})
        .wait();
  };
  const auto full = run("\"$1\" --dir \"$2/disk::/\" " + wasi_program("hungry") + " disk");
  if (full.status == 77 || (full.status == 1 && full.out.empty())) {
    MESSAGE("skipped: this process cannot mount");
    return;
  }
  CHECK(full.out == "51 1\n51 0\n0 0\n");
  temp.write("file", "");
  const auto across = run("\"$1\" --dir \"$2::/a\" --dir \"$2/disk::/b\" " + wasi_program("attempt") +
                          " 'rename 3 file 4 new' 'link 3 file 4 new'");
  CHECK(across.err == "75\n75\n");
}

TEST_CASE("resources: --max-memory bounds all memories together") {
  for (const std::string engine : {"interp", "llvm"}) {
    CAPTURE(engine);
    const auto grow = [&](const std::string& pages) {
      return wzrun({"--engine", engine, "--cache=off", "--max-memory=1MiB", "--invoke=both", program("several"), pages})
          .out;
    };
    CHECK(grow("7") == "1\n1\n");
    CHECK(grow("8") == "1\n-1\n");
    CHECK(grow("15") == "-1\n-1\n");
  }
}

TEST_CASE("resources: --max-table-elements bounds all tables together") {
  for (const std::string engine : {"interp", "llvm"}) {
    CAPTURE(engine);
    const auto grow = [&](const std::string& limit, const std::string& elements) {
      return wzrun({"--engine", engine, "--cache=off", "--max-table-elements", limit, "--invoke=both_tables",
                    program("several"), elements});
    };
    CHECK(grow("100", "49").out == "1\n1\n");
    CHECK(grow("100", "50").out == "1\n-1\n");
    CHECK(grow("100", "99").out == "-1\n-1\n");
    CHECK(grow("18446744073709551615", "-1").out == "-1\n-1\n");
    const auto refused = grow("1", "0");
    CHECK(refused.status == 125);
    CHECK(refused.err.find("table of 1 elements: the limit is 0") != std::string::npos);
  }
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST_CASE("a start relocates few pages of the executable") {
  std::ifstream executable(WZRUN_EXECUTABLE, std::ios::binary);
  ElfW(Ehdr) header{};
  executable.read(reinterpret_cast<char*>(&header), sizeof header);
  executable.seekg(static_cast<std::streamoff>(header.e_phoff));
  std::vector<ElfW(Phdr)> segments(header.e_phnum);
  executable.read(reinterpret_cast<char*>(segments.data()),
                  static_cast<std::streamsize>(segments.size() * sizeof(ElfW(Phdr))));
  REQUIRE(executable);
  const auto relocated = std::ranges::find(segments, static_cast<ElfW(Word)>(PT_GNU_RELRO), &ElfW(Phdr)::p_type);
  REQUIRE(relocated != segments.end());
  CHECK(relocated->p_memsz <= 48U << 10);  // 108 KiB before tables of handlers and names did without addresses
}
#endif

}  // namespace wzrun::cli
