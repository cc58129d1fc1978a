#include "wasm/byte_reader.h"

#include <doctest/doctest.h>

#include <limits>
#include <string_view>
#include <vector>

using namespace wzrun;
using namespace wzrun::wasm;

namespace {

using Bytes = std::vector<std::uint8_t>;

template <typename T>
Error error_of(const Expected<T>& result) {
  REQUIRE_FALSE(result);
  return result.error();
}

}  // namespace

TEST_CASE("leb128: every value is read back from its shortest form") {
  for (const std::uint64_t value : {0ULL, 1ULL, 127ULL, 128ULL, 16383ULL, 16384ULL, 0x7fffffffULL, 0xffffffffULL}) {
    Bytes bytes;
    for (auto rest = value;; rest >>= 7) {
      bytes.push_back(static_cast<std::uint8_t>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
      if (rest <= 0x7f)
        break;
    }
    CHECK(*ByteReader(bytes).u32() == value);
    CHECK(*ByteReader(bytes).u64() == value);
  }
}

TEST_CASE("leb128: the largest and smallest values fit exactly") {
  CHECK(*ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}).u32() == 0xffffffff);
  CHECK(*ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x07}).s32() == 0x7fffffff);
  CHECK(*ByteReader(Bytes{0x80, 0x80, 0x80, 0x80, 0x78}).s32() == -0x80000000LL);
  CHECK(*ByteReader(Bytes{0x7f}).s32() == -1);
  CHECK(*ByteReader(Bytes{0x40}).s33() == -64);
  CHECK(*ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}).s33() == 0xffffffffLL);
  CHECK(*ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}).u64() == ~0ULL);
  CHECK(*ByteReader(Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}).s64() ==
        std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("leb128: padded forms are accepted up to the longest, and no further") {
  CHECK(*ByteReader(Bytes{0x80, 0x80, 0x80, 0x80, 0x00}).u32() == 0);
  CHECK(*ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x7f}).s32() == -1);
  CHECK(error_of(ByteReader(Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}).u32()).message ==
        "integer representation too long");
  CHECK(error_of(ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}).s32()).message ==
        "integer representation too long");
}

TEST_CASE("leb128: unused bits of the last byte must be zero or the sign") {
  CHECK(error_of(ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x1f}).u32()).message == "integer too large");
  CHECK(error_of(ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}).s32()).message == "integer too large");
  CHECK(error_of(ByteReader(Bytes{0x80, 0x80, 0x80, 0x80, 0x70}).s32()).message == "integer too large");
  CHECK(error_of(ByteReader(Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}).u64()).message ==
        "integer too large");
}

TEST_CASE("leb128: a number cut short is an error at its first byte") {
  const Bytes bytes = {0x80, 0x80};
  ByteReader in(bytes, 100);
  const auto error = error_of(in.u32());
  CHECK(error.kind == ErrorKind::malformed);
  CHECK(error.offset == 100);
  CHECK(error.message == "unexpected end of section or function");
}

TEST_CASE("lengths: more than what is left is out of bounds, reported at the length") {
  const Bytes bytes = {0x00, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00};
  ByteReader in(bytes);
  REQUIRE(in.byte());
  const auto error = error_of(in.length());
  CHECK(error.offset == 1);
  CHECK(error.message == "length out of bounds: 4294967295 bytes wanted, 1 left");
}

TEST_CASE("names: every well-formed sequence of UTF-8 is taken") {
  for (const std::string_view name :
       {"", "plain ascii, longer than a word", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "eight ascii\xc3\xa9 and more ascii"})
    CHECK_MESSAGE(is_utf8(name), name);
}

TEST_CASE("names: what is not UTF-8 is refused") {
  for (const std::string_view name :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "\xfe", "\xff",
        "12345678\xff", "1234567\xc3"})
    CHECK_FALSE_MESSAGE(is_utf8(name), name.size());
}
