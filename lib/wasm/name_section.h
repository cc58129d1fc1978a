#pragma once

#include "wasm/module.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace wzrun::wasm {

/// The names that the module's `name` section gives; where there is none, or it is damaged, they are empty.
/// Names are views into the module's bytes and are not checked to be UTF-8: print them through escape.h.
/// Reads the section when constructed; so construct it when the first name is needed.
/// Source: Wasm 3.0, appendix 7.4.1.
class NameSection {
 public:
  explicit NameSection(const Module& module);
  /// From a `name` section's bytes.
  explicit NameSection(Bytes section);

  /// A function's name without reading the whole section or keeping anything, for signal handlers.
  static std::string_view find_function_name(const Module& module, std::uint32_t index);

  std::string_view module_name() const { return module_name_; }
  std::string_view function_name(std::uint32_t index) const;
  /// Reads the function's local names anew at each call.
  std::string_view local_name(std::uint32_t function_index, std::uint32_t local) const;

 private:
  using Named = std::pair<std::uint32_t, std::string_view>;

  void read(Bytes section);
  static std::vector<Named> read_names(Bytes map);
  static std::string_view find(const std::vector<Named>& names, std::uint32_t index);

  std::string_view module_name_;
  std::vector<Named> functions_;  ///< by index
  Bytes locals_;                  ///< the subsection
};

}  // namespace wzrun::wasm
