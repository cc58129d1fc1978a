#include "wasm/rec_group.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

namespace wzrun::wasm {

namespace {

std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    std::uint64_t bits = 0;
    if (getentropy(&bits, sizeof bits) != 0)  // std::random_device costs tens of microseconds in a virtual machine
      bits = reinterpret_cast<std::uintptr_t>(&bits);
    return bits | 1;
  }();
  return seed;
}

/// Folds a word into the hash: the 128-bit product's halves, xored.
std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  const auto product =
      static_cast<unsigned __int128>(state ^ word ^ 0x9e3779b97f4a7c15) * (word * 2 + 0xd6e8feb86659fd93);
  return (static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64)) + state;
}

}  // namespace

std::uint64_t hash(const GroupView& group) {
  auto state = mix(process_seed(), group.types.size());
  for (const auto& type : group.types) {
    const auto shape = static_cast<unsigned>(type.kind) | unsigned{type.is_final} << 8 | unsigned{type.is_shared} << 9;
    state = mix(state, shape | std::uint64_t{type.function.params.size()} << 32);
    state = mix(state, type.supertype == kNoIndex ? ~std::uint64_t{0} : group.token(type.supertype));
    for (const auto value : type.function.params)
      state = mix(state, group.token(value));
    for (const auto value : type.function.results)
      state = mix(state, group.token(value));
    for (const auto& field : type.fields)
      state = mix(state, group.token(field.storage) << 1 | unsigned{field.is_mutable});
  }
  return mix(state, process_seed());
}

namespace {

bool same_type(const GroupView& a, const DefinedType& x, const GroupView& b, const DefinedType& y) {
  const auto same_value = [&](ValueType v, ValueType w) { return a.token(v) == b.token(w); };
  const auto same_field = [&](const FieldType& f, const FieldType& g) {
    return f.is_mutable == g.is_mutable && same_value(f.storage, g.storage);
  };
  const auto parent = [](const GroupView& group, const DefinedType& type) {
    return type.supertype == kNoIndex ? ~std::uint64_t{0} : group.token(type.supertype);
  };
  return std::tie(x.kind, x.is_final, x.is_shared) == std::tie(y.kind, y.is_final, y.is_shared) &&
         parent(a, x) == parent(b, y) && std::ranges::equal(x.function.params, y.function.params, same_value) &&
         std::ranges::equal(x.function.results, y.function.results, same_value) &&
         std::ranges::equal(x.fields, y.fields, same_field);
}

}  // namespace

bool operator==(const GroupView& a, const GroupView& b) {
  return std::ranges::equal(a.types, b.types,
                            [&](const DefinedType& x, const DefinedType& y) { return same_type(a, x, b, y); });
}

void GroupTable::insert(std::uint64_t hash, std::uint32_t value) {
  if ((used_ + 1) * 2 > slots_.size()) {
    const auto old = std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(16, slots_.size() * 2)));
    for (const auto& slot : old)
      if (slot.value != kNoIndex)
        place(slot);
  }
  ++used_;
  place({hash, value});
}

void GroupTable::place(Slot slot) {
  auto i = slot.hash & mask();
  while (slots_[i].value != kNoIndex)
    i = (i + 1) & mask();
  slots_[i] = slot;
}

}  // namespace wzrun::wasm
