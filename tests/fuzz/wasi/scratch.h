#pragma once

#include "tests/temp_dir.h"
#include "tests/tree_snapshot.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The directories that a fuzzed program gets, and what lies beside them.
namespace wzrun::fuzz {

/// `root` and `ro` are given to the program; `outside`, with a secret that nobody can guess in it, is not.
class Scratch {
 public:
  Scratch() {
    namespace fs = std::filesystem;
    std::array<std::uint8_t, 16> bits{};
    if (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size()))
      std::abort();
    for (const auto bit : bits)
      secret_ += static_cast<char>('A' + bit % 26);
    for (const auto* folder : {"root", "root/dir", "ro", "ro/dir", "outside", "outside/dir"})
      fs::create_directory(temp_ / folder);
    temp_.write("outside/secret", secret_);
    temp_.write("outside/" + secret_, "named");
    for (const std::string mount : {"root", "ro"}) {
      temp_.write(mount + "/file", "contents of a file");
      temp_.write(mount + "/dir/inner", "inner");
      link("../outside", mount + "/up");
      link((temp_ / "outside").string(), mount + "/absolute");
      link("file", mount + "/to_file");
      link("dir", mount + "/to_dir");
      link("ring", mount + "/ring");
      if (::mkfifo((temp_ / (mount + "/fifo")).c_str(), 0600) != 0)
        std::abort();
    }
    outside_ = listing("outside");
    read_only_ = listing("ro");
    beside_ = names();
  }

  std::filesystem::path root() const { return temp_ / "root"; }
  std::filesystem::path read_only() const { return temp_ / "ro"; }
  const std::string& secret() const { return secret_; }
  /// What is no longer as it was outside the writable directory; empty if nothing is.
  std::string changes() const {
    if (listing("outside") != outside_)
      return "outside";
    if (listing("ro") != read_only_)
      return "the read-only directory";
    return names() == beside_ ? "" : "beside the directories";
  }

 private:
  void link(const std::string& text, const std::string& name) { std::filesystem::create_symlink(text, temp_ / name); }

  std::string listing(const char* folder) const { return test::tree_snapshot(temp_ / folder); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{temp_.path()})
      found.push_back(entry.path().filename());
    return found;
  }

  test::TempDir temp_;
  std::string secret_;
  std::string outside_;
  std::string read_only_;
  std::vector<std::string> beside_;
};

}  // namespace wzrun::fuzz
