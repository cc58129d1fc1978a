#include "entry_file.h"

#include "wzrun/checksum.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

namespace wzrun::cache {
namespace {

constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'e', 'n', 't'};
constexpr std::uint64_t kFormat = 2;
constexpr std::uint64_t kMostDescription = 4096;

struct Footer {
  std::array<char, 8> magic = kMagic;
  std::uint64_t format = kFormat;
  std::uint64_t payload_size = 0;
  std::uint64_t description_size = 0;
  Sha256Digest key{};
  Checksum checksum{};  ///< of all bytes of the file before it
};
constexpr std::size_t kFooterChecked = sizeof(Footer) - sizeof(Footer::checksum);

std::span<const std::uint8_t> bytes_of(const Footer& footer) {
  return {reinterpret_cast<const std::uint8_t*>(&footer), sizeof footer};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A file that goes unless it was published, where the system can also if this process is killed: it has no name
/// before.
class TemporaryFile {
 public:
  explicit TemporaryFile(int directory) : directory_(directory) {
    constexpr mode_t kOwnerOnly = 0600;
    file_ = File(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kOwnerOnly));
    if (file_ && faccessat(AT_FDCWD, path().c_str(), F_OK, 0) == 0)
      return;
    with_new_name([&] {
      file_ = File::open(directory_, name_, O_RDWR | O_CREAT | O_EXCL);
      return static_cast<bool>(file_);
    });
  }
  ~TemporaryFile() {
    if (!name_.empty())
      unlinkat(directory_, name_.c_str(), 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const File& file() const { return file_; }
  bool publish(const std::string& name) {
    const auto link = [&] {
      return linkat(AT_FDCWD, path().c_str(), directory_, name_.c_str(), AT_SYMLINK_FOLLOW) == 0;
    };
    if (fsync(file_.fd()) != 0 || (name_.empty() && !with_new_name(link)) ||
        renameat(directory_, name_.c_str(), directory_, name.c_str()) != 0)
      return false;
    name_.clear();
    file_ = {};
    fsync(directory_);  // should it fail, the entry may be gone after a crash of the machine, and that is all
    return true;
  }

 private:
  std::string path() const { return fmt::format("/proc/self/fd/{}", file_.fd()); }
  /// Gives it a name that `take` can take.
  template <typename Take>
  bool with_new_name(const Take& take) {
    for (int attempt = 0; attempt < 10; attempt++) {
      std::uint64_t random = 0;
      if (getrandom(&random, sizeof random, 0) != sizeof random)
        break;
      name_ = fmt::format("{}{:016x}", kTemporaryPrefix, random);
      if (take())
        return true;
      if (errno != EEXIST)
        break;
    }
    name_.clear();
    return false;
  }

  int directory_;
  std::string name_;
  File file_;
};

}  // namespace

std::string entry_name(const Sha256Digest& key) { return to_string(key).append(kEntrySuffix); }

std::expected<EntryFile, EntryProblem> open_entry(int directory, const Sha256Digest& key) {
  const auto problem = [](std::string reason) { return std::unexpected(EntryProblem{std::move(reason)}); };
  EntryFile entry;
  entry.opened_ns = now_ns();
  entry.file = File::open(directory, entry_name(key), O_RDONLY);
  if (!entry.file)
    return std::unexpected(EntryProblem{errno == ENOENT ? "not in the cache" : strerror(errno), errno == ENOENT});
  struct stat status{};
  if (fstat(entry.file.fd(), &status) != 0)
    return problem(strerror(errno));
  if (!S_ISREG(status.st_mode))
    return problem("the entry is not a regular file");
  if (status.st_uid != geteuid() && status.st_uid != 0)
    return problem(fmt::format("the entry belongs to user {}", status.st_uid));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return problem("others may write to the entry");
  const auto fingerprint = FileFingerprint::of(entry.file.fd());
  Footer footer;
  if (!fingerprint || fingerprint->size_bytes < sizeof footer ||
      !entry.file.read_at(fingerprint->size_bytes - sizeof footer, footer) || footer.magic != kMagic ||
      footer.format != kFormat || footer.key != key || footer.description_size > kMostDescription ||
      footer.payload_size != fingerprint->size_bytes - sizeof footer - footer.description_size)
    return problem("the entry is damaged");
  entry.fingerprint = *fingerprint;
  entry.payload_size = footer.payload_size;
  entry.description_size = footer.description_size;
  return entry;
}

bool is_intact(const EntryFile& entry) {
  // Read, not mapped: a mapping faults if the file gets shorter meanwhile.
  constexpr std::size_t kChunk = std::size_t{256} << 10;
  const auto checked_size = entry.fingerprint.size_bytes - sizeof(Footer::checksum);
  std::vector<std::uint8_t> chunk(std::min<std::uint64_t>(kChunk, checked_size));
  Checksummer sum;
  for (std::uint64_t offset = 0; offset < checked_size; offset += chunk.size()) {
    const auto bytes = std::span(chunk).first(std::min<std::uint64_t>(chunk.size(), checked_size - offset));
    if (!entry.file.read_at(offset, bytes))
      return false;
    sum.update(bytes);
  }
  Checksum written{};
  return entry.file.read_at(checked_size, written) && sum.finish() == written;
}

std::string read_description(const EntryFile& entry) {
  std::string text(entry.description_size, '\0');
  const std::span bytes(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
  return entry.file.read_at(entry.payload_size, bytes) ? text : std::string();
}

std::expected<void, std::string> publish_entry(int directory, const Sha256Digest& key, CompilationCache::Parts parts,
                                               std::string_view description) {
  TemporaryFile temporary(directory);
  if (!temporary.file())
    return std::unexpected(strerror(errno));
  Checksummer sum;
  std::uint64_t offset = 0;
  const auto append = [&](std::span<const std::uint8_t> bytes) {
    const bool written = temporary.file().write_at(offset, bytes);
    offset += bytes.size();
    return written;
  };
  const auto append_checked = [&](std::span<const std::uint8_t> bytes) {
    sum.update(bytes);
    return append(bytes);
  };

  for (const auto& part : parts) {
    if (!append_checked(part))
      return std::unexpected(strerror(errno));
  }
  description = description.substr(0, kMostDescription);
  Footer footer;
  footer.payload_size = offset;
  footer.description_size = description.size();
  footer.key = key;
  sum.update(bytes_of(description));
  sum.update(bytes_of(footer).first(kFooterChecked));
  footer.checksum = sum.finish();
  if (!append(bytes_of(description)) || !append(bytes_of(footer)) || !temporary.publish(entry_name(key)))
    return std::unexpected(strerror(errno));
  return {};
}

}  // namespace wzrun::cache
