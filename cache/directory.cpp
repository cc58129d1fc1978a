#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace wzrun {
namespace {

constexpr mode_t kPrivate = 0700;

/// Marks the directory for programs that make backups. Source: the Cache Directory Tagging Specification.
void add_tag(int directory) {
  constexpr std::string_view kTag =
      "Signature: 8a477f597d28d172789f06886806bc55\n"
      "# Compiled code that wzrun can make again. See `wzrun cache --help`.\n";
  const auto file = cache::File::open(directory, cache::kTagName, O_WRONLY | O_CREAT | O_EXCL);
  if (file)
    file.write_at(0, {reinterpret_cast<const std::uint8_t*>(kTag.data()), kTag.size()});
}

/// Makes the directory and those above it that are missing.
bool make_directories(const std::string& path) {
  if (mkdir(path.c_str(), kPrivate) == 0 || errno == EEXIST)
    return true;
  const auto slash = path.find_last_not_of('/') == std::string::npos ? 0 : path.rfind('/', path.find_last_not_of('/'));
  if (errno != ENOENT || slash == std::string::npos || slash == 0)
    return false;
  if (!make_directories(path.substr(0, slash)))
    return false;
  return mkdir(path.c_str(), kPrivate) == 0 || errno == EEXIST;
}

}  // namespace

std::expected<void, DirectoryCache::Refusal> DirectoryCache::Directory::open() {
  const std::lock_guard lock(mutex_);
  return open_locked();
}

std::expected<void, DirectoryCache::Refusal> DirectoryCache::Directory::open_locked() {
  if (file_)
    return {};
  cache::File file(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT)
      return {};
    return std::unexpected(Refusal{strerror(errno), errno == ENOTDIR});
  }
  struct stat status{};
  if (fstat(file.fd(), &status) != 0)
    return std::unexpected(Refusal{strerror(errno)});
  if (status.st_uid != geteuid() && status.st_uid != 0)
    return std::unexpected(Refusal{fmt::format("belongs to user {}", status.st_uid), true});
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return std::unexpected(Refusal{fmt::format("others may write to it (mode {:03o})", status.st_mode & 0777), true});
  file_ = std::move(file);
  return {};
}

std::expected<int, std::string> DirectoryCache::Directory::open_or_make() {
  const std::lock_guard lock(mutex_);
  if (file_)
    return file_.fd();
  const bool made = make_directories(path_);
  const int error = errno;
  if (const auto opened = open_locked(); !opened)
    return std::unexpected(opened.error().reason);
  if (!made || !file_)
    return std::unexpected(strerror(error));
  add_tag(file_.fd());
  return file_.fd();
}

void DirectoryCache::Directory::remove() {
  const std::lock_guard lock(mutex_);
  if (rmdir(path_.c_str()) == 0)
    file_ = {};
}

int DirectoryCache::Directory::fd() {
  const std::lock_guard lock(mutex_);
  return file_.fd();
}

void cache::for_each_name(int directory, const std::function<void(const std::string&)>& visit) {
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (!stream)
    return;
  while (const auto* entry = readdir(stream.get())) {
    if (const std::string name = entry->d_name; name != "." && name != "..")
      visit(name);
  }
}

}  // namespace wzrun
