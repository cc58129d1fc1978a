#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace wzrun::test {

/// All that can be seen of a tree, as text: names, kinds, permissions, links, owners, times of change, contents. Not
/// when it was read last, which is the host's business.
inline std::string tree_snapshot(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::vector<fs::path> paths{root};
  for (const auto& entry : fs::recursive_directory_iterator{root})
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::string text;
  for (const auto& path : paths) {
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0)
      std::abort();
    text += path.string();
    for (const auto number :
         {std::uint64_t{status.st_ino}, std::uint64_t{status.st_mode}, std::uint64_t{status.st_nlink},
          std::uint64_t{status.st_uid}, std::uint64_t{status.st_gid}, std::uint64_t{status.st_rdev},
          static_cast<std::uint64_t>(status.st_size)})
      text += ' ' + std::to_string(number);
    for (const auto& time : {status.st_mtim, status.st_ctim})
      text += ' ' + std::to_string(time.tv_sec) + '.' + std::to_string(time.tv_nsec);
    if (S_ISLNK(status.st_mode))
      text += " -> " + fs::read_symlink(path).string();
    if (S_ISREG(status.st_mode)) {
      std::ifstream in{path, std::ios::binary};
      text += ' ' + std::string{std::istreambuf_iterator<char>{in}, {}};
    }
    text += '\n';
  }
  return text;
}

}  // namespace wzrun::test
