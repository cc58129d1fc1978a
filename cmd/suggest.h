#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wzrun::cmd {

/// The candidate that `word` is most likely a misspelling of.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// What a module path that does not exist may have meant: a subcommand or a file beside it.
std::optional<std::string> nearest_module(std::string_view path);

}  // namespace wzrun::cmd
