#pragma once

#include <cstddef>
#include <string_view>

namespace wzrun::wasi {

/// One parameter as functions.def describes it.
struct Parameter {
  std::string_view word;  ///< without `>`
  bool is_result;
  std::size_t argument;  ///< the first of its arguments

  /// Some are an address and a length.
  constexpr std::size_t arguments() const {
    return word == "path" || word == "text" || word == "buffers" || word == "filled" ? 2 : 1;
  }
};

/// Calls `f` with each parameter of a description, in order. Returns the number of arguments.
template <typename F>
constexpr std::size_t for_each_parameter(std::string_view words, F&& f) {
  std::size_t argument = 0;
  while (!words.empty()) {
    const auto end = words.find(' ');
    const auto word = words.substr(0, end);
    const bool is_result = word.front() == '>';
    const Parameter parameter{is_result ? word.substr(1) : word, is_result, argument};
    f(parameter);
    argument += parameter.arguments();
    words = end == words.npos ? std::string_view{} : words.substr(end + 1);
  }
  return argument;
}

}  // namespace wzrun::wasi
