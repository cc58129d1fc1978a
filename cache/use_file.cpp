#include "use_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace wzrun::cache {

namespace {

std::int64_t last_change(const FileFingerprint& entry) { return std::max(entry.modified_ns, entry.changed_ns); }

}  // namespace

std::chrono::nanoseconds settling_time(const FileFingerprint& entry) {
  // File systems that keep times so finely take them from a clock of the kernel that ticks every 10 ms at the slowest.
  constexpr std::int64_t kMillisecond = 1'000'000;
  const bool is_fine = entry.modified_ns % kMillisecond != 0 && entry.changed_ns % kMillisecond != 0;
  return is_fine ? std::chrono::milliseconds(50) : std::chrono::seconds(2);
}

std::string use_name(const Sha256Digest& key) { return to_string(key).append(kUseSuffix); }

std::uint64_t UseFile::checksum(const Record& record) {
  return short_checksum({reinterpret_cast<const std::uint8_t*>(&record), offsetof(Record, checksum)});
}

UseFile::UseFile(int directory, const Sha256Digest& key, bool writable)
    : file_(File::open(directory, use_name(key), writable ? O_RDWR | O_CREAT : O_RDONLY)) {
  if (!file_)
    return;
  // A count more or less is not worth waiting for.
  locked_ = writable && flock(file_.fd(), LOCK_EX | LOCK_NB) == 0;
  if (!file_.read_at(0, record_) || checksum(record_) != record_.checksum)
    record_ = {};
}

bool UseFile::vouches_for(const FileFingerprint& entry) const {
  return record_.intact_at_ns != 0 && record_.entry == entry &&
         record_.intact_at_ns - last_change(entry) >= settling_time(entry).count();
}

void UseFile::found_intact(const FileFingerprint& entry, std::int64_t at_ns) {
  record_.entry = entry;
  record_.intact_at_ns = at_ns;
}

void UseFile::write() {
  if (!locked_)
    return;
  record_.checksum = checksum(record_);
  file_.write_at(0, record_);
}

std::int64_t UseFile::modified_ns() const {
  const auto fingerprint = FileFingerprint::of(file_.fd());
  return fingerprint ? fingerprint->modified_ns : 0;
}

}  // namespace wzrun::cache
