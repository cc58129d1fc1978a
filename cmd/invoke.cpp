#include "invoke.h"

#include "report.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <type_traits>

namespace wzrun::cmd {
namespace {

/// Takes `0x` off a hexadecimal number.
int take_base(std::string_view& digits) {
  if (!digits.starts_with("0x") && !digits.starts_with("0X"))
    return 10;
  digits.remove_prefix(2);
  return 16;
}

/// From -2^(n-1) to 2^n - 1.
template <typename T>
std::optional<T> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  const int base = take_base(text);
  T magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  if (negative && magnitude > T{1} << (sizeof(T) * 8 - 1))
    return std::nullopt;
  return negative ? T{0} - magnitude : magnitude;
}

template <typename T>
std::optional<T> parse_float(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  const auto format = take_base(text) == 16 ? std::chars_format::hex : std::chars_format::general;
  T magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, format);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-'))
    return std::nullopt;
  return negative ? -magnitude : magnitude;
}

std::optional<Value> parse_vector(std::string_view text) {
  std::uint64_t half[2] = {};
  if (text.size() != 34 || take_base(text) != 16)
    return std::nullopt;
  for (int i = 0; i < 2; i++) {
    const auto digits = text.substr(i == 0 ? 16 : 0, 16);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), half[i], 16);
    if (error != std::errc() || end != digits.data() + digits.size())
      return std::nullopt;
  }
  return Value(value_types::v128, half[0], half[1]);
}

std::optional<Value> parse_value(std::string_view text, ValueType type) {
  switch (type.kind()) {
    case ValueKind::i32:
      return parse_integer<std::uint32_t>(text).transform([](auto v) { return Value::i32(v); });
    case ValueKind::i64:
      return parse_integer<std::uint64_t>(text).transform([](auto v) { return Value::i64(v); });
    case ValueKind::f32:
      return parse_float<float>(text).transform([](auto v) { return Value::f32(v); });
    case ValueKind::f64:
      return parse_float<double>(text).transform([](auto v) { return Value::f64(v); });
    case ValueKind::v128:
      return parse_vector(text);
    default:
      return type.is_nullable() && text == "null" ? std::optional(Value(type, 0)) : std::nullopt;
  }
}

}  // namespace

Parsed<std::vector<Value>> parse_arguments(std::span<const std::string> words, std::span<const ValueType> types) {
  if (words.size() != types.size()) {
    std::string list;
    for (const auto type : types)
      list.append(list.empty() ? " (" : " ").append(wzrun::to_string(type));
    if (!list.empty())
      list += ")";
    return std::unexpected(UsageError{
        fmt::format("takes {} argument{}{}, not {}", types.size(), types.size() == 1 ? "" : "s", list, words.size())});
  }
  std::vector<Value> values;
  for (std::size_t i = 0; i < words.size(); i++) {
    const auto value = parse_value(words[i], types[i]);
    if (!value)
      return std::unexpected(UsageError{
          fmt::format("argument {}: expected {}, found '{}'", i + 1, wzrun::to_string(types[i]), printable(words[i]))});
    values.push_back(*value);
  }
  return values;
}

Result<std::vector<Value>> invoke(const Module& module, const std::string& name, std::span<const Value> arguments) {
  if (const auto initialize = module.exported_function("_initialize"); initialize && name != "_initialize")
    WZRUN_CHECK(initialize->call());
  return module.exported_function(name)->call(arguments);
}

std::string lines_of(std::span<const Value> results) {
  std::string text;
  for (const auto& result : results)
    text += to_string(result) + "\n";
  return text;
}

std::string to_string(const Value& value) {
  switch (value.type().kind()) {
    case ValueKind::i32:
      return fmt::format("{}", static_cast<std::int32_t>(value.i32()));
    case ValueKind::i64:
      return fmt::format("{}", static_cast<std::int64_t>(value.i64()));
    case ValueKind::f32:
      return fmt::format("{}", value.f32());
    case ValueKind::f64:
      return fmt::format("{}", value.f64());
    case ValueKind::v128:
      return fmt::format("0x{:016x}{:016x}", value.high(), value.low());
    default:
      return value.is_null() ? "null" : wzrun::to_string(value.type());
  }
}

}  // namespace wzrun::cmd
