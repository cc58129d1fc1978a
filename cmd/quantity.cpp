#include "quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>

namespace wzrun::cmd {
namespace {

/// Takes a decimal number without sign or exponent off the front of `text`.
std::optional<double> take_number(std::string_view& text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0)
    return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc())
    return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> bytes_of(std::string_view unit) {
  std::string name(unit);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.empty() || name == "b")
    return 1;
  constexpr std::string_view kPrefixes = "kmgt";
  const auto power = kPrefixes.find(name[0]);
  if (power == std::string_view::npos)
    return std::nullopt;
  const auto rest = name.substr(1);
  const bool is_decimal = rest == "b";
  if (!is_decimal && !rest.empty() && rest != "ib")
    return std::nullopt;
  double bytes = 1;
  for (std::size_t i = 0; i <= power; ++i)
    bytes *= is_decimal ? 1000 : 1024;
  return bytes;
}

std::optional<double> seconds_of(std::string_view unit) {
  constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                                            {"s", 1},     {"m", 60},    {"h", 3600}};
  for (const auto& [name, seconds] : kUnits) {
    if (unit == name)
      return seconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  const auto unit = bytes_of(text);
  if (!number || !unit || *number * *unit >= 0x1p63)
    return std::nullopt;
  return static_cast<std::uint64_t>(*number * *unit);
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  constexpr double kLongest = 100 * 365.25 * 24 * 3600;
  double seconds = 0;
  do {
    const auto number = take_number(text);
    const auto length = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = seconds_of(text.substr(0, length));
    if (!number || !unit)
      return std::nullopt;
    seconds += *number * *unit;
    text.remove_prefix(length);
  } while (!text.empty());
  if (seconds > kLongest)
    return std::nullopt;
  return std::chrono::round<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

std::string human_size(std::uint64_t bytes) {
  if (bytes < 10'000)
    return fmt::format("{} B", bytes);
  if (bytes < 10'000 * std::uint64_t{1024})
    return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

std::string human_age(std::chrono::seconds age) {
  using namespace std::chrono_literals;
  if (age < 2min)
    return fmt::format("{} s", std::max(age, 0s).count());
  if (age < 2h)
    return fmt::format("{} min", age / 1min);
  if (age < 48h)
    return fmt::format("{} h", age / 1h);
  return fmt::format("{} d", age / 24h);
}

}  // namespace wzrun::cmd
