#pragma once

#include "wzrun/directory_cache.h"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::test {

using Bytes = std::vector<std::uint8_t>;

/// A key made of a name.
Sha256Digest key_named(std::string_view name);
/// `size` bytes that depend on `seed`.
Bytes bytes_of(std::size_t size, unsigned seed = 1);

std::shared_ptr<DirectoryCache> open_cache(const std::filesystem::path& path);
bool store(CompilationCache& cache, std::string_view name, const Bytes& bytes, std::string_view description = "test");
/// What the cache has under a name, read in full.
std::optional<Bytes> found(CompilationCache& cache, std::string_view name);
/// The reason of a miss, empty for a hit.
std::string miss(CompilationCache& cache, std::string_view name);

std::filesystem::path entry_path(const std::filesystem::path& directory, std::string_view name);
/// Names in a directory that begin or end with a text.
std::size_t count_files(const std::filesystem::path& directory, std::string_view part);
/// Makes a file's times this many seconds older.
void make_older(const std::filesystem::path& path, std::int64_t seconds);

/// Runs `body` in a process of its own, which ends with the status that it returns.
class Child {
 public:
  explicit Child(const std::function<int()>& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void kill() const;
  /// Exit status, or the negated signal.
  int wait();

 private:
  pid_t pid_ = -1;
};

/// A small file system in memory, mounted for the test's life. Needs root.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& path, const std::string& options);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_mounted() const { return mounted_; }
  bool make_read_only() const;

 private:
  std::string path_;
  bool mounted_ = false;
};

}  // namespace wzrun::test
