#pragma once

#include "wasi_errno.h"
#include "wzrun/error.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace wzrun::wasi {

/// What a walk down a path has still to do. Links are followed by putting their text in their place.
class PendingPath {
 public:
  struct Component {
    std::string name;  ///< empty if there was nothing but slashes
    bool slash;        ///< something, or a slash alone, is behind it
    bool last;

    bool is_dots() const { return name == "." || name == ".."; }
  };

  explicit PendingPath(std::string path) : text_(std::move(path)) {}

  bool is_done() const { return at_ == text_.size(); }
  Component take() {
    const auto end = std::min(text_.find('/', at_), text_.size());
    const auto next = std::min(text_.find_first_not_of('/', end), text_.size());
    Component component{text_.substr(at_, end - at_), end < text_.size(), next == text_.size()};
    at_ = next;
    return component;
  }
  /// Goes on with the text of the link that was the component just taken, `slash` being whether one followed.
  /// Errors: ELOOP for one link too many; those of check_relative.
  Status follow(std::string text, bool slash) {
    constexpr int kMaxLinks = 40;  // as the kernel's MAXSYMLINKS
    if (links_++ == kMaxLinks)
      return fail(Errno::loop);
    WZRUN_CHECK(check_relative(text));
    if (slash)
      text += '/';
    text.append(text_, at_);
    text_ = std::move(text);
    at_ = 0;
    return {};
  }

  /// Errors: ENOENT for an empty path, EPERM for an absolute one.
  static Status check_relative(std::string_view path) {
    if (path.empty())
      return fail(Errno::noent);
    if (path.starts_with('/'))
      return fail(Errno::perm);
    return {};
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
  int links_ = 0;
};

}  // namespace wzrun::wasi
