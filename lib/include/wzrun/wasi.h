#pragma once

#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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

/// The same with those functions alone that `imports` names (CompiledModule::imports): quicker where one module runs.
Expected<void> instantiate_for(std::span<const External> imports, Runtime& runtime, Trace trace = {});

class Meeting;

/// Two runs of one program, on two threads and runtimes with different engines, that must do the same. Each call of
/// WASI waits for the other run to make it too, with the same arguments and the same bytes in memory; it is carried out
/// once, for the first run, and answers both. Memories are compared as a whole at calls, as often as a quarter of the
/// time allows, and at the end. What the specification leaves open, such as the bits of a NaN, may make runs differ.
class Twins {
 public:
  enum class Run : std::uint8_t { first, second };

  Twins();
  ~Twins();
  Twins(const Twins&) = delete;
  Twins& operator=(const Twins&) = delete;

  /// Makes `wasi_snapshot_preview1` and `wasi_unstable` importable in both. Errors: as wasi::instantiate.
  Expected<void> instantiate(Runtime& first, Runtime& second);
  /// A run has ended, in words that are equal if it was in the same way; `memory` stays until both have ended. Where
  /// the other is waiting for it, that one ends too.
  void ended(Run run, std::string how, std::optional<Memory> memory);
  /// The first difference, in words, once there is one. Both runs end there with Trap runs_differ, whose backtraces
  /// tell where they are.
  std::optional<std::string> difference() const;
  /// That were carried out.
  std::uint64_t calls() const;

 private:
  std::shared_ptr<Meeting> meeting_;
};

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
