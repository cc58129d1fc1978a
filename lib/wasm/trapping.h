#pragma once

#include "wzrun/error.h"

#include <expected>

namespace wzrun::wasm {

/// The result of an operation that can trap.
template <typename T>
using Trapping = std::expected<T, TrapKind>;

}  // namespace wzrun::wasm
