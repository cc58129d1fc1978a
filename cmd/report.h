#pragma once

#include "wzrun/error.h"

#include <string>
#include <string_view>

namespace wzrun::cmd {

/// Text that reaches a terminal as it is: valid UTF-8 stays, control characters (also those above U+007F, and those
/// that change the direction of writing) and other bytes become `\xx`.
std::string printable(std::string_view text);

/// Writes all of it. Returns 0 or the errno.
int write_all(int fd, std::string_view text);
/// Writes to standard error, as it is.
void write_error(std::string_view text);
/// Writes `wzrun: MESSAGE` and a newline to standard error in one piece.
void warn(std::string_view message);
/// As warn; returns the exit status for a failure of wzrun.
int fail(std::string_view message);
/// The same for `wzrun: SUBJECT: MESSAGE`; the subject is a path and made printable.
int fail(std::string_view subject, std::string_view message);

/// Writes to standard output. Returns the exit status: 0, or that of a failure, which is reported.
int print(std::string_view text);

/// The status of a program that has exited, as the operating system cuts it.
constexpr int exit_status(const Exit& exit) { return static_cast<int>(exit.code & 0xff); }

}  // namespace wzrun::cmd
