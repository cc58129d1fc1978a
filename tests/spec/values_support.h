#pragma once

#include "wzrun/value.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace wzrun::spec {

/// An argument of an action, or nothing if the public API cannot express it.
std::optional<Value> read_value(const nlohmann::json& value);

/// True if `value` is what the script expects: a value, a pattern for NaNs or references, or one of several.
bool matches(const Value& value, const nlohmann::json& expected);

/// The value's type and bits, for a report.
std::string describe(const Value& value);

}  // namespace wzrun::spec
