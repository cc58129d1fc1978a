// A program opens and changes through a directory that somebody else swaps for a link outside, again and again.

#include "forbid_syscall.h"
#include "temp_dir.h"
#include "tree_snapshot.h"
#include "wasi/owned_fd.h"
#include "wasi/program_support.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdio.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>

namespace fs = std::filesystem;
using namespace wzrun;
using test::TempDir;

namespace {

constexpr int kSwaps = 100'000;

/// Once the program has begun, or ended, swaps the directory and the link kSwaps times, then tells it that it may end.
void swap_again_and_again(const TempDir& temp, const std::atomic<bool>& ended, int& failed) {
  while (!fs::exists(temp / "root/begun") && !ended)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const wasi::OwnedFd root{::open((temp / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for (int i = 0; i < kSwaps; ++i)
    failed += ::renameat2(root.get(), "swap", root.get(), "other", RENAME_EXCHANGE) == 0 ? 0 : 1;
  temp.write("root/done", "");
}

void race() {
  const TempDir temp;
  for (const auto* folder : {"root/dir", "root/swap", "outside/folder"})
    fs::create_directories(temp / folder);
  temp.write("root/file", "");
  temp.write("root/swap/secret", "inside");
  temp.write("outside/secret", "the secret");
  fs::create_symlink("../outside", temp / "root/other");
  const auto before = test::tree_snapshot(temp / "outside");
  int failed = 0;
  std::atomic<bool> ended{false};
  std::thread swapper{[&] { swap_again_and_again(temp, ended, failed); }};
  const auto outcome = test::run_program(fs::path(WZRUN_TESTDATA_WASM_DIR) / "wasi/racing.wasm",
                                         ModuleConfig{}.with_fs(FSConfig{}.with_directory(temp / "root", "/")),
                                         test::Input::ended, std::chrono::minutes{5});
  ended = true;
  swapper.join();
  CHECK(failed == 0);
  CHECK(test::tree_snapshot(temp / "outside") == before);
  CHECK(outcome.status == 0);
  CHECK(outcome.trap == "");
  CAPTURE(outcome.output);
  std::istringstream counts{outcome.output};
  int opened = 0;
  int refused = 0;
  counts >> opened >> refused;
  CHECK(opened > 0);
  CHECK(refused > 0);
  MESSAGE(kSwaps, " swaps: ", opened, " opens inside, ", refused, " refused, none outside");
}

}  // namespace

TEST_CASE("race: a directory that is swapped for a link outside lets nothing out, with openat2") { race(); }

TEST_CASE("race: a directory that is swapped for a link outside lets nothing out, without openat2") {
  std::thread{[] {
    if (test::forbid_syscall(SYS_openat2, EPERM))
      race();
    else
      MESSAGE("skipped: seccomp is not available");
  }}.join();
}
