#include "wasm/locals.h"

#include <algorithm>

namespace wzrun::wasm {

void Locals::clear() {
  unset_from(0);
  flat_.clear();
  runs_.clear();
  count_ = params_ = simple_count_ = 0;
  all_simple_ = true;
}

void Locals::add_params(std::span<const ValueType> types) {
  flat_.assign(types.begin(), types.end());
  count_ = params_ = simple_count_ = static_cast<std::uint32_t>(types.size());
}

void Locals::add(std::uint32_t count, ValueType type, std::size_t flat_limit) {
  if (count == 0)
    return;
  if (flat_.size() == count_ && flat_.size() < flat_limit)
    flat_.resize(std::min<std::size_t>(flat_.size() + count, std::max(flat_limit, flat_.size())), type);
  count_ += count;
  runs_.push_back({count_, type});
  all_simple_ = all_simple_ && type.is_defaultable();
  if (all_simple_)
    simple_count_ = static_cast<std::uint32_t>(flat_.size());
}

ValueType Locals::type(std::uint32_t index) const {
  if (index < flat_.size())
    return flat_[index];
  return std::ranges::upper_bound(runs_, index, {}, &Run::end)->type;
}

bool Locals::is_set(std::uint32_t index) const {
  return index < params_ || type(index).is_defaultable() || (index < is_set_.size() && is_set_[index]);
}

void Locals::set(std::uint32_t index) {
  if (is_set(index))
    return;
  if (index >= is_set_.size())
    is_set_.resize(count_);
  is_set_[index] = true;
  set_log_.push_back(index);
}

void Locals::unset_from(std::uint32_t set_count) {
  for (std::size_t i = set_count; i < set_log_.size(); ++i)
    is_set_[set_log_[i]] = false;
  set_log_.resize(std::min<std::size_t>(set_log_.size(), set_count));
}

}  // namespace wzrun::wasm
