#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wzrun::wasm {

/// Text from a module made fit for a terminal: control characters, quotes, backslashes and bytes that are not UTF-8 as
/// `\xx`, and nothing past `limit` bytes but `...`.
std::string escaped(std::string_view text, std::size_t limit);
/// The same with the limit of an error line.
std::string escaped(std::string_view text);
/// The same in double quotes.
std::string quoted(std::string_view text);

}  // namespace wzrun::wasm
