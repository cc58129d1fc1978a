#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string_view>

namespace wzrun::wasi {

/// What a WASI function answers; the rows are in errno.def.
enum class Errno : std::uint16_t {
#define WZRUN_WASI_ERRNO(name, text, host) name,
#include "errno.def"
  /// No answer of WASI's: the call was interrupted, and the program is to be halted instead of answered.
  halted = 0xffff,
};

/// The documents' name, such as "ENOENT".
std::string_view to_string(Errno error);

/// What the program is told of a failure of the host; EIO for an errno that WASI does not have.
Errno from_host(int host_errno);

template <typename T>
using Try = std::expected<T, Errno>;
using Status = Try<void>;

inline std::unexpected<Errno> fail(Errno error) { return std::unexpected(error); }
/// The failure that `errno` tells of.
inline std::unexpected<Errno> fail_host() { return std::unexpected(from_host(errno)); }

}  // namespace wzrun::wasi
