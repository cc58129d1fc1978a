#pragma once

#include "codegen/object.h"
#include "wzrun/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wzrun::codegen {

/// A function where it came to lie.
struct LinkedSymbol {
  std::string name;
  std::uint32_t begin = 0;  ///< in the code
  std::uint32_t end = 0;
};

/// Instruction addresses and the places in the module that they come from, ascending.
struct LinkedLine {
  std::uint32_t address = 0;  ///< in the code
  std::uint64_t module_offset = 0;
};

struct LinkedCode {
  std::vector<char> code;
  std::vector<LinkedSymbol> symbols;  ///< ascending
  std::vector<LinkedLine> lines;
};

/// Lays objects out one behind the other and resolves their references, all relative: the code runs at any address.
/// Errors: unsupported if an object refers to what none of them defines, or absolutely.
Expected<LinkedCode> link(std::span<const Object> objects);

}  // namespace wzrun::codegen
