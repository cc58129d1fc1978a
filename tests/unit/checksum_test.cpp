// Checksums: those of XXH3's own description, in whatever pieces the bytes come.

#include "wzrun/checksum.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace wzrun {

TEST_CASE("checksum: of nothing, as XXH3 has it") {
  CHECK(checksum({}) == Checksum{0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,  //
                                 0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f});
}

TEST_CASE("checksum: pieces give what the whole gives, and each bit matters") {
  std::vector<std::uint8_t> bytes(5000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  const auto whole = checksum(bytes);
  for (const std::size_t piece : {1U, 3U, 64U, 1000U, 4999U, 5000U}) {
    Checksummer sum;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      sum.update(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    CHECK(sum.finish() == whole);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 7) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    CHECK(checksum(bytes) != whole);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
}

}  // namespace wzrun
