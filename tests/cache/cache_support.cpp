#include "cache/cache_support.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <random>
#include <span>

namespace wzrun::test {

Sha256Digest key_named(std::string_view name) {
  Sha256 hash;
  hash.update(name);
  return hash.finish();
}

Bytes bytes_of(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>(random() >> 8);
  return bytes;
}

std::shared_ptr<DirectoryCache> open_cache(const std::filesystem::path& path) {
  auto cache = DirectoryCache::open({.path = path.string()});
  return cache ? *cache : nullptr;
}

bool store(CompilationCache& cache, std::string_view name, const Bytes& bytes, std::string_view description) {
  // In two parts, as images and modules are.
  const std::span all(bytes);
  const std::span<const std::uint8_t> parts[] = {all.first(bytes.size() / 3), all.subspan(bytes.size() / 3)};
  return cache.store(key_named(name), parts, description).has_value();
}

std::optional<Bytes> found(CompilationCache& cache, std::string_view name) {
  const auto entry = cache.find(key_named(name));
  if (!entry)
    return std::nullopt;
  Bytes bytes(entry->size_bytes());
  if (pread(entry->fd(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return std::nullopt;
  return bytes;
}

std::string miss(CompilationCache& cache, std::string_view name) {
  const auto entry = cache.find(key_named(name));
  return entry ? "" : entry.error();
}

std::filesystem::path entry_path(const std::filesystem::path& directory, std::string_view name) {
  return directory / (to_string(key_named(name)) + ".wzrun");
}

std::size_t count_files(const std::filesystem::path& directory, std::string_view part) {
  std::size_t count = 0;
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(directory, ignored)) {
    const auto name = file.path().filename().string();
    count += name.starts_with(part) || name.ends_with(part) ? 1 : 0;
  }
  return count;
}

void make_older(const std::filesystem::path& path, std::int64_t seconds) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0)
    return;
  timespec times[2] = {status.st_atim, status.st_mtim};
  times[0].tv_sec -= seconds;
  times[1].tv_sec -= seconds;
  utimensat(AT_FDCWD, path.c_str(), times, 0);
}

Child::Child(const std::function<int()>& body) : pid_(fork()) {
  if (pid_ == 0)
    _exit(body());
}

Child::~Child() {
  if (pid_ > 0) {
    kill();
    wait();
  }
}

void Child::kill() const { ::kill(pid_, SIGKILL); }

int Child::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

SmallDisk::SmallDisk(const std::filesystem::path& path, const std::string& options) : path_(path.string()) {
  std::filesystem::create_directory(path);
  mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, ("mode=0700," + options).c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_)
    umount2(path_.c_str(), MNT_DETACH);
}

bool SmallDisk::make_read_only() const {
  return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
}

}  // namespace wzrun::test
