#include "wzrun/file_system.h"

#include "wzrun/error.h"

#include <algorithm>

namespace wzrun {
namespace {

std::unexpected<std::errc> read_only() { return std::unexpected(std::errc::read_only_file_system); }

/// The last component of a path, and its directory.
struct Place {
  std::shared_ptr<FileNode> owner;
  FileNode* directory;
  std::string_view name;
};

/// Errors: no_such_file_or_directory if a directory is missing, unless they are to be made.
FileAnswer<Place> place_of(FileNode& root, std::string_view path, bool make) {
  Place place{nullptr, &root, path};
  for (;;) {
    const auto slash = place.name.find('/');
    const auto name = place.name.substr(0, slash);
    if (name.empty() || name == "." || name == "..")
      return std::unexpected(std::errc::invalid_argument);
    if (slash == place.name.npos)
      return place;
    auto next = place.directory->find(name);
    if (!next && make && next.error() == std::errc::no_such_file_or_directory) {
      WZRUN_CHECK(place.directory->make_directory(name));
      next = place.directory->find(name);
    }
    place.owner = WZRUN_TRY(std::move(next));
    place.directory = place.owner.get();
    place.name.remove_prefix(slash + 1);
  }
}

}  // namespace

FileAnswer<void> FileNode::set_times(std::optional<std::int64_t>, std::optional<std::int64_t>) { return read_only(); }
FileAnswer<void> FileNode::sync() { return {}; }
FileAnswer<std::size_t> FileNode::read(std::span<std::uint8_t>, std::uint64_t) {
  return std::unexpected(std::errc::is_a_directory);
}
FileAnswer<std::size_t> FileNode::write(std::span<const std::uint8_t>, std::uint64_t) { return read_only(); }
FileAnswer<void> FileNode::resize(std::uint64_t) { return read_only(); }
FileAnswer<std::shared_ptr<FileNode>> FileNode::find(std::string_view) {
  return std::unexpected(std::errc::not_a_directory);
}
FileAnswer<std::vector<FileEntry>> FileNode::entries() { return std::unexpected(std::errc::not_a_directory); }
FileAnswer<std::shared_ptr<FileNode>> FileNode::make_file(std::string_view) { return read_only(); }
FileAnswer<void> FileNode::make_directory(std::string_view) { return read_only(); }
FileAnswer<void> FileNode::make_link(std::string_view, std::string_view) { return read_only(); }
FileAnswer<void> FileNode::add(std::string_view, const std::shared_ptr<FileNode>&) { return read_only(); }
FileAnswer<void> FileNode::remove_file(std::string_view) { return read_only(); }
FileAnswer<void> FileNode::remove_directory(std::string_view) { return read_only(); }
FileAnswer<void> FileNode::rename(std::string_view, FileNode&, std::string_view) { return read_only(); }
FileAnswer<std::string> FileNode::target() { return std::unexpected(std::errc::invalid_argument); }

FileAnswer<void> write_file(FileNode& root, std::string_view path, std::string_view contents) {
  const auto place = WZRUN_TRY(place_of(root, path, true));
  auto file = place.directory->find(place.name);
  if (!file && file.error() == std::errc::no_such_file_or_directory)
    file = place.directory->make_file(place.name);
  const auto node = WZRUN_TRY(std::move(file));
  if (WZRUN_TRY(node->status()).kind == FileKind::directory)
    return std::unexpected(std::errc::is_a_directory);
  WZRUN_CHECK(node->resize(0));
  const std::span bytes{reinterpret_cast<const std::uint8_t*>(contents.data()), contents.size()};
  for (std::size_t at = 0; at < bytes.size();)
    at += WZRUN_TRY(node->write(bytes.subspan(at), at));
  return {};
}

FileAnswer<std::string> read_file(FileNode& root, std::string_view path) {
  const auto place = WZRUN_TRY(place_of(root, path, false));
  const auto node = WZRUN_TRY(place.directory->find(place.name));
  std::string contents;
  for (;;) {
    std::uint8_t part[4096];
    const auto size = WZRUN_TRY(node->read(part, contents.size()));
    if (size == 0)
      return contents;
    contents.append(reinterpret_cast<const char*>(part), size);
  }
}

}  // namespace wzrun
