#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

/// Modules in the binary format, written by tests.
namespace wzrun::wasm::test {

using ModuleBytes = std::vector<std::uint8_t>;

inline ModuleBytes leb(std::uint64_t value) {
  ModuleBytes out;
  do {
    out.push_back(static_cast<std::uint8_t>((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
    value >>= 7;
  } while (value != 0);
  return out;
}

inline ModuleBytes& operator+=(ModuleBytes& a, const ModuleBytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline ModuleBytes operator+(ModuleBytes a, const ModuleBytes& b) { return a += b; }

inline ModuleBytes repeat(std::size_t count, const ModuleBytes& bytes) {
  ModuleBytes out;
  out.reserve(count * bytes.size());
  for (std::size_t i = 0; i < count; ++i)
    out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

inline ModuleBytes sized(const ModuleBytes& bytes) { return leb(bytes.size()) + bytes; }
inline ModuleBytes text(std::string_view name) { return sized({name.begin(), name.end()}); }
/// A vector of `count` elements.
inline ModuleBytes vec(std::size_t count, const ModuleBytes& elements) { return leb(count) + elements; }
inline ModuleBytes section(std::uint8_t id, const ModuleBytes& content) { return ModuleBytes{id} + sized(content); }
inline ModuleBytes custom(std::string_view name, const ModuleBytes& content) {
  return section(0, text(name) + content);
}

inline const ModuleBytes kHeader = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};

enum : std::uint8_t {
  kType = 1,
  kImport,
  kFunction,
  kTable,
  kMemory,
  kGlobal,
  kExport,
  kStart,
  kElement,
  kCode,
  kData,
  kDataCount,
  kTag,
};

inline const ModuleBytes kNoLocals = {0x00};

/// A module of functions [] -> [] with these bodies (locals and code with its end).
inline ModuleBytes functions(std::initializer_list<ModuleBytes> bodies, const ModuleBytes& between = {}) {
  ModuleBytes code;
  for (const auto& body : bodies)
    code += sized(body);
  return kHeader + section(kType, vec(1, {0x60, 0x00, 0x00})) +
         section(kFunction, vec(bodies.size(), repeat(bodies.size(), {0x00}))) + between +
         section(kCode, vec(bodies.size(), code));
}

/// A module of one function [] -> [] with this code, which gets its end.
inline ModuleBytes function(const ModuleBytes& code, const ModuleBytes& between = {}) {
  return functions({kNoLocals + code + ModuleBytes{0x0b}}, between);
}

inline ModuleBytes memory_of_one_page() { return section(kMemory, vec(1, {0x00, 0x01})); }

}  // namespace wzrun::wasm::test
