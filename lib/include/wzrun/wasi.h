#pragma once

#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// WASI preview 1 as host modules. What a program may use is its instance's ModuleConfig. One thread at a time may run
/// a program. What a program writes raises no SIGPIPE or SIGXFSZ in this process, whatever that does with them, but
/// where HostDescriptor::raises_sigpipe allows it.
namespace wzrun::wasi {

/// The functions of WASI by what they are about: `fs` are those of descriptors and paths, `proc` those of arguments,
/// environment and the process itself.
enum class Group : std::uint8_t { clock, fs, poll, proc, random, sock };
std::string_view to_string(Group group);
std::optional<Group> parse_group(std::string_view name);

/// Tells of each call of a program, in the manner of strace: `path_open(3, SYMLINK_FOLLOW, "a", ...) = ENOENT
/// <0.000012>`. The program's bytes are escaped. Results stand behind the equals sign: an errno, a number, structures,
/// or `?` for a call that did not return; then the time that it took, in seconds.
struct Trace {
  std::vector<Group> groups;
  std::function<void(std::string_view line)> write;  ///< gets lines without a newline, on the program's thread
};

/// Makes `wasi_snapshot_preview1` and `wasi_unstable` importable in the runtime. Calls that are not traced cost what
/// they would cost without it. Errors: invalid_argument if one of the names is taken.
Expected<void> instantiate(Runtime& runtime, Trace trace = {});

/// Whether every mount can be opened, so that a mistake is told before the program runs; otherwise its first call to
/// WASI fails with the same error. Errors: io, naming the host's and the program's path.
Expected<void> check_mounts(const FSConfig& fs);

/// A TCP socket that listens, for ModuleConfig::with_listener; closed at its end.
class ListeningSocket {
 public:
  /// `host` is an address or a name, of whose addresses the first that can be listened on is taken; empty for all
  /// addresses of this machine. Port 0 lets the system choose one.
  /// Errors: io, with the address that was refused.
  static Expected<ListeningSocket> open(std::string_view host, std::uint16_t port);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  ~ListeningSocket();

  HostDescriptor descriptor() const { return {fd_}; }
  /// As `127.0.0.1:8080` or `[::1]:8080`, with the port that was chosen.
  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }

 private:
  ListeningSocket(int fd, std::string address, std::uint16_t port);

  int fd_;
  std::string address_;
  std::uint16_t port_;
};

}  // namespace wzrun::wasi
