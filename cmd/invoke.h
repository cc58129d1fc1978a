#pragma once

#include "options.h"

#include "wzrun/module.h"
#include "wzrun/value.h"

#include <span>
#include <string>
#include <vector>

namespace wzrun::cmd {

/// Reads a function's arguments: integers in decimal, with a sign, or hexadecimal; floats also as `inf`, `nan` and
/// hexadecimal; v128 as `0x` and 32 digits; references as `null` alone.
Parsed<std::vector<Value>> parse_arguments(std::span<const std::string> words, std::span<const ValueType> types);

/// Calls an export, after `_initialize` where the module has one. Requires that the export is there and takes these.
Result<std::vector<Value>> invoke(const Module& module, const std::string& name, std::span<const Value> arguments);

/// Results as they are printed, one a line.
std::string lines_of(std::span<const Value> results);

/// A result as it is printed: integers signed, floats with the digits that give the same value back.
std::string to_string(const Value& value);

}  // namespace wzrun::cmd
