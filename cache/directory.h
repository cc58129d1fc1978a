#pragma once

#include "file.h"

#include "wzrun/directory_cache.h"

#include <expected>
#include <functional>
#include <mutex>
#include <string>

namespace wzrun {

/// The directory itself: opened once, so that what is checked and what is used are the same.
class DirectoryCache::Directory {
 public:
  explicit Directory(std::string path) : path_(std::move(path)) {}

  /// Opens it if it exists. Errors: it is refused or cannot be opened; that it does not exist is none.
  std::expected<void, Refusal> open();
  /// Opens it, after making it if need be. Errors: in words.
  std::expected<int, std::string> open_or_make();
  /// Removes it if nothing is in it.
  void remove();
  /// The open directory, or -1: it does not exist.
  int fd();

 private:
  std::expected<void, Refusal> open_locked();

  std::string path_;
  std::mutex mutex_;
  cache::File file_;
};

namespace cache {

inline constexpr const char* kTagName = "CACHEDIR.TAG";

/// Calls back for the name of everything in the directory but `.` and `..`.
void for_each_name(int directory, const std::function<void(const std::string&)>& visit);

}  // namespace cache

}  // namespace wzrun
