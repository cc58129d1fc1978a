#include "wzrun/error.h"
#include "wzrun/file_system.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace wzrun {
namespace {

std::int64_t now_ns() {
  constexpr std::int64_t kSecond = 1'000'000'000;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

/// What the nodes of one file system share. One lock for all of them: a program makes one call at a time anyway.
struct System {
  explicit System(std::uint64_t max) : max_bytes(max) {}

  const std::uint64_t max_bytes;
  const std::uint64_t device = next_device++;
  std::uint64_t used_bytes = 0;
  std::uint64_t last_id = 0;
  std::recursive_mutex mutex;

  /// Errors: no_space_on_device.
  FileAnswer<void> take(std::uint64_t bytes) {
    if (bytes > max_bytes - used_bytes)
      return std::unexpected(std::errc::no_space_on_device);
    used_bytes += bytes;
    return {};
  }

  static std::atomic<std::uint64_t> next_device;
};
std::atomic<std::uint64_t> System::next_device = 0x6d656d00;  // unlike the host's

class MemoryNode : public FileNode {
 public:
  MemoryNode(std::shared_ptr<System> system, FileKind kind) : shared(std::move(system)) {
    known.kind = kind;
    known.device = shared->device;
    known.id = ++shared->last_id;
    known.links = 0;
    known.accessed_ns = known.modified_ns = known.changed_ns = now_ns();
  }

  FileAnswer<FileStatus> status() override {
    const auto lock = locked();
    return known;
  }
  FileAnswer<void> set_times(std::optional<std::int64_t> accessed_ns,
                             std::optional<std::int64_t> modified_ns) override {
    const auto lock = locked();
    known.accessed_ns = accessed_ns.value_or(known.accessed_ns);
    known.modified_ns = modified_ns.value_or(known.modified_ns);
    known.changed_ns = now_ns();
    return {};
  }

  const std::shared_ptr<System>& system() const { return shared; }
  void count_links(std::int64_t change) {
    known.links += static_cast<std::uint64_t>(change);
    known.changed_ns = now_ns();
  }

 protected:
  std::unique_lock<std::recursive_mutex> locked() const { return std::unique_lock{shared->mutex}; }
  void accessed() { known.accessed_ns = now_ns(); }
  void modified() { known.modified_ns = known.changed_ns = now_ns(); }

  std::shared_ptr<System> shared;
  FileStatus known;
};

class MemoryFile final : public MemoryNode {
 public:
  explicit MemoryFile(std::shared_ptr<System> system) : MemoryNode(std::move(system), FileKind::file) {}
  ~MemoryFile() override {
    const auto lock = locked();
    shared->used_bytes -= bytes_.size();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  FileAnswer<std::size_t> read(std::span<std::uint8_t> to, std::uint64_t offset) override {
    const auto lock = locked();
    accessed();
    if (offset >= bytes_.size())
      return 0;
    const auto size = std::min<std::size_t>(to.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), size, to.begin());
    return size;
  }
  FileAnswer<std::size_t> write(std::span<const std::uint8_t> from, std::uint64_t offset) override {
    const auto lock = locked();
    if (offset > bytes_.max_size() - from.size())
      return std::unexpected(std::errc::file_too_large);
    if (offset + from.size() > bytes_.size())
      WZRUN_CHECK(resize(offset + from.size()));
    std::ranges::copy(from, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    modified();
    return from.size();
  }
  FileAnswer<void> resize(std::uint64_t size_bytes) override {
    const auto lock = locked();
    if (size_bytes > bytes_.max_size())
      return std::unexpected(std::errc::file_too_large);
    if (size_bytes > bytes_.size())
      WZRUN_CHECK(shared->take(size_bytes - bytes_.size()));
    else
      shared->used_bytes -= bytes_.size() - size_bytes;
    bytes_.resize(size_bytes);
    known.size_bytes = size_bytes;
    modified();
    return {};
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

class MemoryLink final : public MemoryNode {
 public:
  MemoryLink(std::shared_ptr<System> system, std::string_view target)
      : MemoryNode(std::move(system), FileKind::link), target_(target) {
    known.size_bytes = target.size();
  }
  ~MemoryLink() override {
    const auto lock = locked();
    shared->used_bytes -= target_.size();
  }
  MemoryLink(const MemoryLink&) = delete;
  MemoryLink& operator=(const MemoryLink&) = delete;
  FileAnswer<std::string> target() override { return target_; }

 private:
  std::string target_;
};

class MemoryDirectory final : public MemoryNode {
 public:
  using Node = std::shared_ptr<MemoryNode>;

  explicit MemoryDirectory(std::shared_ptr<System> system) : MemoryNode(std::move(system), FileKind::directory) {
    known.links = 2;
  }
  /// Not by recursion: directories may be nested as deeply as a program likes.
  ~MemoryDirectory() override {
    std::vector<Node> pending;
    const auto take_from = [&](Children& children) {
      for (auto& [name, node] : children)
        pending.push_back(std::move(node));
      children.clear();
    };
    for (take_from(children_); !pending.empty();) {
      const auto node = std::move(pending.back());
      pending.pop_back();
      auto* const directory = dynamic_cast<MemoryDirectory*>(node.get());
      if (directory != nullptr && node.use_count() == 1)
        take_from(directory->children_);
      else if (directory != nullptr)
        directory->parent_ = nullptr;
    }
  }
  MemoryDirectory(const MemoryDirectory&) = delete;
  MemoryDirectory& operator=(const MemoryDirectory&) = delete;

  FileAnswer<std::shared_ptr<FileNode>> find(std::string_view name) override {
    const auto lock = locked();
    return WZRUN_TRY(child(name))->second;
  }
  FileAnswer<std::vector<FileEntry>> entries() override {
    const auto lock = locked();
    accessed();
    std::vector<FileEntry> list;
    list.reserve(children_.size());
    for (const auto& [name, node] : children_) {
      const auto status = WZRUN_TRY(node->status());
      list.push_back({name, status.kind, status.id});
    }
    return list;
  }
  FileAnswer<std::shared_ptr<FileNode>> make_file(std::string_view name) override {
    const auto lock = locked();
    WZRUN_CHECK(check_new(name, 0));
    auto node = std::make_shared<MemoryFile>(shared);
    insert(name, node);
    return node;
  }
  FileAnswer<void> make_directory(std::string_view name) override {
    const auto lock = locked();
    WZRUN_CHECK(check_new(name, 0));
    insert(name, std::make_shared<MemoryDirectory>(shared));
    return {};
  }
  FileAnswer<void> make_link(std::string_view name, std::string_view target) override {
    const auto lock = locked();
    WZRUN_CHECK(check_new(name, target.size()));
    insert(name, std::make_shared<MemoryLink>(shared, target));
    return {};
  }
  FileAnswer<void> add(std::string_view name, const std::shared_ptr<FileNode>& node) override {
    const auto lock = locked();
    auto ours = std::dynamic_pointer_cast<MemoryNode>(node);
    if (!ours || ours->system() != shared)
      return std::unexpected(std::errc::cross_device_link);
    if (is_directory(ours))
      return std::unexpected(std::errc::operation_not_permitted);
    WZRUN_CHECK(check_new(name, 0));
    insert(name, std::move(ours));
    return {};
  }
  FileAnswer<void> remove_file(std::string_view name) override {
    const auto lock = locked();
    const auto found = WZRUN_TRY(child(name));
    if (is_directory(found->second))
      return std::unexpected(std::errc::is_a_directory);
    erase(found);
    return {};
  }
  FileAnswer<void> remove_directory(std::string_view name) override {
    const auto lock = locked();
    const auto found = WZRUN_TRY(child(name));
    WZRUN_CHECK(check_removable(found->second));
    erase(found);
    return {};
  }
  FileAnswer<void> rename(std::string_view name, FileNode& directory, std::string_view new_name) override {
    const auto lock = locked();
    auto* const to = dynamic_cast<MemoryDirectory*>(&directory);
    if (to == nullptr || to->shared != shared)
      return std::unexpected(std::errc::cross_device_link);
    const auto moved = WZRUN_TRY(child(name))->second;
    const auto replaced = to->children_.find(new_name);
    if (replaced != to->children_.end() && replaced->second == moved)
      return {};
    if (auto* const tree = dynamic_cast<MemoryDirectory*>(moved.get())) {
      for (const auto* outer = to; outer != nullptr; outer = outer->parent_)
        if (outer == tree)
          return std::unexpected(std::errc::invalid_argument);
    }
    if (replaced != to->children_.end() && is_directory(moved))
      WZRUN_CHECK(check_removable(replaced->second));
    else if (replaced != to->children_.end() && is_directory(replaced->second))
      return std::unexpected(std::errc::is_a_directory);
    WZRUN_CHECK(to->check_name(new_name));
    WZRUN_CHECK(shared->take(new_name.size()));
    if (replaced != to->children_.end())
      to->erase(replaced);
    erase(*child(name));
    to->insert(new_name, moved);
    return {};
  }

 private:
  using Children = std::map<std::string, Node, std::less<>>;

  static bool is_directory(const Node& node) { return dynamic_cast<MemoryDirectory*>(node.get()) != nullptr; }
  /// Errors: not_a_directory, directory_not_empty.
  static FileAnswer<void> check_removable(const Node& node) {
    const auto* const directory = dynamic_cast<MemoryDirectory*>(node.get());
    if (directory == nullptr)
      return std::unexpected(std::errc::not_a_directory);
    if (!directory->children_.empty())
      return std::unexpected(std::errc::directory_not_empty);
    return {};
  }
  FileAnswer<Children::iterator> child(std::string_view name) {
    const auto found = children_.find(name);
    if (found == children_.end())
      return std::unexpected(std::errc::no_such_file_or_directory);
    return found;
  }
  /// Errors: filename_too_long; no_such_file_or_directory in a directory that was removed.
  FileAnswer<void> check_name(std::string_view name) const {
    constexpr std::size_t kLongestName = 255;
    if (name.size() > kLongestName)
      return std::unexpected(std::errc::filename_too_long);
    if (known.links == 0)
      return std::unexpected(std::errc::no_such_file_or_directory);
    return {};
  }
  /// Takes the bytes of a new entry.
  FileAnswer<void> check_new(std::string_view name, std::uint64_t contents) {
    if (children_.contains(name))
      return std::unexpected(std::errc::file_exists);
    WZRUN_CHECK(check_name(name));
    return shared->take(name.size() + contents);
  }
  /// A directory has a link of its parent and one of itself, and its parent one of it.
  void insert(std::string_view name, Node node) {
    auto* const directory = dynamic_cast<MemoryDirectory*>(node.get());
    if (directory != nullptr) {
      directory->parent_ = this;
      directory->known.links = 2;
      ++known.links;
    } else {
      node->count_links(1);
    }
    children_.emplace(name, std::move(node));
    modified();
  }
  void erase(Children::iterator entry) {
    auto* const directory = dynamic_cast<MemoryDirectory*>(entry->second.get());
    if (directory != nullptr) {
      directory->parent_ = nullptr;
      directory->known.links = 0;
      --known.links;
    } else {
      entry->second->count_links(-1);
    }
    shared->used_bytes -= entry->first.size();
    children_.erase(entry);
    modified();
  }

  MemoryDirectory* parent_ = nullptr;  // none of the root and of directories that were removed
  Children children_;
};

}  // namespace

std::shared_ptr<FileNode> memory_file_system(std::uint64_t max_bytes) {
  return std::make_shared<MemoryDirectory>(std::make_shared<System>(max_bytes));
}

}  // namespace wzrun
