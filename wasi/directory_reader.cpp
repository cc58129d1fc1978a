#include "directory_reader.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace wzrun::wasi {
namespace {

// linux_dirent64 has no header of its own: 8 bytes inode, 8 bytes next position, 2 bytes length, 1 byte type, name,
// NUL.
constexpr std::size_t kNextAt = 8;
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kTypeAt = 18;
constexpr std::size_t kNameAt = 19;

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

Filetype filetype_of_entry(std::uint8_t type) {
  switch (type) {
    case DT_REG:
      return Filetype::regular_file;
    case DT_DIR:
      return Filetype::directory;
    case DT_LNK:
      return Filetype::symbolic_link;
    case DT_CHR:
      return Filetype::character_device;
    case DT_BLK:
      return Filetype::block_device;
    case DT_SOCK:
      return Filetype::socket_stream;
    default:
      return Filetype::unknown;
  }
}

}  // namespace

Status DirectoryReader::seek(int fd, std::uint64_t cookie) {
  if (cookie != 0 && cookie == cookie_)
    return {};
  begin_ = end_ = 0;
  cookie_.reset();
  if (::lseek(fd, static_cast<off_t>(cookie), SEEK_SET) < 0)
    return fail_host();
  cookie_ = cookie;
  return {};
}

Try<const DirectoryReader::Item*> DirectoryReader::peek(int fd) {
  if (begin_ == end_) {
    const auto length = ::syscall(SYS_getdents64, fd, buffer_.data(), buffer_.size());
    if (length < 0)
      return fail_host();
    if (length == 0)
      return nullptr;
    begin_ = 0;
    end_ = static_cast<std::size_t>(length);
  }
  const auto* const record = buffer_.data() + begin_;
  item_.ino = load<std::uint64_t>(record);
  item_.next = load<std::uint64_t>(record + kNextAt);
  item_.type = filetype_of_entry(load<std::uint8_t>(record + kTypeAt));
  item_.name = reinterpret_cast<const char*>(record + kNameAt);
  return &item_;
}

void DirectoryReader::advance() {
  begin_ += load<std::uint16_t>(buffer_.data() + begin_ + kLengthAt);
  cookie_ = item_.next;
}

DirectoryReader& DirectoryReaders::of(std::weak_ptr<DirectoryReader>& directory) {
  if (const auto reader = directory.lock())
    return *reader;
  // Not make_shared, whose memory would stay as long as the directory's pointer.
  auto& place = kept_[oldest_++ % kept_.size()];
  place = std::shared_ptr<DirectoryReader>(new DirectoryReader);
  directory = place;
  return *place;
}

std::size_t pack_dirent(std::span<std::uint8_t> buffer, std::size_t at, const Dirent& header, std::string_view name) {
  const auto put = [&](const void* bytes, std::size_t size) {
    const auto fits = std::min(size, buffer.size() - at);
    std::memcpy(buffer.data() + at, bytes, fits);
    at += fits;
    return fits;
  };
  const auto head = put(&header, sizeof header);
  return head + put(name.data(), name.size());
}

}  // namespace wzrun::wasi
