#include "runtime/backtrace.h"

namespace wzrun::runtime {

void BacktraceBuilder::add(const CodePosition& position) {
  if (trap_.frames.size() < kFirst) {
    trap_.frames.push_back(describe(position));
    return;
  }
  last_.push_back(position);
  if (last_.size() <= kLast)
    return;
  last_.pop_front();
  ++omitted_;
}

void BacktraceBuilder::finish() {
  trap_.omitted = omitted_;
  trap_.omitted_at = trap_.frames.size();
  for (const auto& position : last_)
    trap_.frames.push_back(describe(position));
}

Frame describe(const CodePosition& position) {
  const auto& names = position.code->names();
  return {.module = std::string(names.module_name()),
          .function = std::string(names.function_name(position.function_index)),
          .function_index = position.function_index,
          .offset = position.range == nullptr ? position.offset
                                              : position.image->module_offset(*position.range, position.offset)};
}

}  // namespace wzrun::runtime
