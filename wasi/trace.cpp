#include "trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <iterator>

namespace wzrun::wasi {
namespace {

using Arguments = std::span<const std::uint64_t>;
using Names = std::span<const std::string_view>;

constexpr std::size_t kMostBytes = 32;  // shown of each of the program's buffers
constexpr std::size_t kMostItems = 4;   // shown of a list

constexpr std::string_view kRights[] = {"FD_DATASYNC",
                                        "FD_READ",
                                        "FD_SEEK",
                                        "FD_FDSTAT_SET_FLAGS",
                                        "FD_SYNC",
                                        "FD_TELL",
                                        "FD_WRITE",
                                        "FD_ADVISE",
                                        "FD_ALLOCATE",
                                        "PATH_CREATE_DIRECTORY",
                                        "PATH_CREATE_FILE",
                                        "PATH_LINK_SOURCE",
                                        "PATH_LINK_TARGET",
                                        "PATH_OPEN",
                                        "FD_READDIR",
                                        "PATH_READLINK",
                                        "PATH_RENAME_SOURCE",
                                        "PATH_RENAME_TARGET",
                                        "PATH_FILESTAT_GET",
                                        "PATH_FILESTAT_SET_SIZE",
                                        "PATH_FILESTAT_SET_TIMES",
                                        "FD_FILESTAT_GET",
                                        "FD_FILESTAT_SET_SIZE",
                                        "FD_FILESTAT_SET_TIMES",
                                        "PATH_SYMLINK",
                                        "PATH_REMOVE_DIRECTORY",
                                        "PATH_UNLINK_FILE",
                                        "POLL_FD_READWRITE",
                                        "SOCK_SHUTDOWN",
                                        "SOCK_ACCEPT"};
constexpr std::string_view kFdFlags[] = {"APPEND", "DSYNC", "NONBLOCK", "RSYNC", "SYNC"};
constexpr std::string_view kOpenFlags[] = {"CREAT", "DIRECTORY", "EXCL", "TRUNC"};
constexpr std::string_view kTimeFlags[] = {"ATIM", "ATIM_NOW", "MTIM", "MTIM_NOW"};
constexpr std::string_view kLookupFlags[] = {"SYMLINK_FOLLOW"};
constexpr std::string_view kReceiveFlags[] = {"PEEK", "WAITALL"};
constexpr std::string_view kReceivedFlags[] = {"DATA_TRUNCATED"};
constexpr std::string_view kShutdownFlags[] = {"RD", "WR"};
constexpr std::string_view kEventFlags[] = {"HANGUP"};
constexpr std::string_view kClocks[] = {"REALTIME", "MONOTONIC", "PROCESS_CPUTIME", "THREAD_CPUTIME"};
constexpr std::string_view kAdvice[] = {"NORMAL", "SEQUENTIAL", "RANDOM", "WILLNEED", "DONTNEED", "NOREUSE"};
constexpr std::string_view kWhence[] = {"SET", "CUR", "END"};
constexpr std::string_view kPreview0Whence[] = {"CUR", "END", "SET"};
constexpr std::string_view kFiletypes[] = {"UNKNOWN",      "BLOCK_DEVICE", "CHARACTER_DEVICE", "DIRECTORY",
                                           "REGULAR_FILE", "SOCKET_DGRAM", "SOCKET_STREAM",    "SYMBOLIC_LINK"};
constexpr std::string_view kEventTypes[] = {"CLOCK", "FD_READ", "FD_WRITE"};

std::string one_of(Names names, std::uint64_t value) {
  return value < names.size() ? std::string{names[value]} : std::to_string(value);
}

std::string flags(Names names, std::uint64_t value) {
  std::string text;
  const auto add = [&](std::string_view name) { text.append(text.empty() ? "" : "|").append(name); };
  for (std::size_t bit = 0; bit < names.size(); ++bit)
    if ((value >> bit & 1) != 0)
      add(names[bit]);
  if (const auto rest = value >> names.size(); rest != 0)
    add(fmt::format("{:#x}", rest << names.size()));
  return text.empty() ? "0" : text;
}

/// Most programs ask for almost all rights: then those that are missing are told.
std::string rights_text(std::uint64_t value) {
  const auto missing = rights::all & ~value;
  if (missing == 0)
    return "ALL";
  return std::popcount(missing) < std::popcount(value) ? "~(" + flags(kRights, missing) + ')' : flags(kRights, value);
}

struct Flags {
  std::string_view word;
  Names names;
};
constexpr Flags kFlags[] = {{"fdflags", kFdFlags},         {"oflags", kOpenFlags},     {"fstflags", kTimeFlags},
                            {"lookupflags", kLookupFlags}, {"riflags", kReceiveFlags}, {"roflags", kReceivedFlags},
                            {"sdflags", kShutdownFlags}};
constexpr Flags kChoices[] = {{"clock", kClocks}, {"advice", kAdvice}};

/// The program's bytes as a string literal: what a terminal could take for more than a character is escaped.
std::string quoted(std::span<const std::uint8_t> bytes, std::size_t most) {
  std::string text = "\"";
  for (const auto byte : bytes.first(std::min(bytes.size(), most))) {
    if (byte == '\n')
      text += "\\n";
    else if (byte == '"' || byte == '\\')
      text.append({'\\', static_cast<char>(byte)});
    else if (byte < ' ' || byte > '~')
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", byte);
    else
      text += static_cast<char>(byte);
  }
  return text + (bytes.size() > most ? "\"..." : "\"");
}

std::string quoted(const GuestMemory& memory, std::uint64_t address, std::uint64_t length, std::size_t most) {
  const auto bytes = memory.range(address, length);
  return bytes ? quoted(*bytes, most) : fmt::format("{:#x}+{}", address, length);
}

/// Items of a list in the program's memory, `text_at(i)` each.
template <typename F>
std::string list(std::uint64_t count, F text_at) {
  std::string text = "[";
  for (std::uint64_t i = 0; i < count && i < kMostItems; ++i)
    text.append(i == 0 ? "" : ", ").append(text_at(i));
  if (count > kMostItems)
    fmt::format_to(std::back_inserter(text), ", ... of {}", count);
  return text + "]";
}

/// Buffers with what they hold: of all bytes the first `filled`, or only their sizes where none are told.
std::string buffers(const GuestMemory& memory, std::uint64_t address, std::uint64_t count, bool show,
                    std::uint64_t filled) {
  return list(count, [&](std::uint64_t i) {
    const auto entry = memory.read<Iovec>(address + i * sizeof(Iovec));
    if (!entry)
      return fmt::format("{:#x}", address + i * sizeof(Iovec));
    const auto size = std::min<std::uint64_t>(entry->buf_len, filled);
    filled -= size;
    return show ? quoted(memory, entry->buf, size, kMostBytes) : std::to_string(entry->buf_len);
  });
}

std::string event(const GuestMemory& memory, std::uint64_t address) {
  const auto event = memory.read<Event>(address);
  if (!event)
    return fmt::format("{:#x}", address);
  auto text = fmt::format("{{{:#x}, {}", event->userdata, one_of(kEventTypes, static_cast<std::uint64_t>(event->type)));
  if (event->error != 0)
    text.append(", ").append(to_string(static_cast<Errno>(event->error)));
  else if (event->type != EventType::clock)
    fmt::format_to(std::back_inserter(text), ", {} bytes, {}", event->nbytes, flags(kEventFlags, event->flags));
  return text + "}";
}

template <typename Layout>
std::string subscription(const GuestMemory& memory, std::uint64_t address) {
  const auto s = memory.read<Layout>(address);
  if (!s)
    return fmt::format("{:#x}", address);
  const auto type = one_of(kEventTypes, static_cast<std::uint64_t>(s->type));
  std::uint64_t clock = 0;
  std::uint64_t fd = 0;
  if constexpr (requires { s->clock; }) {
    clock = s->clock;
    fd = static_cast<Fd>(s->fd_or_identifier);
  } else {
    clock = fd = s->fd_or_clock;
  }
  if (s->type != EventType::clock)
    return fmt::format("{{{:#x}, {} {}}}", s->userdata, type, fd);
  return fmt::format("{{{:#x}, CLOCK {}, {}{} ns}}", s->userdata, one_of(kClocks, clock),
                     (s->flags & subclockflags::abstime) != 0 ? "at " : "", s->timeout_ns);
}

template <typename Layout>
std::string filestat(const GuestMemory& memory, std::uint64_t address) {
  const auto s = memory.read<Layout>(address);
  if (!s)
    return {};
  return fmt::format("{{{}, size={}, ino={}, nlink={}, mtim={}}}",
                     one_of(kFiletypes, static_cast<std::uint64_t>(s->filetype)), s->size, s->ino, s->nlink, s->mtim);
}

std::string fdstat(const GuestMemory& memory, std::uint64_t address) {
  const auto s = memory.read<Fdstat>(address);
  if (!s)
    return {};
  return fmt::format("{{{}, {}, rights={}, inheriting={}}}",
                     one_of(kFiletypes, static_cast<std::uint64_t>(s->filetype)), flags(kFdFlags, s->flags),
                     rights_text(s->rights_base), rights_text(s->rights_inheriting));
}

/// An argument that goes in. Empty for what a result is told by.
std::string argument(const TracedFunction& function, const GuestMemory& memory, const Parameter& parameter,
                     Arguments arguments) {
  const auto value = arguments[parameter.argument];
  const auto word = parameter.word;
  for (const auto& [name, names] : kFlags)
    if (word == name)
      return flags(names, value);
  for (const auto& [name, names] : kChoices)
    if (word == name)
      return one_of(names, value);
  if (word == "rights")
    return rights_text(value);
  if (word == "whence")
    return one_of(function.preview0 ? kPreview0Whence : kWhence, value);
  if (word == "path" || word == "text")
    return quoted(memory, value, arguments[parameter.argument + 1], PATH_MAX);
  if (word == "buffers")
    return buffers(memory, value, arguments[parameter.argument + 1], true, UINT64_MAX);
  if (word == "address")
    return fmt::format("{:#x}", value);
  if (word == "i64")
    return std::to_string(static_cast<std::int64_t>(value));
  if (word == "subscriptions")
    return list(arguments[parameter.argument + 2], [&](std::uint64_t i) {
      return function.preview0 ? subscription<Preview0Subscription>(memory, value + i * sizeof(Preview0Subscription))
                               : subscription<Subscription>(memory, value + i * sizeof(Subscription));
    });
  return std::to_string(value);
}

/// A result, once the call has succeeded; `count` is its last number.
std::string result(const TracedFunction& function, const GuestMemory& memory, const Parameter& parameter,
                   Arguments arguments, std::uint32_t count) {
  const auto address = arguments[parameter.argument];
  const auto word = parameter.word;
  if (word == "u32")
    return std::to_string(memory.read<std::uint32_t>(address).value_or(0));
  if (word == "u64")
    return std::to_string(memory.read<std::uint64_t>(address).value_or(0));
  if (word == "roflags")
    return flags(kReceivedFlags, memory.read<std::uint16_t>(address).value_or(0));
  if (word == "text")
    return quoted(memory, address, std::min<std::uint64_t>(arguments[parameter.argument + 1], count), PATH_MAX);
  if (word == "fdstat")
    return fdstat(memory, address);
  if (word == "filestat")
    return function.preview0 ? filestat<Preview0Filestat>(memory, address) : filestat<Filestat>(memory, address);
  if (word == "prestat")
    return fmt::format("{{DIR, name_len={}}}", memory.read<Prestat>(address).value_or(Prestat{}).name_len);
  return list(count, [&](std::uint64_t i) { return event(memory, address + i * sizeof(Event)); });
}

}  // namespace

CallTrace::CallTrace(const TracedFunction& function, const GuestMemory& memory, Arguments arguments)
    : function_(function), memory_(memory), arguments_(arguments) {
  for_each_parameter(function.parameters(), [&](const Parameter& parameter) {
    const bool goes_in = !parameter.is_result && parameter.word != "filled";
    texts_.push_back(goes_in ? argument(function_, memory_, parameter, arguments_) : std::string{});
  });
  began_ = std::chrono::steady_clock::now();
}

std::string CallTrace::line(std::string_view answer) const {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
  return fmt::format("{} = {} <{:.6f}>", call(), answer, took.count());
}

std::string CallTrace::call() const {
  std::string text{function_.name()};
  text += '(';
  std::string_view separator;
  for (const auto& argument : texts_) {
    if (argument.empty())
      continue;
    text.append(separator).append(argument);
    separator = ", ";
  }
  return text + ')';
}

std::string CallTrace::finish_without_return() { return line("?"); }

std::string CallTrace::finish(const Status& answer) {
  std::uint32_t count = UINT32_MAX;
  for_each_parameter(function_.parameters(), [&](const Parameter& parameter) {
    if (parameter.is_result && parameter.word == "u32")
      count = memory_.read<std::uint32_t>(arguments_[parameter.argument]).value_or(0);
  });
  std::string results;
  std::size_t index = 0;
  for_each_parameter(function_.parameters(), [&](const Parameter& parameter) {
    if (parameter.word == "filled")
      texts_[index] = buffers(memory_, arguments_[parameter.argument], arguments_[parameter.argument + 1],
                              answer.has_value(), answer ? count : UINT64_MAX);
    else if (parameter.is_result && answer)
      results.append(results.empty() ? "" : ", ").append(result(function_, memory_, parameter, arguments_, count));
    ++index;
  });
  if (!answer)
    return answer.error() == Errno::halted ? finish_without_return() : line(to_string(answer.error()));
  return line(results.empty() ? "0" : results);
}

}  // namespace wzrun::wasi
