#pragma once

#include <string>
#include <string_view>

namespace wzrun::cmd {

/// A string in JSON. The names of a valid module are UTF-8; other bytes, possible in a path, stay as they are.
std::string json_string(std::string_view text);

}  // namespace wzrun::cmd
