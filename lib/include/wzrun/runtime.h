#pragma once

#include "wzrun/cache.h"
#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/host_module.h"
#include "wzrun/module.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun {

namespace runtime {
struct CompiledCode;
struct RuntimeState;
}  // namespace runtime

/// The bytes of a module: read from a file, owned, or borrowed.
class ModuleBytes {
 public:
  /// Reads a regular file, FIFO, device or `-` (standard input) to its end, at most 4 GiB.
  /// A first line that starts with `#!` is skipped. Errors: io, with the system's reason.
  static Expected<ModuleBytes> from_file(const std::string& path);
  static ModuleBytes own(std::vector<std::uint8_t> bytes);
  /// The bytes must outlive the compiled module.
  static ModuleBytes borrow(std::span<const std::uint8_t> bytes);
  /// The bytes live as long as `owner` does.
  static ModuleBytes keep(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner);

  std::span<const std::uint8_t> view() const { return view_; }
  /// Some of them, which keep the others alive. Requires that they lie inside.
  ModuleBytes part(std::size_t offset, std::size_t size) const { return keep(view_.subspan(offset, size), owner_); }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::uint8_t> view_;
};

/// A module's file, opened and not read: a cache can spare its reading. Copies share the descriptor.
class ModuleFile {
 public:
  /// Opens a regular file, FIFO, device or `-` (standard input). Errors: io, with the system's reason.
  static Expected<ModuleFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  /// Of a regular file, when it was opened.
  const std::optional<FileFingerprint>& fingerprint() const { return fingerprint_; }
  /// Whether its contents are what they were when it was opened. False for what is no regular file.
  bool is_unchanged() const;
  /// Whether it begins as files do that Runtime::precompile made.
  bool is_precompiled() const { return precompiled_; }
  int fd() const;
  /// Reads it to its end, at most 4 GiB; from the beginning if it is a regular file. A first line that starts with `#!`
  /// is skipped. Errors: io, with the system's reason.
  Expected<ModuleBytes> read() const;

 private:
  std::string path_;
  std::shared_ptr<const int> descriptor_;
  std::optional<FileFingerprint> fingerprint_;
  bool precompiled_ = false;
};

enum class ExternalKind : std::uint8_t { function, table, memory, global, tag };

/// An import or export as a module declares it.
struct External {
  std::string module;  ///< imports only
  std::string name;
  ExternalKind kind{};
  std::string type;  ///< in the text format, such as `(func (param i32) (result i32))`
};

/// How a module became ready to run.
struct CompilationReport {
  EngineKind engine = EngineKind::interpreter;  ///< llvm: it has compiled code
  enum class Cache : std::uint8_t {
    unused,
    hit,
    hot,  ///< it has the code of functions that were hot in earlier runs
    miss,
  };
  Cache cache = Cache::unused;
  std::string cache_reason;         ///< of a miss
  bool stored = false;              ///< its code is in the cache now
  std::uint64_t hot_functions = 0;  ///< compiled at level 3, because earlier runs have spent their time in them
  std::string warning;  ///< why there is no compiled code although it was asked for, or why it was not stored
  struct Phase {
    std::string_view name;
    std::chrono::nanoseconds duration{};
  };
  std::vector<Phase> phases;  ///< in order
};

/// What the automatic engine did so far while a module's programs ran.
struct TieringReport {
  std::uint64_t interpreted_functions = 0;  ///< that were called before there was compiled code of them
  std::uint64_t compiled_functions = 0;     ///< in this process
  std::uint64_t improved_functions = 0;     ///< compiled once more, better or with other callees
  std::uint64_t kept_functions = 0;         ///< whose code earlier runs had left
  std::uint64_t units = 0;                  ///< pieces that were compiled at once
  std::uint64_t loop_entries = 0;           ///< times that a running loop went on in compiled code
  std::chrono::nanoseconds compiling{};     ///< time of the threads that compiled
};

/// What a run has compiled and counted and no cache has yet, in pieces: one after the other they are what keep_packed()
/// takes.
struct UnkeptCode {
  std::vector<std::span<const std::uint8_t>> parts;
  std::shared_ptr<const void> memory;  ///< that the parts lie in

  bool empty() const { return parts.empty(); }
};

/// A decoded and validated module. Copies share it. It must not outlive its Runtime.
class CompiledModule {
 public:
  explicit CompiledModule(std::shared_ptr<runtime::CompiledCode> code) : code_(std::move(code)) {}

  /// From the name section, or empty.
  std::string name() const;
  std::vector<External> imports() const;
  std::vector<External> exports() const;
  const CompilationReport& report() const;
  /// Nothing if the engine is not automatic, or had nothing to do because all is compiled.
  std::optional<TieringReport> tiering() const;
  /// Has the cache keep what the automatic engine has compiled and counted since it was last kept, which happens now
  /// and then anyway, and when the module ends.
  void keep() const;
  /// Has the automatic engine compile nothing more: a program that has ended wants to keep what there is, and be gone.
  void stop_compiling() const;
  /// What keep() would add to the cache, for keep_packed() and improve_packed(): a process that ends need not wait for
  /// a disk if another one keeps it. Empty if neither has anything to do.
  UnkeptCode unkept() const;
  const std::shared_ptr<runtime::CompiledCode>& code() const { return code_; }

 private:
  std::shared_ptr<runtime::CompiledCode> code_;
};

/// The root of everything: compiles modules, instantiates them, and names them for each other's imports.
/// Two runtimes share nothing. All members may be called from several threads.
class Runtime {
 public:
  explicit Runtime(const RuntimeConfig& config = {});
  ~Runtime();
  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) noexcept;

  /// Makes a module ready to run with the configured engine. A module whose code the cache has was valid when it was
  /// put there, and is not validated again.
  /// Errors: malformed, invalid, unsupported, with the byte offset; not_cached.
  Expected<CompiledModule> compile(ModuleBytes bytes);
  /// The same of a file, which is not read if the cache knows it and has its code. It must not change until the last
  /// instance is made. Errors: io; and for a precompiled one invalid_argument if it was made for another wzrun,
  /// processor or configuration, or is not allowed.
  Expected<CompiledModule> compile(const ModuleFile& file);
  /// A file that compile() takes in place of the module: the module and its compiled code.
  /// Errors: as compile(); unsupported if it cannot be compiled.
  Expected<std::vector<std::uint8_t>> precompile(const ModuleFile& file);
  /// Links, initialises, runs the start function and the configured start functions.
  /// Errors: an Error (unlinkable, unsupported, invalid_argument), or what a start function did: Trap or Exit.
  Result<Module> instantiate(const CompiledModule& module, const ModuleConfig& config = {});
  HostModuleBuilder host_module(std::string name) { return {*this, std::move(name)}; }
  /// The live instance of this name.
  std::optional<Module> module(std::string_view name) const;
  /// Makes an instance importable under another name, which must be free.
  Expected<void> alias(const Module& module, std::string name);
  /// Ends every running call with Trap interrupted, and every later one. Returns once those of other threads have left,
  /// or after `patience_ms`; false if a host function did not return by then.
  bool interrupt(std::uint64_t patience_ms);
  const RuntimeConfig& config() const;

  const std::shared_ptr<runtime::RuntimeState>& state() const { return state_; }

 private:
  std::shared_ptr<runtime::RuntimeState> state_;
};

/// Adds what CompiledModule::unkept() gave, in one piece, to a cache. It is code that will run: whoever can write it
/// can do all that this process can. True if improve_packed() has something to do. Errors: malformed, io.
Expected<bool> keep_packed(CompilationCache& cache, std::span<const std::uint8_t> packed);
/// Does what can wait until such code is kept and the processors have nothing else to do: puts what was compiled in
/// many pieces together, so that functions call each other faster and a start has less to look at, and compiles well
/// what runs have found hot. Begins nothing new when this process has used `time` of the processor for that, or when a
/// run of the module has begun that does the same. Does nothing where there is one processor only. Errors: malformed,
/// io.
Expected<void> improve_packed(CompilationCache& cache, std::span<const std::uint8_t> packed,
                              std::chrono::milliseconds time);

/// Decodes and validates without keeping anything.
Expected<void> validate(std::span<const std::uint8_t> module, CoreFeatures features, unsigned threads = 1);

}  // namespace wzrun
