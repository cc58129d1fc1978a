#pragma once

#include "owned_fd.h"
#include "types.h"
#include "wasi_errno.h"
#include "wzrun/config.h"

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wzrun::wasi {

class DirectoryReader;
struct OpenNode;

/// What a descriptor of the program stands for.
struct Descriptor {
  enum class Kind : std::uint8_t {
    host,         ///< a descriptor of the host
    node,         ///< `open_node`, of a file system that is not the host's
    text_input,   ///< reads `input`
    text_output,  ///< appends to `output`
    null,         ///< reads as empty, swallows what is written
  };

  Descriptor();
  Descriptor(Descriptor&&) noexcept;
  Descriptor& operator=(Descriptor&&) noexcept;
  ~Descriptor();

  Kind kind = Kind::null;
  Filetype filetype = Filetype::unknown;
  bool read_only = false;   ///< lies on a mount that is
  std::uint32_t flags = 0;  ///< fdflags
  int fd = -1;              ///< the host's
  int write_signal = 0;     ///< that writing to it must not raise; see write_signal.h
  OwnedFd owned;            ///< the same, or none where it is only lent: then its file status flags stay as they are
  Rights base = 0;
  Rights inheriting = 0;
  std::optional<std::string> preopen_name;
  std::weak_ptr<DirectoryReader> reader;  ///< of a directory that was read lately
  std::unique_ptr<OpenNode> open_node;
  const std::string* input = nullptr;
  std::size_t input_at = 0;
  std::shared_ptr<std::string> output;

  bool is_socket() const { return filetype == Filetype::socket_stream || filetype == Filetype::socket_dgram; }
  bool is_directory() const { return filetype == Filetype::directory; }
};

Filetype filetype_of(const struct stat& status);
/// The file type of an open descriptor; for sockets, which stat does not tell apart, asks the socket.
Filetype filetype_of(int fd, const struct stat& status);

/// The program's descriptors. A new one gets the lowest free number.
class DescriptorTable {
 public:
  explicit DescriptorTable(std::size_t limit = ModuleConfig::kDefaultMaxDescriptors) : limit_(limit) {}

  /// Errors: EMFILE at the limit. Asked before anything is done that insert()'s failure could not undo.
  Status check_room() const;
  /// Errors: EMFILE at the limit.
  Try<Fd> insert(Descriptor descriptor);
  /// Errors: EBADF if the number is free.
  Try<Descriptor*> get(Fd fd) const {
    if (fd >= slots_.size() || !slots_[fd]) [[unlikely]]
      return fail(Errno::badf);
    return slots_[fd].get();
  }
  /// Errors: EBADF; ENOTDIR if it is no directory; ENOTCAPABLE if it lacks one of the rights.
  Try<Descriptor*> directory(Fd fd, Rights needed) const;
  /// Anything but a directory. Errors: EBADF, also for a directory; ENOTCAPABLE if it lacks one of the rights.
  Try<Descriptor*> file(Fd fd, Rights needed) const;
  /// Takes the descriptor out. Errors: EBADF.
  Try<Descriptor> remove(Fd fd);
  /// Gives the descriptor `from` the number `to`, whose own descriptor is returned. Errors: EBADF if either is free.
  Try<Descriptor> renumber(Fd from, Fd to);
  /// One more than the highest number in use.
  std::size_t size() const { return slots_.size(); }

 private:
  std::vector<std::unique_ptr<Descriptor>> slots_;
  std::size_t lowest_free_ = 0;  // no number below is free
  std::size_t in_use_ = 0;
  std::size_t limit_;
};

}  // namespace wzrun::wasi
