#include "runtime/image.h"
#include "runtime/zeroed_memory.h"
#include "wzrun/runtime.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace wzrun {

namespace {

constexpr std::uint64_t kMaxBytes = 0xffffffff;

std::unexpected<Error> io_error(std::string message) {
  return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, std::move(message)});
}

/// Pages that hold what was read. Not a mapping of the file: that would change, or fault, when somebody writes to the
/// file or cuts it short while the program runs.
struct Pages {
  std::uint8_t* data = nullptr;
  std::size_t capacity = 0;
  std::size_t size = 0;

  Pages() = default;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    if (data != nullptr)
      munmap(data, capacity);
  }
  bool reserve(std::size_t wanted) {
    void* const pages = data == nullptr ? runtime::map_zeroed(wanted) : mremap(data, capacity, wanted, MREMAP_MAYMOVE);
    if (pages == MAP_FAILED)
      return false;
    data = static_cast<std::uint8_t*>(pages);
    capacity = wanted;
    return true;
  }
};

/// Behind a first line `#!...`, as the kernel leaves it in a script.
std::span<const std::uint8_t> without_shebang(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2 || bytes[0] != '#' || bytes[1] != '!')
    return bytes;
  const auto* const newline = static_cast<const std::uint8_t*>(std::memchr(bytes.data(), '\n', bytes.size()));
  return newline == nullptr ? bytes.last(0) : bytes.subspan(static_cast<std::size_t>(newline - bytes.data()) + 1);
}

}  // namespace

Expected<ModuleFile> ModuleFile::open(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return io_error(std::strerror(errno));
  ModuleFile file;
  file.path_ = path;
  file.descriptor_ = {new int(fd), [standard_input](const int* descriptor) {
                        if (!standard_input)
                          close(*descriptor);
                        delete descriptor;
                      }};
  struct stat status{};
  if (fstat(fd, &status) != 0)
    return io_error(std::strerror(errno));
  if (S_ISDIR(status.st_mode))
    return io_error("is a directory, not a module");
  if (!S_ISREG(status.st_mode) ||
      lseek(fd, 0, SEEK_CUR) != 0)  // else what was read of standard input is not the module
    return file;
  file.fingerprint_ = FileFingerprint::of(fd);
  std::array<char, runtime::kImageMagic.size()> magic{};
  file.precompiled_ = pread(fd, magic.data(), magic.size(), 0) == magic.size() && magic == runtime::kImageMagic;
  return file;
}

int ModuleFile::fd() const { return *descriptor_; }

bool ModuleFile::is_unchanged() const { return fingerprint_ && FileFingerprint::of(fd()) == fingerprint_; }

Expected<ModuleBytes> ModuleFile::read() const {
  if (fingerprint_ && fingerprint_->size_bytes > kMaxBytes)
    return io_error("is larger than 4 GiB");
  const auto pages = std::make_shared<Pages>();
  // One byte more than the size, so that the end is seen without growing.
  const auto wanted = fingerprint_ ? static_cast<std::size_t>(fingerprint_->size_bytes) + 1 : std::size_t{1} << 20;
  for (;;) {
    if (pages->size == pages->capacity && !pages->reserve(std::max(wanted, pages->capacity * 2)))
      return io_error("not enough memory to read it");
    auto* const to = pages->data + pages->size;
    const auto room = pages->capacity - pages->size;
    const auto count = fingerprint_ ? pread(fd(), to, room, static_cast<off_t>(pages->size)) : ::read(fd(), to, room);
    if (count == 0)
      break;
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return io_error(std::strerror(errno));
    }
    pages->size += static_cast<std::size_t>(count);
    if (pages->size > kMaxBytes)
      return io_error("is larger than 4 GiB");
  }
  return ModuleBytes::keep(without_shebang({pages->data, pages->size}), pages);
}

Expected<ModuleBytes> ModuleBytes::from_file(const std::string& path) {
  return WZRUN_TRY(ModuleFile::open(path)).read();
}

ModuleBytes ModuleBytes::keep(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner) {
  ModuleBytes result;
  result.view_ = bytes;
  result.owner_ = std::move(owner);
  return result;
}

ModuleBytes ModuleBytes::own(std::vector<std::uint8_t> bytes) {
  const auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  return keep(*owner, owner);
}

ModuleBytes ModuleBytes::borrow(std::span<const std::uint8_t> bytes) { return keep(bytes, nullptr); }

}  // namespace wzrun
