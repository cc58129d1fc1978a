#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::cmd {

struct Section {
  std::string_view kind;         ///< `type`, `code`, `custom`, ...
  std::string name;              ///< of a custom section
  std::uint64_t offset = 0;      ///< of its contents in the module
  std::uint64_t size_bytes = 0;  ///< of its contents
};

/// The sections of a valid module, in order.
/// Source: Wasm 3.0, 5.5.2.
std::vector<Section> read_sections(std::span<const std::uint8_t> module);

}  // namespace wzrun::cmd
