#include "claim.h"

#include "file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace wzrun::cache {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestPause = 20ms;

/// A locked file, removed at the end.
class Lock {
 public:
  Lock(int directory, std::string name, File file)
      : directory_(directory), name_(std::move(name)), file_(std::move(file)) {}
  // Those who wait for this file and get it find the entry made, and newcomers make a new file.
  ~Lock() { unlinkat(directory_, name_.c_str(), 0); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int directory_;
  std::string name_;
  File file_;
};

}  // namespace

CompilationCache::Claim claim(int directory, const Sha256Digest& key, std::chrono::minutes patience) {
  auto name = to_string(key).append(kLockSuffix);
  auto file = File::open(directory, name, O_RDWR | O_CREAT);
  if (!file)
    return nullptr;
  const auto end = std::chrono::steady_clock::now() + patience;
  std::chrono::milliseconds pause = 1ms;
  while (flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    if ((errno != EWOULDBLOCK && errno != EINTR) || std::chrono::steady_clock::now() >= end)
      return nullptr;
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
  }
  return std::make_shared<Lock>(directory, std::move(name), std::move(file));
}

}  // namespace wzrun::cache
