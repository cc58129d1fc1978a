#pragma once

#include "wzrun/config.h"

#include <set>
#include <string>
#include <vector>

namespace wzrun::cmd {

/// Says, once for each path, which option would allow what a program was denied. It speaks to people: nothing is
/// printed unless standard error is a terminal or `always` is set.
class Notes {
 public:
  explicit Notes(bool always);

  bool wanted() const { return wanted_; }
  void denied(const Denial& denial, const FSConfig& fs);
  /// For a program that has failed: the files that its arguments name and that no directory covers. C libraries look up
  /// paths in the directories that were given and answer the program themselves, so this is all there is to see.
  void failed(const std::vector<std::string>& arguments, const FSConfig& fs);

 private:
  void say(const std::string& path, const std::string& text);

  bool wanted_;
  std::set<std::string> said_;
};

}  // namespace wzrun::cmd
