#pragma once

// CLI11, without what its <iostream> does: in libstdc++ before version 13 each program that includes it makes
// std::cout, the other streams and their locales before main(), a thirtieth of a small program's time here. CLI11
// writes to them where an application asks it to, which wzrun does not.

#include <istream>
#include <ostream>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE < 13
  // NOLINTBEGIN(bugprone-*, readability-identifier-naming): as <iostream> has them
  #define _GLIBCXX_IOSTREAM 1
namespace std {
extern istream cin;
extern ostream cout, cerr, clog;
}  // namespace std
// NOLINTEND(bugprone-*, readability-identifier-naming)
#endif

#include <CLI/CLI.hpp>  // IWYU pragma: export
