#include "wzrun/error.h"

#include "wasm/escape.h"

#include <fmt/format.h>

#include <iterator>

namespace wzrun {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::unlinkable:
      return "unlinkable";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::invalid_argument:
      return "invalid argument";
    case ErrorKind::io:
      return "input or output";
    case ErrorKind::not_cached:
      return "not cached";
  }
  return "unknown";
}

std::string Error::to_string() const {
  return offset == kNoOffset ? message : fmt::format("{:#x}: {}", offset, message);
}

std::string_view to_string(TrapKind kind) {
  switch (kind) {
#define WZRUN_TRAP(name, text) \
  case TrapKind::name:         \
    return text;
#include "wzrun/traps.def"
#undef WZRUN_TRAP
  }
  return "unknown trap";
}

namespace {

void append_frame(std::string& out, std::uint64_t number, const Frame& frame) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\n{:>5}: ", number);
  if (!frame.module.empty())
    fmt::format_to(to, "{}!", wasm::escaped(frame.module));
  if (frame.function.empty())
    fmt::format_to(to, "function {}", frame.function_index);
  else
    out += wasm::escaped(frame.function);
  fmt::format_to(to, " ({:#x})", frame.offset);
}

}  // namespace

std::string Trap::to_string() const {
  std::string out(wzrun::to_string(kind));
  if (!detail.empty())
    out += ": " + wasm::escaped(detail, std::string::npos);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (omitted != 0 && i == omitted_at)
      out += fmt::format("\n       ... {} frames left out ...", omitted);
    append_frame(out, i < omitted_at || omitted == 0 ? i : i + omitted, frames[i]);
  }
  return out;
}

}  // namespace wzrun
