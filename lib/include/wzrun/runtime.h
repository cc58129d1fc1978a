#pragma once

#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/host_module.h"
#include "wzrun/module.h"

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

  std::span<const std::uint8_t> view() const { return view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::uint8_t> view_;
};

enum class ExternalKind : std::uint8_t { function, table, memory, global, tag };

/// An import or export as a module declares it.
struct External {
  std::string module;  ///< imports only
  std::string name;
  ExternalKind kind{};
  std::string type;  ///< in the text format, such as `(func (param i32) (result i32))`
};

/// A decoded and validated module. Copies share it. It must not outlive its Runtime.
class CompiledModule {
 public:
  explicit CompiledModule(std::shared_ptr<runtime::CompiledCode> code) : code_(std::move(code)) {}

  /// From the name section, or empty.
  std::string name() const;
  std::vector<External> imports() const;
  std::vector<External> exports() const;
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

  /// Errors: malformed, invalid, unsupported, with the byte offset.
  Expected<CompiledModule> compile(ModuleBytes bytes);
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

/// Decodes and validates without keeping anything.
Expected<void> validate(std::span<const std::uint8_t> module, CoreFeatures features, unsigned threads = 1);

}  // namespace wzrun
