#include "runtime/perf_files.h"

#include <fmt/format.h>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace wzrun::runtime {

namespace {

std::unexpected<Error> io_error(const std::string& path, std::string_view what) {
  return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, fmt::format("{}: {}", path, what)});
}

/// A file that this process writes to its end; one that is there already is of an earlier process with our number.
class ProcessFile {
 public:
  ProcessFile() = default;
  ProcessFile(const ProcessFile&) = delete;
  ProcessFile& operator=(const ProcessFile&) = delete;
  ~ProcessFile() { close_file(); }

  /// Whether it is open, and not by a parent that we are a copy of.
  bool is_open() const { return fd_ >= 0 && process_ == getpid(); }
  int fd() const { return fd_; }

  /// Others may write to the folder: what is not a plain file of our own is left alone.
  Expected<void> open_empty(std::string path) {
    close_file();
    path_ = std::move(path);
    process_ = getpid();
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd_ < 0)
      return failed();
    struct stat status{};
    if (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1) {
      close_file();
      return io_error(path_, "is there and is not a file of ours");
    }
    if (ftruncate(fd_, 0) != 0)
      return failed();
    return {};
  }

  Expected<void> append(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = write(fd_, bytes.data(), bytes.size());
      if (count >= 0)
        bytes.remove_prefix(static_cast<std::size_t>(count));
      else if (errno != EINTR)
        return failed();
    }
    return {};
  }

  std::unexpected<Error> failed() const { return io_error(path_, std::system_category().message(errno)); }

 private:
  void close_file() {
    if (fd_ >= 0)
      close(fd_);
    fd_ = -1;
  }

  std::string path_;
  int fd_ = -1;
  pid_t process_ = -1;
};

std::mutex writing;
ProcessFile map_file;
ProcessFile dump_file;

// The dump: a header, and records that begin with kind, size in bytes and time.

struct DumpHeader {
  std::uint32_t magic = 0x4a695444;
  std::uint32_t version = 1;
  std::uint32_t size = sizeof(DumpHeader);
#if defined(__x86_64__)
  std::uint32_t machine = EM_X86_64;
#elif defined(__aarch64__)
  std::uint32_t machine = EM_AARCH64;
#endif
  std::uint32_t padding = 0;
  std::uint32_t process = 0;
  std::uint64_t time_ns = 0;
  std::uint64_t flags = 0;
};
static_assert(sizeof(DumpHeader) == 40);

/// Followed by the name, a zero and the code.
struct DumpCodeLoad {
  std::uint32_t kind = 0;
  std::uint32_t size = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  std::uint64_t virtual_address = 0;
  std::uint64_t address = 0;
  std::uint64_t code_size = 0;
  std::uint64_t number = 0;  ///< that no other record has
};
static_assert(sizeof(DumpCodeLoad) == 56);

std::uint64_t next_code_number = 0;

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000) + static_cast<std::uint64_t>(now.tv_nsec);
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Expected<void> begin_dump() {
  WZRUN_CHECK(dump_file.open_empty(fmt::format("jit-{}.dump", getpid())));
  DumpHeader header;
  header.process = static_cast<std::uint32_t>(getpid());
  header.time_ns = monotonic_ns();
  WZRUN_CHECK(dump_file.append(bytes_of(header)));
  // An executable mapping of the file is how perf's recording comes to know of it; it stays until the process ends.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, dump_file.fd(), 0) == MAP_FAILED)
    return dump_file.failed();
  return {};
}

}  // namespace

Expected<void> write_perf_map(std::span<const CodeSymbol> symbols) {
  std::string lines;
  for (const auto& [code, name] : symbols)
    fmt::format_to(std::back_inserter(lines), "{:x} {:x} {}\n", reinterpret_cast<std::uintptr_t>(code.data()),
                   code.size(), name);
  const std::scoped_lock lock(writing);
  if (!map_file.is_open())
    WZRUN_CHECK(map_file.open_empty(fmt::format("/tmp/perf-{}.map", getpid())));
  return map_file.append(lines);
}

Expected<void> write_perf_dump(std::span<const CodeSymbol> symbols) {
  const std::scoped_lock lock(writing);
  if (!dump_file.is_open())
    WZRUN_CHECK(begin_dump());
  std::string records;
  for (const auto& [code, name] : symbols) {
    DumpCodeLoad record;
    record.size = static_cast<std::uint32_t>(sizeof record + name.size() + 1 + code.size());
    record.time_ns = monotonic_ns();
    record.process = static_cast<std::uint32_t>(getpid());
    record.thread = static_cast<std::uint32_t>(gettid());
    record.virtual_address = record.address = reinterpret_cast<std::uintptr_t>(code.data());
    record.code_size = code.size();
    record.number = next_code_number++;
    records.append(bytes_of(record)).append(name).append(1, '\0');
    records.append(reinterpret_cast<const char*>(code.data()), code.size());
  }
  return dump_file.append(records);
}

}  // namespace wzrun::runtime
