#pragma once

#include <cstdint>
#include <vector>

/// Modules made of bytes, for those too large to be written.
namespace wzrun::engine {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

inline void append_u32(Bytes& to, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}

inline void append_section(Bytes& to, std::uint8_t id, const Bytes& contents) {
  to.push_back(id);
  append_u32(to, static_cast<std::uint32_t>(contents.size()));
  append(to, contents);
}

/// A module with a memory of one page and functions of type (i32, i32) -> i32.
inline Bytes module_of(const std::vector<Bytes>& bodies) {
  Bytes module = {0, 'a', 's', 'm', 1, 0, 0, 0};
  append_section(module, 1, {1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f});
  Bytes types;
  Bytes code;
  append_u32(types, static_cast<std::uint32_t>(bodies.size()));
  append_u32(code, static_cast<std::uint32_t>(bodies.size()));
  for (const auto& body : bodies) {
    append_u32(types, 0);
    append_u32(code, static_cast<std::uint32_t>(body.size()));
    append(code, body);
  }
  append_section(module, 3, types);
  append_section(module, 5, {1, 0, 1});
  append_section(module, 10, code);
  return module;
}

}  // namespace wzrun::engine
