#include "wasm/escape.h"

#include "wasm/byte_reader.h"
#include "wasm/limits.h"

#include <algorithm>
#include <cstdint>

namespace wzrun::wasm {

namespace {

/// Bytes of the character at the front, or 0 if it is not UTF-8.
std::size_t character_length(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
    if (is_utf8(text.substr(0, length)))
      return length;
  return 0;
}

/// C0 and C1 controls, delete, and the characters that reorder or hide what follows (bidirectional controls, zero
/// width and separators).
bool is_unprintable(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(character[i]); };
  if (character.size() == 1)
    return byte(0) < 0x20 || byte(0) == 0x7f || byte(0) == '"' || byte(0) == '\\';
  if (character.size() == 2)
    return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (character.size() == 3 && byte(0) == 0xe2)
    return (byte(1) == 0x80 && (byte(2) <= 0x8f || (byte(2) >= 0xa8 && byte(2) <= 0xae))) ||
           (byte(1) == 0x81 && byte(2) >= 0xa0 && byte(2) <= 0xaf && byte(2) >= 0xa6);
  return false;
}

void append_hex(std::string& out, std::uint8_t byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '\\';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t position = 0;
  while (position < text.size()) {
    if (position >= limit)
      return out + "...";
    const auto rest = text.substr(position);
    const auto length = character_length(rest);
    if (length != 0 && !is_unprintable(rest.substr(0, length)))
      out += rest.substr(0, length);
    else
      for (const char c : rest.substr(0, std::max<std::size_t>(length, 1)))
        append_hex(out, static_cast<std::uint8_t>(c));
    position += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string escaped(std::string_view text) { return escaped(text, limits::kNameInMessage); }

std::string quoted(std::string_view text) { return '"' + escaped(text) + '"'; }

}  // namespace wzrun::wasm
