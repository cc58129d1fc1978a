#include "wasm/opcodes.h"

namespace wzrun::wasm {

namespace {

// The names behind each other and where each ends: a table of addresses would be relocated at each start.
constexpr std::string_view kText =
#define WZRUN_OPCODE(code, id, text, ...) text
#include "wasm/opcodes.def"
    ;
constexpr auto kEnds = [] {
  constexpr std::size_t kLengths[] = {
#define WZRUN_OPCODE(code, id, text, ...) std::string_view(text).size(),
#include "wasm/opcodes.def"
  };
  std::array<std::uint16_t, kOpcodeCount> ends{};
  std::size_t end = 0;
  for (std::size_t i = 0; i < ends.size(); ++i)
    ends[i] = static_cast<std::uint16_t>(end += kLengths[i]);
  return ends;
}();
static_assert(kEnds.back() == kText.size());

}  // namespace

std::string_view to_string(Opcode opcode) {
  const auto index = static_cast<std::size_t>(opcode);
  if (index >= kEnds.size())
    return "(no instruction)";
  const std::size_t begin = index == 0 ? 0 : kEnds[index - 1];
  return kText.substr(begin, kEnds[index] - begin);
}

}  // namespace wzrun::wasm
