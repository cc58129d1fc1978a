#pragma once

#include "wzrun/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// Reading numbers and names out of a module's bytes.
/// Source: Wasm 3.0, 5.2.
namespace wzrun::wasm {

enum class LebStatus : std::uint8_t { ok, unexpected_end, too_long, too_large };

/// The specification suite's words for it.
constexpr std::string_view to_string(LebStatus status) {
  switch (status) {
    case LebStatus::ok:
      return "ok";
    case LebStatus::unexpected_end:
      return "unexpected end of section or function";
    case LebStatus::too_long:
      return "integer representation too long";
    case LebStatus::too_large:
      return "integer too large";
  }
  return {};
}

/// Reads a LEB128 integer of `bits` bits at `position`, which moves behind it on success.
/// Encodings of more than ceil(bits / 7) bytes, and ones whose unused bits are not zero (or not the sign), are refused.
template <unsigned bits, bool is_signed, typename T>
constexpr LebStatus read_leb(const std::uint8_t*& position, const std::uint8_t* end, T& value) {
  using Unsigned = std::make_unsigned_t<T>;
  static_assert(bits <= sizeof(T) * 8);
  constexpr unsigned kBytes = (bits + 6) / 7;
  constexpr unsigned kLastBits = bits - (kBytes - 1) * 7;
  Unsigned result = 0;
  const auto* p = position;
  for (unsigned i = 0; i < kBytes; ++i) {
    if (p == end)
      return LebStatus::unexpected_end;
    const std::uint8_t byte = *p++;
    result |= static_cast<Unsigned>(byte & 0x7f) << (i * 7);
    if (i + 1 == kBytes) {
      if ((byte & 0x80) != 0)
        return LebStatus::too_long;
      constexpr std::uint8_t kUnused = 0x7f & ~((1U << (is_signed ? kLastBits - 1 : kLastBits)) - 1);
      if ((byte & kUnused) != 0 && (!is_signed || (byte & kUnused) != kUnused))
        return LebStatus::too_large;
    }
    if ((byte & 0x80) == 0) {
      const unsigned width = (i + 1) * 7;
      if (is_signed && width < sizeof(T) * 8 && (byte & 0x40) != 0)
        result |= ~Unsigned{0} << width;
      position = p;
      value = static_cast<T>(result);
      return LebStatus::ok;
    }
  }
  std::unreachable();
}

/// Whether the bytes are UTF-8: no over-long forms, surrogates or code points above U+10FFFF.
bool is_utf8(std::string_view text);

/// A cursor over bytes whose errors name the byte to blame.
class ByteReader {
 public:
  /// `offset` is that of bytes[0] in the module.
  explicit ByteReader(std::span<const std::uint8_t> bytes, std::uint64_t offset = 0)
      : begin_(bytes.data()), position_(bytes.data()), end_(bytes.data() + bytes.size()), offset_(offset) {}

  std::uint64_t offset() const { return offset_ + static_cast<std::size_t>(position_ - begin_); }
  const std::uint8_t* position() const { return position_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - position_); }
  bool at_end() const { return position_ == end_; }
  /// The next byte without taking it, or 0 at the end.
  std::uint8_t peek() const { return at_end() ? 0 : *position_; }

  Expected<std::uint8_t> byte() {
    if (at_end()) [[unlikely]]
      return unexpected_end(1);
    return *position_++;
  }
  Expected<std::uint32_t> u32() {
    if (!at_end() && *position_ < 0x80) [[likely]]
      return *position_++;
    return leb<32, false, std::uint32_t>();
  }
  Expected<std::uint64_t> u64() { return leb<64, false, std::uint64_t>(); }
  Expected<std::int32_t> s32() { return leb<32, true, std::int32_t>(); }
  Expected<std::int64_t> s33() { return leb<33, true, std::int64_t>(); }
  Expected<std::int64_t> s64() { return leb<64, true, std::int64_t>(); }

  /// The next `count` bytes, as a view.
  Expected<std::span<const std::uint8_t>> bytes(std::size_t count) {
    if (count > remaining()) [[unlikely]]
      return unexpected_end(count);
    const std::span<const std::uint8_t> view(position_, count);
    position_ += count;
    return view;
  }

  /// A length in bytes, at most what is left.
  Expected<std::uint32_t> length() {
    const auto* const at = position_;
    const auto count = WZRUN_TRY(u32());
    if (count > remaining()) [[unlikely]]
      return out_of_bounds(at, count);
    return count;
  }

  /// A vector's count. Every element takes a byte at least, so a count above the bytes left cannot be right; what the
  /// caller reserves is bounded by the input.
  Expected<std::uint32_t> count() { return length(); }

  /// A name: UTF-8, as a view.
  Expected<std::string_view> name() {
    const auto size = WZRUN_TRY(length());
    const std::string_view text(reinterpret_cast<const char*>(position_), size);
    if (!is_utf8(text)) [[unlikely]]
      return malformed(offset(), "malformed UTF-8 encoding");
    position_ += size;
    return text;
  }

  static std::unexpected<Error> fail(ErrorKind kind, std::uint64_t at, std::string message) {
    return std::unexpected(Error{kind, at, std::move(message)});
  }
  static std::unexpected<Error> malformed(std::uint64_t at, std::string message) {
    return fail(ErrorKind::malformed, at, std::move(message));
  }
  static std::unexpected<Error> invalid(std::uint64_t at, std::string message) {
    return fail(ErrorKind::invalid, at, std::move(message));
  }
  static std::unexpected<Error> unsupported(std::uint64_t at, std::string message) {
    return fail(ErrorKind::unsupported, at, std::move(message));
  }

 private:
  template <unsigned bits, bool is_signed, typename T>
  Expected<T> leb() {
    T value{};
    const auto status = read_leb<bits, is_signed>(position_, end_, value);
    if (status != LebStatus::ok) [[unlikely]]
      return bad_integer(status);
    return value;
  }

  [[gnu::cold]] std::unexpected<Error> unexpected_end(std::size_t wanted) const;
  [[gnu::cold]] std::unexpected<Error> out_of_bounds(const std::uint8_t* at, std::size_t wanted) const;
  [[gnu::cold]] std::unexpected<Error> bad_integer(LebStatus status) const;

  const std::uint8_t* begin_;
  const std::uint8_t* position_;
  const std::uint8_t* end_;
  std::uint64_t offset_;
};

}  // namespace wzrun::wasm
