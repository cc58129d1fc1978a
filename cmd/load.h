#pragma once

#include "wzrun/error.h"

#include <cstdint>
#include <span>
#include <string>

namespace wzrun::cmd {

/// The error in one line; for bytes that are something else than a core module it says what they are.
std::string explain(const Error& error, std::span<const std::uint8_t> bytes);

/// Why a module could not be read, with a path that may have been meant.
std::string explain_unreadable(const Error& error, const std::string& path);

}  // namespace wzrun::cmd
