#include "directory_reader.h"
#include "functions.h"
#include "node.h"

#include <fcntl.h>

namespace wzrun::wasi {
namespace {

/// The number of an entry, except that `..`, which a directory's descriptor does not give, is told as the directory.
std::uint64_t told_inode(const Descriptor& directory, const DirectoryReader::Item& item) {
  if (std::string_view{item.name} != "..")
    return item.ino;
  struct stat status;
  return ::fstat(directory.fd, &status) == 0 ? status.st_ino : 0;
}

Filetype told_type(const Descriptor& directory, const DirectoryReader::Item& item) {
  struct stat status;
  if (item.type == Filetype::unknown && std::string_view{item.name} != ".." &&
      ::fstatat(directory.fd, item.name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    return filetype_of(status);
  return item.type;
}

/// Packs the entries of a node from `cookie` on, which is the number of those before. They are listed anew from the
/// beginning, so that all other cookies go on in the same list.
Status node_readdir(Call& call, OpenNode& open, std::span<std::uint8_t> bytes, std::uint64_t cookie, Address used) {
  if (cookie == 0 || !open.listing) {
    const auto self = WZRUN_TRY(node_answer(open.node->status())).id;
    auto listing = WZRUN_TRY(node_answer(open.node->entries()));
    listing.insert(listing.begin(), {{".", FileKind::directory, self}, {"..", FileKind::directory, open.parent_id}});
    open.listing = std::move(listing);
  }
  std::size_t at = 0;
  for (auto i = cookie; i < open.listing->size() && at < bytes.size(); ++i) {
    const auto& entry = (*open.listing)[i];
    const Dirent header{.next = i + 1,
                        .ino = entry.id,
                        .namlen = static_cast<std::uint32_t>(entry.name.size()),
                        .type = filetype_of(entry.kind)};
    at += pack_dirent(bytes, at, header, entry.name);
  }
  return call.memory.write(used, static_cast<std::uint32_t>(at));
}

}  // namespace

Status fd_readdir(Call& call, Fd fd, Address buffer, std::uint32_t buffer_len, std::uint64_t cookie, Address used) {
  auto* const directory = WZRUN_TRY(call.state.descriptors.directory(fd, rights::fd_readdir));
  const auto bytes = WZRUN_TRY(call.memory.range(buffer, buffer_len));
  WZRUN_CHECK(call.memory.range(used, sizeof(std::uint32_t)));
  if (directory->open_node)
    return node_readdir(call, *directory->open_node, bytes, cookie, used);
  auto& reader = call.state.readers.of(directory->reader);
  WZRUN_CHECK(reader.seek(directory->fd, cookie));

  std::size_t at = 0;
  while (at < bytes.size()) {
    if (call.caller.interrupted())
      return fail(Errno::halted);
    const auto peeked = reader.peek(directory->fd);
    if (!peeked && at == 0)
      return fail(peeked.error());
    if (!peeked || *peeked == nullptr)
      break;
    const auto& item = **peeked;
    const std::string_view name{item.name};
    const Dirent header{.next = item.next,
                        .ino = told_inode(*directory, item),
                        .namlen = static_cast<std::uint32_t>(name.size()),
                        .type = told_type(*directory, item)};
    const auto packed = pack_dirent(bytes, at, header, name);
    at += packed;
    if (packed < sizeof header + name.size())
      break;  // the program comes back for this one
    reader.advance();
  }
  return call.memory.write(used, static_cast<std::uint32_t>(at));
}

}  // namespace wzrun::wasi
