#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace wzrun {

/// What is wrong, in the words of the specification's test suite where it has one.
enum class ErrorKind : std::uint8_t {
  malformed,         ///< the bytes do not decode
  invalid,           ///< the module decodes but does not validate
  unlinkable,        ///< an import is missing or has another type
  unsupported,       ///< valid, but past a limit of this implementation or switched off
  invalid_argument,  ///< a configuration or call that cannot be carried out
  io,                ///< the operating system refused
  not_cached,        ///< the cache has no code of the module, and CacheUse::require wants it
};

std::string_view to_string(ErrorKind kind);

/// A failure of loading, linking or configuring: what happens before, or instead of, running the program.
struct Error {
  static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

  ErrorKind kind{};
  std::uint64_t offset = kNoOffset;  ///< byte in the module to blame, or kNoOffset
  std::string message;               ///< one line, complete but for module name and offset

  /// One line: `0x1a2b: message`, or the message alone when there is no offset.
  std::string to_string() const;
};

template <typename T>
using Expected = std::expected<T, Error>;

/// Why a program trapped.
enum class TrapKind : std::uint8_t {
#define WZRUN_TRAP(name, text) name,
#include "wzrun/traps.def"
#undef WZRUN_TRAP
};

/// The trap's message in the words of the specification's test suite.
std::string_view to_string(TrapKind kind);

/// One frame of a backtrace, innermost first.
struct Frame {
  std::string module;                ///< module name, possibly empty
  std::string function;              ///< from the name section, or empty
  std::uint32_t function_index = 0;  ///< in the module's index space
  std::uint64_t offset = 0;          ///< byte in the module of the instruction
};

/// The program trapped: a result of running it.
struct Trap {
  TrapKind kind{};
  std::string detail;         ///< more than the kind says, or empty
  std::vector<Frame> frames;  ///< innermost first; the middle of a very deep stack is left out
  std::uint64_t omitted = 0;  ///< frames left out between frames[omitted_at - 1] and frames[omitted_at]
  std::size_t omitted_at = 0;

  /// Message and backtrace, several lines, the last without a newline.
  std::string to_string() const;
};

/// The program ended itself, as with WASI's `proc_exit`.
struct Exit {
  std::uint32_t code = 0;
};

/// Why a call did not return: it trapped, the program exited, or (a host function's own failure) an error.
using Halt = std::variant<Trap, Exit, Error>;

/// The outcome of running code.
template <typename T>
using Result = std::expected<T, Halt>;

}  // namespace wzrun

/// Yields the value of an expected, or returns its error from the enclosing function.
#define WZRUN_TRY(...)                                           \
  ({                                                             \
    auto&& wzrun_try_ = (__VA_ARGS__);                           \
    if (!wzrun_try_) [[unlikely]]                                \
      return ::std::unexpected(::std::move(wzrun_try_).error()); \
    *::std::move(wzrun_try_);                                    \
  })

/// As WZRUN_TRY for an expected without a value.
#define WZRUN_CHECK(...)                                                 \
  do {                                                                   \
    if (auto&& wzrun_check_ = (__VA_ARGS__); !wzrun_check_) [[unlikely]] \
      return ::std::unexpected(::std::move(wzrun_check_).error());       \
  } while (false)
