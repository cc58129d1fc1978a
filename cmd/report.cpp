#include "report.h"

#include "command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace wzrun::cmd {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  ///< 0: not UTF-8
};

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80)
    return {byte(0), 1};
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length)
    return {};
  std::uint32_t value = byte(0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
    return {};
  return {value, length};
}

bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = write(fd, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_code_point(text);
    const auto length = c.length == 0 ? 1 : c.length;
    if (c.length != 0 && !is_control(c.value)) {
      out.append(text.substr(0, length));
    } else {
      for (const char byte : text.substr(0, length))
        fmt::format_to(std::back_inserter(out), "\\{:02x}", static_cast<std::uint8_t>(byte));
    }
    text.remove_prefix(length);
  }
  return out;
}

void write_error(std::string_view text) { write_all(STDERR_FILENO, text); }

void warn(std::string_view message) { write_error(fmt::format("wzrun: {}\n", message)); }

int fail(std::string_view message) {
  warn(message);
  return kFailed;
}

int fail(std::string_view subject, std::string_view message) {
  return fail(fmt::format("{}: {}", printable(subject), message));
}

int print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  return error == 0 ? 0 : fail("standard output", strerror(error));
}

}  // namespace wzrun::cmd
