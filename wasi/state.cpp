#include "state.h"

#include "mounted_files.h"
#include "node.h"
#include "write_signal.h"

#include "wzrun/wasi.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>

namespace wzrun::wasi {
namespace {

Expected<OwnedFd> open_mount(const Mount& mount) {
  constexpr int kFlags = O_DIRECTORY | O_CLOEXEC;
  OwnedFd opened{::open(mount.host_path.c_str(), O_RDONLY | kFlags)};
  if (!opened && errno == EACCES)  // it may still be searched, though not listed
    opened = OwnedFd{::open(mount.host_path.c_str(), O_PATH | kFlags)};
  if (!opened) {
    const int error = errno;
    return std::unexpected(Error{.kind = ErrorKind::io,
                                 .message = "cannot open directory " + mount.host_path + " for the program's " +
                                            mount.guest_path + ": " + std::strerror(error)});
  }
  return opened;
}

Expected<void> add_all(StringList& list, const std::vector<std::string>& strings, std::string_view what) {
  for (const auto& text : strings) {
    if (text.find('\0') != text.npos)
      return std::unexpected(Error{.kind = ErrorKind::invalid_argument,
                                   .message = std::string{what} + " contains a NUL byte: " + text.c_str()});
    list.add(text);
  }
  return {};
}

Descriptor lent(const HostDescriptor& host, Rights wanted) {
  const int fd = host.fd;
  Descriptor result;
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return result;  // a closed descriptor reads as empty
  result.kind = Descriptor::Kind::host;
  result.fd = fd;
  result.filetype = filetype_of(fd, status);
  result.write_signal = S_ISFIFO(status.st_mode) && host.raises_sigpipe ? 0 : write_signal_of(status);
  result.base = S_ISSOCK(status.st_mode) ? rights::socket : wanted;
  if (::isatty(fd) != 0)  // C libraries tell a terminal by a character device that cannot seek
    result.base &= ~(rights::fd_seek | rights::fd_tell);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0)
    result.flags =
        ((flags & O_APPEND) != 0 ? fdflags::append : 0) | ((flags & O_NONBLOCK) != 0 ? fdflags::nonblock : 0);
  if (result.is_directory()) {
    result.base = rights::directory_base;
    result.read_only = true;
  }
  return result;
}

Expected<Descriptor> listener(HostDescriptor socket) {
  const auto refused = [&](const std::string& why) {
    return std::unexpected(Error{.kind = ErrorKind::io,
                                 .message = "descriptor " + std::to_string(socket.fd) + " for the program: " + why});
  };
  int listens = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(socket.fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0)
    return refused(std::strerror(errno));
  if (listens == 0)
    return refused("not a listening socket");
  Descriptor result;
  result.owned = OwnedFd{::fcntl(socket.fd, F_DUPFD_CLOEXEC, 0)};
  if (!result.owned)
    return refused(std::strerror(errno));
  result.kind = Descriptor::Kind::host;
  result.fd = result.owned.get();
  result.filetype = Filetype::socket_stream;
  result.flags = (::fcntl(result.fd, F_GETFL) & O_NONBLOCK) != 0 ? fdflags::nonblock : 0;
  result.base = rights::socket & ~rights::fd_write;
  result.inheriting = rights::socket;
  return result;
}

Descriptor descriptor_of(const InputStream& stream) {
  constexpr auto kRights = rights::file & ~rights::writing;
  Descriptor result;
  if (const auto* host = std::get_if<HostDescriptor>(&stream))
    result = lent(*host, kRights);
  if (const auto* text = std::get_if<InputText>(&stream)) {
    result.kind = Descriptor::Kind::text_input;
    result.input = &text->text;
  }
  if (result.base == 0)
    result.base = kRights;
  return result;
}

Descriptor descriptor_of(const OutputStream& stream) {
  constexpr auto kRights = rights::file & ~rights::fd_read;
  Descriptor result;
  if (const auto* host = std::get_if<HostDescriptor>(&stream))
    result = lent(*host, kRights);
  if (const auto* text = std::get_if<OutputText>(&stream); text != nullptr && text->text != nullptr) {
    result.kind = Descriptor::Kind::text_output;
    result.output = text->text;
  }
  if (result.base == 0)
    result.base = kRights;
  return result;
}

/// The directories that a program finds open, in the order of the mounts.
Expected<std::vector<Descriptor>> directories(const FSConfig& fs) {
  std::vector<Descriptor> result;
  std::map<std::string_view, MountedFiles*, std::less<>> of_files;
  for (const auto& mount : fs.mounts()) {
    std::string_view name = mount.guest_path;
    Descriptor directory;
    if (mount.source == Mount::Source::directory) {
      directory.owned = WZRUN_TRY(open_mount(mount));
      directory.kind = Descriptor::Kind::host;
      directory.fd = directory.owned.get();
    } else if (mount.source == Mount::Source::file_system) {
      directory = node_descriptor(mount.root, mount.root, Filetype::directory);
    } else {
      auto file = WZRUN_TRY(MountedFile::find(mount));
      const auto [folder, file_name] = split_file_mount(mount.guest_path);
      auto& files = of_files[folder];
      if (files != nullptr) {
        files->put(file_name, std::move(file));
        continue;
      }
      auto node = std::make_shared<MountedFiles>(of_files.size());
      files = node.get();
      files->put(file_name, std::move(file));
      directory = node_descriptor(node, node, Filetype::directory);
      name = folder;
    }
    directory.filetype = Filetype::directory;
    directory.read_only = mount.read_only || mount.source == Mount::Source::file;
    directory.base = rights::directory_base;
    directory.inheriting = rights::all;
    directory.preopen_name = name;
    result.push_back(std::move(directory));
  }
  for (const auto& mount : fs.mounts())
    if (mount.source != Mount::Source::file && of_files.contains(mount.guest_path))
      return std::unexpected(Error{.kind = ErrorKind::invalid_argument,
                                   .message = "no single file can be given in " + mount.guest_path +
                                              ", which is given as a whole; give it under another name"});
  return result;
}

}  // namespace

void StringList::add(std::string_view text) {
  offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
  bytes.append(text);
  bytes += '\0';
}

Expected<std::shared_ptr<State>> State::create(const ModuleConfig& config) {
  auto state = std::make_shared<State>();
  state->descriptors = DescriptorTable{config.max_descriptors()};
  WZRUN_CHECK(add_all(state->args, config.args(), "an argument"));
  std::vector<std::string> env;
  for (const auto& [key, value] : config.env())
    env.push_back(std::string{key}.append("=").append(value));
  WZRUN_CHECK(add_all(state->env, env, "the environment"));

  std::vector<Descriptor> given;
  given.push_back(descriptor_of(config.stdin_stream()));
  given.push_back(descriptor_of(config.stdout_stream()));
  given.push_back(descriptor_of(config.stderr_stream()));
  for (auto& directory : WZRUN_TRY(directories(config.fs())))
    given.push_back(std::move(directory));
  for (const auto& socket : config.listeners())
    given.push_back(WZRUN_TRY(listener(socket)));
  for (auto& descriptor : given)
    if (!state->descriptors.insert(std::move(descriptor)))
      return std::unexpected(Error{.kind = ErrorKind::invalid_argument,
                                   .message = "more directories and sockets are given than the limit of " +
                                              std::to_string(config.max_descriptors()) + " descriptors allows"});
  return state;
}

Expected<void> check_mounts(const FSConfig& fs) {
  WZRUN_CHECK(directories(fs));
  return {};
}

}  // namespace wzrun::wasi
