#include "runtime/code_arena.h"

#include "runtime/new_code.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>

namespace wzrun::runtime {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;

bool write_all(int file, std::span<const std::uint8_t> bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const auto count = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::size_t>(count);
  }
  return true;
}

/// -1 if there can be none.
int create_file() {
  // Beyond the limit of files writing would end the process.
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < kChunkBytes)
    return -1;
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, since Linux 6.3
  if (const int file = memfd_create("wzrun-code", MFD_CLOEXEC | kExecutable); file >= 0 || errno != EINVAL)
    return file;
  return memfd_create("wzrun-code", MFD_CLOEXEC);
}

}  // namespace

/// A file in memory, and its pages, executable.
class CodeArena::Chunk {
 public:
  Chunk() : file_(create_file()) {
    if (file_ < 0 || ftruncate(file_, kChunkBytes) != 0)
      return;
    auto* const begin = mmap(nullptr, kChunkBytes, PROT_READ | PROT_EXEC, MAP_SHARED, file_, 0);
    if (begin != MAP_FAILED)
      begin_ = static_cast<const std::uint8_t*>(begin);
  }
  ~Chunk() {
    if (begin_ != nullptr)
      munmap(const_cast<std::uint8_t*>(begin_), kChunkBytes);
    if (file_ >= 0)
      close(file_);
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  explicit operator bool() const { return begin_ != nullptr; }
  /// Null if the system refuses to.
  const std::uint8_t* put(std::span<const std::uint8_t> code, std::size_t offset) const {
    if (!write_all(file_, code, offset))
      return nullptr;
    const auto* const at = begin_ + offset;
    announce_new_code({at, code.size()});
    return at;
  }

 private:
  int file_;
  const std::uint8_t* begin_ = nullptr;
};

std::shared_ptr<const std::uint8_t> CodeArena::add(std::span<const std::uint8_t> code) {
  if (code.size() > kLargestPiece)
    return nullptr;
  const std::scoped_lock lock(mutex_);
  if (is_refused_)
    return nullptr;
  if (chunk_ == nullptr || kChunkBytes - used_ < code.size()) {
    chunk_ = std::make_shared<const Chunk>();
    used_ = 0;
  }
  const auto* const at = *chunk_ ? chunk_->put(code, used_) : nullptr;
  if (at == nullptr) {
    is_refused_ = true;
    return nullptr;
  }
  used_ += (code.size() + kAlignment - 1) / kAlignment * kAlignment;
  return {chunk_, at};
}

}  // namespace wzrun::runtime
