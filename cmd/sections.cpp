#include "sections.h"

#include <cassert>
#include <cstddef>
#include <iterator>
#include <utility>

namespace wzrun::cmd {
namespace {

constexpr std::string_view kKinds[] = {"custom", "type",  "import",  "function", "table", "memory", "global",
                                       "export", "start", "element", "code",     "data",  "count",  "tag"};
constexpr std::size_t kHeaderBytes = 8;

/// Takes an unsigned LEB128 number off the front.
std::uint64_t take_number(std::span<const std::uint8_t>& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; !bytes.empty() && shift < 35; shift += 7) {
    const auto byte = bytes.front();
    bytes = bytes.subspan(1);
    number |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0)
      break;
  }
  return number;
}

}  // namespace

std::vector<Section> read_sections(std::span<const std::uint8_t> module) {
  std::vector<Section> sections;
  auto rest = module.subspan(kHeaderBytes);
  while (!rest.empty()) {
    const auto id = rest.front();
    assert(id < std::size(kKinds));
    rest = rest.subspan(1);
    const auto size = take_number(rest);
    assert(size <= rest.size());
    auto contents = rest.first(size);
    Section section{kKinds[id], {}, module.size() - rest.size(), size};
    if (id == 0) {
      const auto length = take_number(contents);
      section.name.assign(contents.begin(), contents.begin() + static_cast<std::ptrdiff_t>(length));
    }
    sections.push_back(std::move(section));
    rest = rest.subspan(size);
  }
  return sections;
}

}  // namespace wzrun::cmd
