#include "runtime/sha256.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace wzrun::runtime {
namespace {

/// The portable implementation and, if there is one, the processor's.
std::vector<Sha256::Compress> implementations() {
  std::vector<Sha256::Compress> all = {sha256_portable};
  if (const auto accelerated = sha256_accelerated())
    all.push_back(accelerated);
  return all;
}

std::string hex_of(Sha256::Compress compress, std::string_view text) {
  Sha256 hash(compress);
  hash.update(text);
  return to_string(hash.finish());
}

}  // namespace

TEST_CASE("sha256: the examples of FIPS 180-4") {
  for (const auto compress : implementations()) {
    CHECK(hex_of(compress, "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hex_of(compress, "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex_of(compress, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hex_of(compress,
                 "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                 "mnopqrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    CHECK(hex_of(compress, std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("sha256: every length and every split gives what the portable implementation gives of the whole") {
  std::vector<std::uint8_t> bytes(300);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const auto whole = std::span(bytes).first(length);
    Sha256 portable(sha256_portable);
    portable.update(whole);
    const auto expected = portable.finish();
    for (std::size_t split = 0; split <= length; split += 7) {
      Sha256 hash;
      hash.update(whole.first(split));
      hash.update(whole.subspan(split));
      REQUIRE(hash.finish() == expected);
    }
  }
}

}  // namespace wzrun::runtime
