#pragma once

#include "wzrun/features.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Configurations are immutable values: each `with_` returns a changed copy.
namespace wzrun {

class CompilationCache;
class FileNode;

/// What runs code.
enum class EngineKind : std::uint8_t {
  automatic,    ///< compiled code if the cache has it; else the interpreter, until what is hot has been compiled
  llvm,         ///< compiled code, made now if the cache does not have it; the interpreter for what cannot be compiled
  interpreter,  ///< starts at once, with anything
};
std::string_view to_string(EngineKind kind);

/// What may be done with a cache.
enum class CacheUse : std::uint8_t {
  read_write,
  read_only,  ///< nothing is stored
  require,    ///< no code is stored, and compiling is an error unless the cache has the module's code
};

/// What Linux's `perf` is told of compiled code.
enum class PerfFile : std::uint8_t {
  none,
  map,   ///< names, in /tmp/perf-PID.map, where `perf report` finds them
  dump,  ///< names and code, in jit-PID.dump in the working directory, for `perf record -k mono` and `perf inject
         ///< --jit`
};

class RuntimeConfig {
 public:
  /// Instructions and types outside these features are errors. Default: CoreFeatures::V3.
  [[nodiscard]] RuntimeConfig with_features(CoreFeatures features) const;
  /// The linear memories of an instance do not grow beyond this many bytes together; a module whose minimum is larger
  /// is refused. Memories that it imports count for the instance that they come from. Default: no limit but those of
  /// the module.
  [[nodiscard]] RuntimeConfig with_max_memory_bytes(std::uint64_t bytes) const;
  /// The same for tables, in elements (of 8 bytes) of all tables of an instance. Default: kDefaultMaxTableElements.
  [[nodiscard]] RuntimeConfig with_max_table_elements(std::uint64_t count) const;
  /// Instances that may be there at once, host modules not counted; instantiating another is unsupported. Default: no
  /// limit.
  [[nodiscard]] RuntimeConfig with_max_instances(std::uint64_t count) const;
  /// Stack that one call of a program may use, in bytes of interpreter frames. Default: kDefaultMaxStackBytes.
  [[nodiscard]] RuntimeConfig with_max_stack_bytes(std::uint64_t bytes) const;
  /// Threads that validate and compile a module. Default: 0, one for each processor.
  [[nodiscard]] RuntimeConfig with_compile_threads(unsigned threads) const;
  /// Default: automatic.
  [[nodiscard]] RuntimeConfig with_engine(EngineKind engine) const;
  /// How hard the compiler tries: 0 compiles fastest, 3 gives the fastest code; on level 2 of a large module only what
  /// is likely to be hot is compiled well. Code of another level is not used. Default: 2, and better code where the
  /// cache has some.
  [[nodiscard]] RuntimeConfig with_opt_level(unsigned level) const;
  /// Where compiled code is looked for and kept. Default: nowhere.
  [[nodiscard]] RuntimeConfig with_cache(std::shared_ptr<CompilationCache> cache,
                                         CacheUse use = CacheUse::read_write) const;
  /// Whether files that Runtime::precompile made may be run: the native code in them is not checked, so whoever wrote
  /// the file can do all that this process can. Default: they may not.
  [[nodiscard]] RuntimeConfig with_precompiled_files(bool allowed) const;
  /// For tests: the automatic engine compiles functions at moments that the seed decides, on the thread that runs them,
  /// and enters compiled code wherever it can be entered; what is compiled ahead on the default level comes from two
  /// compilers, as the seed decides. Default: functions are compiled when they are hot, or likely to become it.
  [[nodiscard]] RuntimeConfig with_tier_stress(std::uint64_t seed) const;
  /// Called before the automatic engine compiles the first function of a module that runs, on the thread that runs the
  /// module or loads it, and before it makes threads to compile on. Must not use the module or throw.
  [[nodiscard]] RuntimeConfig with_tiering_observer(std::function<void()> observer) const;
  /// Called from any thread while a module is compiled: of `total` bytes of code, `done` are.
  [[nodiscard]] RuntimeConfig with_compile_progress(
      std::function<void(std::uint64_t done, std::uint64_t total)> progress) const;

  /// Whether `perf` shows the names of functions in compiled code. A file that cannot be written makes Runtime::compile
  /// fail. Default: none.
  [[nodiscard]] RuntimeConfig with_perf_file(PerfFile file) const;
  /// Whether a debugger that knows GDB's JIT interface shows them. Default: no.
  [[nodiscard]] RuntimeConfig with_debugger(bool shown) const;

  CoreFeatures features() const { return features_; }
  std::uint64_t max_memory_bytes() const { return max_memory_bytes_; }
  std::uint64_t max_table_elements() const { return max_table_elements_; }
  std::uint64_t max_instances() const { return max_instances_; }
  std::uint64_t max_stack_bytes() const { return max_stack_bytes_; }
  unsigned compile_threads() const { return compile_threads_; }
  EngineKind engine() const { return engine_; }
  unsigned opt_level() const { return opt_level_.value_or(kDefaultOptLevel); }
  bool has_opt_level() const { return opt_level_.has_value(); }
  const std::shared_ptr<CompilationCache>& cache() const { return cache_; }
  CacheUse cache_use() const { return cache_use_; }
  bool precompiled_files() const { return precompiled_files_; }
  std::optional<std::uint64_t> tier_stress() const { return tier_stress_; }
  const std::function<void()>& tiering_observer() const { return tiering_observer_; }
  const std::function<void(std::uint64_t, std::uint64_t)>& compile_progress() const { return compile_progress_; }
  PerfFile perf_file() const { return perf_file_; }
  bool debugger() const { return debugger_; }

  static constexpr std::uint64_t kDefaultMaxStackBytes = 8U << 20;
  static constexpr std::uint64_t kDefaultMaxTableElements = 10'000'000;
  static constexpr unsigned kDefaultOptLevel = 2;
  static constexpr unsigned kMaxOptLevel = 3;

 private:
  CoreFeatures features_ = CoreFeatures::V3;
  std::uint64_t max_memory_bytes_ = ~std::uint64_t{0};
  std::uint64_t max_table_elements_ = kDefaultMaxTableElements;
  std::uint64_t max_instances_ = ~std::uint64_t{0};
  std::uint64_t max_stack_bytes_ = kDefaultMaxStackBytes;
  unsigned compile_threads_ = 0;
  EngineKind engine_ = EngineKind::automatic;
  std::optional<unsigned> opt_level_;
  std::shared_ptr<CompilationCache> cache_;
  CacheUse cache_use_ = CacheUse::read_write;
  bool precompiled_files_ = false;
  std::optional<std::uint64_t> tier_stress_;
  std::function<void()> tiering_observer_;
  std::function<void(std::uint64_t, std::uint64_t)> compile_progress_;
  PerfFile perf_file_ = PerfFile::none;
  bool debugger_ = false;
};

/// What a program may use under a name of its own.
struct Mount {
  enum class Source : std::uint8_t {
    directory,    ///< of the host
    file,         ///< of the host, alone in a directory that can only be read
    file_system,  ///< `root`
  };
  Source source = Source::directory;
  std::string host_path;
  std::string guest_path;
  bool read_only = false;
  std::shared_ptr<FileNode> root;
};

/// The files and directories given to a program. Their descriptors start at 3, in this order.
class FSConfig {
 public:
  /// A mount with the same guest path takes the earlier one's place.
  [[nodiscard]] FSConfig with_directory(std::string host_path, std::string guest_path) const;
  [[nodiscard]] FSConfig with_read_only_directory(std::string host_path, std::string guest_path) const;
  /// A single regular file. The directory in front of its name in `guest_path` holds nothing but files given in this
  /// way, and must not be given otherwise.
  [[nodiscard]] FSConfig with_file(std::string host_path, std::string guest_path) const;
  [[nodiscard]] FSConfig with_read_only_file(std::string host_path, std::string guest_path) const;
  /// A file system of the embedder's own (wzrun/file_system.h): `root` is its directory.
  [[nodiscard]] FSConfig with_file_system(std::shared_ptr<FileNode> root, std::string guest_path) const;
  [[nodiscard]] FSConfig with_read_only_file_system(std::shared_ptr<FileNode> root, std::string guest_path) const;
  const std::vector<Mount>& mounts() const { return mounts_; }

 private:
  FSConfig with_mount(Mount mount) const;

  std::vector<Mount> mounts_;
};

/// A descriptor of the host process; it is used, never closed.
struct HostDescriptor {
  int fd = -1;
  /// What a write to a pipe that nobody reads is: SIGPIPE to the process, as for a native program, or EPIPE for the
  /// program alone.
  bool raises_sigpipe = false;
};
/// Text to read, to its end.
struct InputText {
  std::string text;
};
/// Collects what is written. Not to be read while the program runs.
struct OutputText {
  std::shared_ptr<std::string> text;
};
struct NoStream {};  ///< reads as empty; swallows what is written

using InputStream = std::variant<NoStream, HostDescriptor, InputText>;
using OutputStream = std::variant<NoStream, HostDescriptor, OutputText>;

/// A program was refused something for what it was given.
struct Denial {
  enum class Reason : std::uint8_t {
    outside,    ///< the path leads out of the directory that it was looked up in
    read_only,  ///< it is to be changed, and was given read-only
  };
  Reason reason{};
  std::string directory;  ///< the program's name of the directory that was given
  std::string path;       ///< what was asked for in it, as the program wrote it: any bytes
};

/// What to do about a function import that nobody provides.
enum class UnknownImports : std::uint8_t {
  error,     ///< refuse to instantiate
  trap,      ///< instantiate; calling it traps
  defaults,  ///< instantiate; calling it returns zeros and nulls
};

/// Everything a module instance is given. By default it is given nothing: no arguments, environment, files or
/// streams; clocks and random numbers are the system's.
class ModuleConfig {
 public:
  /// The name it can be imported by; default: none, so that it cannot be imported.
  [[nodiscard]] ModuleConfig with_name(std::string name) const;
  /// Arguments including the program's name. An argument with a NUL byte makes instantiation fail.
  [[nodiscard]] ModuleConfig with_args(std::vector<std::string> args) const;
  /// A later value for the same key takes the earlier one's place.
  [[nodiscard]] ModuleConfig with_env(std::string key, std::string value) const;
  [[nodiscard]] ModuleConfig with_fs(FSConfig fs) const;
  /// Descriptors that the program may have at once, streams and mounts included; one more is EMFILE. The host's own
  /// limit may be lower. Default: kDefaultMaxDescriptors.
  [[nodiscard]] ModuleConfig with_max_descriptors(std::uint32_t count) const;
  [[nodiscard]] ModuleConfig with_stdin(InputStream stream) const;
  [[nodiscard]] ModuleConfig with_stdout(OutputStream stream) const;
  [[nodiscard]] ModuleConfig with_stderr(OutputStream stream) const;
  /// A listening socket that the program may accept connections on, such as wasi::ListeningSocket's. Several keep their
  /// order; their descriptors follow those of the directories. It is duplicated when the program makes its first call,
  /// and whether it blocks is then the program's to say.
  [[nodiscard]] ModuleConfig with_listener(HostDescriptor socket) const;
  /// Told of each denied access, on the thread that runs the program and before the program is told.
  [[nodiscard]] ModuleConfig with_denial_observer(std::function<void(const Denial&)> observer) const;
  /// Exported functions without parameters called after instantiation, in order; missing ones are skipped.
  /// Default: none.
  [[nodiscard]] ModuleConfig with_start_functions(std::vector<std::string> names) const;
  [[nodiscard]] ModuleConfig with_unknown_imports(UnknownImports policy) const;
  /// Replaces the wall clock: nanoseconds since 1970.
  [[nodiscard]] ModuleConfig with_wall_clock(std::function<std::int64_t()> now_ns) const;
  /// Replaces the monotonic clock, in nanoseconds.
  [[nodiscard]] ModuleConfig with_monotonic_clock(std::function<std::int64_t()> now_ns) const;
  /// Replaces the source of random bytes: fills the range.
  [[nodiscard]] ModuleConfig with_random(std::function<void(std::uint8_t*, std::size_t)> fill) const;

  const std::string& name() const { return name_; }
  const std::vector<std::string>& args() const { return args_; }
  const std::vector<std::pair<std::string, std::string>>& env() const { return env_; }
  const FSConfig& fs() const { return fs_; }
  std::uint32_t max_descriptors() const { return max_descriptors_; }
  const InputStream& stdin_stream() const { return stdin_; }
  const OutputStream& stdout_stream() const { return stdout_; }
  const OutputStream& stderr_stream() const { return stderr_; }
  const std::vector<HostDescriptor>& listeners() const { return listeners_; }
  const std::function<void(const Denial&)>& denial_observer() const { return denial_observer_; }
  const std::vector<std::string>& start_functions() const { return start_functions_; }
  UnknownImports unknown_imports() const { return unknown_imports_; }
  const std::function<std::int64_t()>& wall_clock() const { return wall_clock_; }
  const std::function<std::int64_t()>& monotonic_clock() const { return monotonic_clock_; }
  const std::function<void(std::uint8_t*, std::size_t)>& random() const { return random_; }

  static constexpr std::uint32_t kDefaultMaxDescriptors = 65536;

 private:
  std::string name_;
  std::vector<std::string> args_;
  std::vector<std::pair<std::string, std::string>> env_;
  FSConfig fs_;
  std::uint32_t max_descriptors_ = kDefaultMaxDescriptors;
  InputStream stdin_;
  OutputStream stdout_;
  OutputStream stderr_;
  std::vector<HostDescriptor> listeners_;
  std::function<void(const Denial&)> denial_observer_;
  std::vector<std::string> start_functions_;
  UnknownImports unknown_imports_ = UnknownImports::error;
  std::function<std::int64_t()> wall_clock_;
  std::function<std::int64_t()> monotonic_clock_;
  std::function<void(std::uint8_t*, std::size_t)> random_;
};

}  // namespace wzrun
