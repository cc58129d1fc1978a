#include "descriptor.h"

#include "directory_reader.h"
#include "node.h"
#include "wzrun/error.h"

#include <sys/socket.h>

namespace wzrun::wasi {

Descriptor::Descriptor() = default;
Descriptor::Descriptor(Descriptor&&) noexcept = default;
Descriptor& Descriptor::operator=(Descriptor&&) noexcept = default;
Descriptor::~Descriptor() = default;

Filetype filetype_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      return Filetype::regular_file;
    case S_IFDIR:
      return Filetype::directory;
    case S_IFLNK:
      return Filetype::symbolic_link;
    case S_IFCHR:
      return Filetype::character_device;
    case S_IFBLK:
      return Filetype::block_device;
    case S_IFSOCK:
      return Filetype::socket_stream;
    default:
      return Filetype::unknown;
  }
}

Filetype filetype_of(int fd, const struct stat& status) {
  if (!S_ISSOCK(status.st_mode))
    return filetype_of(status);
  int type = 0;
  socklen_t length = sizeof type;
  const bool datagrams = ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM;
  return datagrams ? Filetype::socket_dgram : Filetype::socket_stream;
}

Status DescriptorTable::check_room() const {
  if (in_use_ >= limit_)
    return fail(Errno::mfile);
  return {};
}

Try<Fd> DescriptorTable::insert(Descriptor descriptor) {
  WZRUN_CHECK(check_room());
  auto fd = lowest_free_;
  while (fd < slots_.size() && slots_[fd])
    ++fd;
  auto held = std::make_unique<Descriptor>(std::move(descriptor));
  if (fd == slots_.size())
    slots_.push_back(std::move(held));
  else
    slots_[fd] = std::move(held);
  lowest_free_ = fd + 1;
  ++in_use_;
  return static_cast<Fd>(fd);
}

Try<Descriptor*> DescriptorTable::directory(Fd fd, Rights needed) const {
  auto* const found = WZRUN_TRY(get(fd));
  if (!found->is_directory())
    return fail(Errno::notdir);
  if ((needed & ~found->base) != 0)
    return fail(Errno::notcapable);
  return found;
}

Try<Descriptor*> DescriptorTable::file(Fd fd, Rights needed) const {
  auto* const found = WZRUN_TRY(get(fd));
  if (found->is_directory())
    return fail(Errno::badf);
  if ((needed & ~found->base) != 0)
    return fail(Errno::notcapable);
  return found;
}

Try<Descriptor> DescriptorTable::remove(Fd fd) {
  auto taken = std::move(*WZRUN_TRY(get(fd)));
  slots_[fd].reset();
  --in_use_;
  while (!slots_.empty() && !slots_.back())
    slots_.pop_back();
  lowest_free_ = std::min(lowest_free_, std::size_t{fd});
  return taken;
}

Try<Descriptor> DescriptorTable::renumber(Fd from, Fd to) {
  WZRUN_CHECK(get(from));
  auto* const place = WZRUN_TRY(get(to));
  if (from == to)
    return Descriptor{};
  auto replaced = std::move(*place);
  *place = WZRUN_TRY(remove(from));  // never shrinks the table below `to`, which is in use
  return replaced;
}

}  // namespace wzrun::wasi
