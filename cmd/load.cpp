#include "load.h"

#include "report.h"
#include "suggest.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace wzrun::cmd {

std::string explain(const Error& error, std::span<const std::uint8_t> bytes) {
  const auto starts_with = [&](std::string_view prefix) {
    return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin(), [](char a, auto b) {
             return static_cast<std::uint8_t>(a) == b;
           });
  };
  using namespace std::string_view_literals;
  if (error.kind != ErrorKind::malformed)
    return error.to_string();
  if (bytes.empty())
    return "the file is empty";
  if (starts_with("\0asm\x0d\0\1\0"sv))
    return error.to_string() + "; it is a component (WASI 0.2 or later), and wzrun runs core modules";
  if (starts_with("(module") || starts_with(";;") || starts_with("(;"))
    return error.to_string() + "; it is text: wat2wasm makes a module of it";
  if (starts_with("\x1f\x8b") || starts_with("\x28\xb5\x2f\xfd"))
    return error.to_string() + "; it is compressed";
  return error.to_string();
}

std::string explain_unreadable(const Error& error, const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 || errno != ENOENT)
    return error.to_string();
  if (const auto near = nearest_module(path))
    return fmt::format("{}; did you mean '{}'?", error.to_string(), printable(*near));
  return error.to_string();
}

}  // namespace wzrun::cmd
