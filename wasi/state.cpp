#include "state.h"

#include "wzrun/wasi.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace wzrun::wasi {
namespace {

Expected<OwnedFd> open_mount(const DirectoryMount& mount) {
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

Descriptor lent(int fd, Rights wanted) {
  Descriptor result;
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return result;  // a closed descriptor reads as empty
  result.kind = Descriptor::Kind::host;
  result.fd = fd;
  result.filetype = filetype_of(fd, status);
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

Descriptor descriptor_of(const InputStream& stream) {
  constexpr auto kRights = rights::file & ~rights::writing;
  Descriptor result;
  if (const auto* host = std::get_if<HostDescriptor>(&stream))
    result = lent(host->fd, kRights);
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
    result = lent(host->fd, kRights);
  if (const auto* text = std::get_if<OutputText>(&stream); text != nullptr && text->text != nullptr) {
    result.kind = Descriptor::Kind::text_output;
    result.output = text->text;
  }
  if (result.base == 0)
    result.base = kRights;
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
  WZRUN_CHECK(add_all(state->args, config.args(), "an argument"));
  std::vector<std::string> env;
  for (const auto& [key, value] : config.env())
    env.push_back(std::string{key}.append("=").append(value));
  WZRUN_CHECK(add_all(state->env, env, "the environment"));

  std::vector<Descriptor> given;
  given.push_back(descriptor_of(config.stdin_stream()));
  given.push_back(descriptor_of(config.stdout_stream()));
  given.push_back(descriptor_of(config.stderr_stream()));
  for (const auto& mount : config.fs().mounts()) {
    Descriptor directory;
    directory.kind = Descriptor::Kind::host;
    directory.filetype = Filetype::directory;
    directory.owned = WZRUN_TRY(open_mount(mount));
    directory.fd = directory.owned.get();
    directory.read_only = mount.read_only;
    directory.base = rights::directory_base;
    directory.inheriting = rights::all;
    directory.preopen_name = mount.guest_path;
    given.push_back(std::move(directory));
  }
  for (auto& descriptor : given)
    if (!state->descriptors.insert(std::move(descriptor)))
      return std::unexpected(Error{.kind = ErrorKind::invalid_argument, .message = "too many directories are given"});
  return state;
}

Expected<void> check_mounts(const FSConfig& fs) {
  for (const auto& mount : fs.mounts())
    WZRUN_CHECK(open_mount(mount));
  return {};
}

}  // namespace wzrun::wasi
