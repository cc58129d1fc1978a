#pragma once

#include "runtime/instance.h"
#include "wzrun/error.h"

#include <cstdint>
#include <deque>

namespace wzrun::runtime {

/// Where in a module an address of engine code belongs.
struct CodePosition {
  const CompiledCode* code = nullptr;
  std::uint32_t function_index = 0;
  std::uint64_t offset = 0;           ///< of the module's bytes; with a range, of the image's code
  const Image* image = nullptr;       ///< of native code
  const ImageRange* range = nullptr;  ///< the same
};

/// Collects the frames of a trap, innermost first; of a very deep stack only the ends.
class BacktraceBuilder {
 public:
  static constexpr std::size_t kFirst = 32;
  static constexpr std::size_t kLast = 16;

  explicit BacktraceBuilder(Trap& trap) : trap_(trap) {}
  void add(const CodePosition& position);
  void finish();

 private:
  Trap& trap_;
  std::deque<CodePosition> last_;
  std::uint64_t omitted_ = 0;
};

/// A frame with the names that the module gives.
Frame describe(const CodePosition& position);

}  // namespace wzrun::runtime
