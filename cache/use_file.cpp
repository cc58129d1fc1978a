#include "use_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cstddef>
#include <span>

namespace wzrun::cache {

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
  return record_.intact_at_ns != 0 && record_.entry == entry && entry.is_settled(record_.intact_at_ns);
}

void UseFile::found_intact(const FileFingerprint& entry) {
  record_.entry = entry;
  record_.intact_at_ns = now_ns();
}

void UseFile::count_use() {
  if (!locked_)
    return;
  record_.hits++;
  record_.checksum = checksum(record_);
  file_.write_at(0, record_);
}

std::int64_t UseFile::modified_ns() const {
  const auto fingerprint = FileFingerprint::of(file_.fd());
  return fingerprint ? fingerprint->modified_ns : 0;
}

}  // namespace wzrun::cache
