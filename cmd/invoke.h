#pragma once

#include "options.h"

#include "wzrun/value.h"

#include <span>
#include <string>
#include <vector>

namespace wzrun::cmd {

/// Reads a function's arguments: integers in decimal, with a sign, or hexadecimal; floats also as `inf`, `nan` and
/// hexadecimal; v128 as `0x` and 32 digits; references as `null` alone.
Parsed<std::vector<Value>> parse_arguments(std::span<const std::string> words, std::span<const ValueType> types);

/// A result as it is printed: integers signed, floats with the digits that give the same value back.
std::string to_string(const Value& value);

}  // namespace wzrun::cmd
