#include "module_index.h"

#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace wzrun::cache {
namespace {

struct Record {
  FileFingerprint file;
  std::int64_t remembered_ns = 0;
  Sha256Digest digest{};
  std::uint64_t checksum = 0;  ///< of what stands before it

  std::uint64_t right_checksum() const {
    return short_checksum({reinterpret_cast<const std::uint8_t*>(this), offsetof(Record, checksum)});
  }
  bool is_valid() const { return remembered_ns != 0 && checksum == right_checksum(); }
  bool is_of(const FileFingerprint& other) const { return file.device == other.device && file.inode == other.inode; }
};

constexpr std::uint64_t kBuckets = 512;
using Bucket = std::array<Record, 8>;

std::uint64_t offset_of_bucket(const FileFingerprint& file) {
  const std::uint64_t identity[] = {file.device, file.inode};
  const auto hash = short_checksum({reinterpret_cast<const std::uint8_t*>(identity), sizeof identity});
  return hash % kBuckets * sizeof(Bucket);
}

/// What cannot be read stays empty.
Bucket read_bucket(const File& index, std::uint64_t offset) {
  Bucket bucket;
  std::size_t count = 0;
  while (count < bucket.size() && index.read_at(offset + count * sizeof(Record), bucket[count]))
    count++;
  return bucket;
}

}  // namespace

std::optional<Sha256Digest> find_module(int directory, const FileFingerprint& file) {
  const auto index = File::open(directory, kModuleIndexName, O_RDONLY);
  if (!index)
    return std::nullopt;
  for (const auto& record : read_bucket(index, offset_of_bucket(file))) {
    if (record.file == file && record.is_valid() && file.is_settled(record.remembered_ns))
      return record.digest;
  }
  return std::nullopt;
}

bool knows_size(int directory, std::uint64_t size_bytes) {
  const auto index = File::open(directory, kModuleIndexName, O_RDONLY);
  struct stat status{};
  if (!index || fstat(index.fd(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) % sizeof(Record) != 0)
    return true;
  const auto size = std::min(static_cast<std::uint64_t>(status.st_size), kBuckets * sizeof(Bucket));
  std::vector<Record> records(size / sizeof(Record));
  if (!index.read_at(0, {reinterpret_cast<std::uint8_t*>(records.data()), records.size() * sizeof(Record)}))
    return true;
  return std::ranges::any_of(records, [&](const Record& record) {
    const bool is_damaged = record.remembered_ns != 0 && !record.is_valid();
    return is_damaged || (record.is_valid() && record.file.size_bytes == size_bytes);
  });
}

void remember_module(int directory, const FileFingerprint& file, const Sha256Digest& digest) {
  const auto index = File::open(directory, kModuleIndexName, O_RDWR | O_CREAT);
  if (!index)
    return;
  const auto offset = offset_of_bucket(file);
  const auto bucket = read_bucket(index, offset);
  auto place = std::ranges::find_if(bucket, [&](const Record& record) { return record.is_of(file); });
  if (place == bucket.end())
    place = std::ranges::min_element(bucket, {},
                                     [](const Record& record) { return record.is_valid() ? record.remembered_ns : 0; });
  Record record{.file = file, .remembered_ns = now_ns(), .digest = digest};
  record.checksum = record.right_checksum();
  index.write_at(offset + static_cast<std::size_t>(place - bucket.begin()) * sizeof(Record), record);
}

}  // namespace wzrun::cache
