#include "wasm/byte_reader.h"

#include <fmt/format.h>

#include <cstring>

namespace wzrun::wasm {

namespace {

bool is_continuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

/// The length of the well-formed sequence at `p`, or 0.
/// Source: Unicode 15, table 3-7.
std::size_t sequence_length(const std::uint8_t* p, std::size_t left) {
  const auto lead = p[0];
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return left >= 2 && is_continuation(p[1]) ? 2 : 0;
  if ((lead & 0xf0) == 0xe0) {
    if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
      return 0;
    const bool over_long = lead == 0xe0 && p[1] < 0xa0;
    const bool surrogate = lead == 0xed && p[1] >= 0xa0;
    return over_long || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (left < 4 || !is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3]))
      return 0;
    const bool over_long = lead == 0xf0 && p[1] < 0x90;
    const bool too_large = lead == 0xf4 && p[1] >= 0x90;
    return over_long || too_large ? 0 : 4;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const std::uint8_t*>(text.data());
  auto left = text.size();
  while (left > 0) {
    if (left >= 8) {
      std::uint64_t word;
      std::memcpy(&word, p, sizeof word);
      if ((word & 0x8080808080808080) == 0) {
        p += 8;
        left -= 8;
        continue;
      }
    }
    const auto length = sequence_length(p, left);
    if (length == 0)
      return false;
    p += length;
    left -= length;
  }
  return true;
}

std::unexpected<Error> ByteReader::unexpected_end(std::size_t wanted) const {
  return malformed(offset(),
                   fmt::format("unexpected end of section or function: {} bytes wanted, {} left", wanted, remaining()));
}

std::unexpected<Error> ByteReader::out_of_bounds(const std::uint8_t* at, std::size_t wanted) const {
  return malformed(offset_ + static_cast<std::size_t>(at - begin_),
                   fmt::format("length out of bounds: {} bytes wanted, {} left", wanted, remaining()));
}

std::unexpected<Error> ByteReader::bad_integer(LebStatus status) const {
  return malformed(offset(), std::string(to_string(status)));
}

}  // namespace wzrun::wasm
