#pragma once

#include "wzrun/config.h"
#include "wzrun/error.h"
#include "wzrun/value.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun {

namespace runtime {
struct Instance;
class LinearMemory;
struct FunctionInstance;
struct GlobalInstance;
struct InstanceHandle;
}  // namespace runtime

/// A linear memory of a live instance. Copies refer to the same memory.
/// Access is checked; a span or pointer into it may dangle after the program or `grow` ran.
class Memory {
 public:
  explicit Memory(runtime::LinearMemory& memory) : memory_(&memory) {}

  /// In bytes; up to 2^32 for a 32-bit memory, so 64 bits wide.
  std::uint64_t size() const;
  /// Adds pages of 64 KiB. Returns the previous size in pages, or nothing where the limit or the host refuses.
  std::optional<std::uint64_t> grow(std::uint64_t pages);
  /// The bytes `[address, address + length)`, or nothing if any lies past the end.
  std::optional<std::span<std::uint8_t>> range(std::uint64_t address, std::uint64_t length) const;

  /// Reads a T stored at `address` in little-endian order; no alignment is required.
  template <typename T>
  std::optional<T> read(std::uint64_t address) const {
    const auto bytes = range(address, sizeof(T));
    if (!bytes)
      return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }
  /// Writes a T; false if any byte lies past the end, and then nothing is written.
  template <typename T>
  [[nodiscard]] bool write(std::uint64_t address, const T& value) const {
    const auto bytes = range(address, sizeof(T));
    if (bytes)
      std::memcpy(bytes->data(), &value, sizeof(T));
    return bytes.has_value();
  }

 private:
  runtime::LinearMemory* memory_;
};

/// An exported function of a live instance.
class Function {
 public:
  Function(std::shared_ptr<runtime::InstanceHandle> owner, runtime::FunctionInstance& function)
      : owner_(std::move(owner)), function_(&function) {}

  std::span<const ValueType> params() const;
  std::span<const ValueType> results() const;
  /// Runs it on the calling thread. Errors: a Trap, the program's Exit, or an Error (invalid_argument if the
  /// arguments do not fit the parameters). Throws what a host function throws.
  Result<std::vector<Value>> call(std::span<const Value> arguments = {}) const;

 private:
  std::shared_ptr<runtime::InstanceHandle> owner_;
  runtime::FunctionInstance* function_;
};

/// An exported global of a live instance.
class Global {
 public:
  Global(std::shared_ptr<runtime::InstanceHandle> owner, runtime::GlobalInstance& global)
      : owner_(std::move(owner)), global_(&global) {}
  ValueType type() const;
  bool is_mutable() const;
  Value get() const;
  /// Errors: invalid_argument if the global is immutable or of another type.
  Expected<void> set(const Value& value) const;

 private:
  std::shared_ptr<runtime::InstanceHandle> owner_;
  runtime::GlobalInstance* global_;
};

/// A module instance. Copies refer to the same instance, which lives as long as a copy, its Runtime's registration
/// of its name, or an instance linked with it.
class Module {
 public:
  explicit Module(std::shared_ptr<runtime::InstanceHandle> handle) : handle_(std::move(handle)) {}

  const std::string& name() const;
  const ModuleConfig& config() const;
  std::optional<Function> exported_function(std::string_view name) const;
  std::optional<Memory> exported_memory(std::string_view name) const;
  std::optional<Global> exported_global(std::string_view name) const;
  /// Forgets its name; calls from the host after this fail with Exit{exit_code}, and running ones end with it: those
  /// of this thread once the present host function returns, those of other threads are waited for, up to a second.
  /// Instances linked with it may still call its functions.
  void close(std::uint32_t exit_code = 0);
  bool is_closed() const;

  const std::shared_ptr<runtime::InstanceHandle>& handle() const { return handle_; }

 private:
  std::shared_ptr<runtime::InstanceHandle> handle_;
};

}  // namespace wzrun
