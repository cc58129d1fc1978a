#include "runtime/operations.h"

#include "runtime/state.h"

#include <algorithm>
#include <cstring>

namespace wzrun::runtime {

namespace {

template <typename Container>
bool fits(const Container& container, std::uint64_t begin, std::uint64_t count) {
  return begin <= container.size() && count <= container.size() - begin;
}

std::uint64_t failure(bool is_64) { return is_64 ? ~std::uint64_t{0} : 0xffffffff; }

}  // namespace

std::uint64_t table_grow(Instance& in, std::uint32_t table, std::uint64_t value, std::uint64_t delta) {
  auto& target = *in.tables[table];
  return target.grow(delta, value).value_or(failure(target.type.limits.is_64));
}

Trapped table_fill(Instance& in, std::uint32_t table, std::uint64_t index, std::uint64_t value, std::uint64_t count) {
  auto& elements = in.tables[table]->elements;
  if (!fits(elements, index, count))
    return TrapKind::out_of_bounds_table_access;
  std::fill_n(elements.data() + index, count, value);
  return std::nullopt;
}

Trapped table_copy(Instance& in, std::uint32_t destination_table, std::uint32_t source_table, std::uint64_t destination,
                   std::uint64_t source, std::uint64_t count) {
  auto& to = in.tables[destination_table]->elements;
  const auto& from = in.tables[source_table]->elements;
  if (!fits(from, source, count) || !fits(to, destination, count))
    return TrapKind::out_of_bounds_table_access;
  if (count != 0)
    std::memmove(to.data() + destination, from.data() + source, count * sizeof(std::uint64_t));
  return std::nullopt;
}

Trapped table_init(Instance& in, std::uint32_t table, std::uint32_t segment, std::uint64_t destination,
                   std::uint64_t source, std::uint64_t count) {
  auto& to = in.tables[table]->elements;
  const auto& from = in.elements[segment];
  if (!fits(from, source, count) || !fits(to, destination, count))
    return TrapKind::out_of_bounds_table_access;
  std::copy_n(from.data() + source, count, to.data() + destination);
  return std::nullopt;
}

void elem_drop(Instance& in, std::uint32_t segment) { in.elements[segment] = {}; }

std::uint64_t memory_grow(Instance& in, std::uint32_t memory, std::uint64_t delta) {
  auto& target = *in.memories[memory];
  return target.grow(delta).value_or(failure(target.limits().is_64));
}

Trapped memory_fill(Instance& in, std::uint32_t memory, std::uint64_t destination, std::uint64_t value,
                    std::uint64_t count) {
  auto& to = *in.memories[memory];
  if (!to.contains(destination, count))
    return TrapKind::out_of_bounds_memory_access;
  if (count != 0)
    std::memset(to.base() + destination, static_cast<int>(value & 0xff), count);
  return std::nullopt;
}

Trapped memory_copy(Instance& in, std::uint32_t destination_memory, std::uint32_t source_memory,
                    std::uint64_t destination, std::uint64_t source, std::uint64_t count) {
  auto& to = *in.memories[destination_memory];
  const auto& from = *in.memories[source_memory];
  if (!from.contains(source, count) || !to.contains(destination, count))
    return TrapKind::out_of_bounds_memory_access;
  if (count != 0)
    std::memmove(to.base() + destination, from.base() + source, count);
  return std::nullopt;
}

Trapped memory_init(Instance& in, std::uint32_t memory, std::uint32_t segment, std::uint64_t destination,
                    std::uint64_t source, std::uint64_t count) {
  auto& to = *in.memories[memory];
  const auto from = in.dropped_data[segment] ? wasm::Bytes{} : in.module().data[segment].bytes;
  if (!fits(from, source, count) || !to.contains(destination, count))
    return TrapKind::out_of_bounds_memory_access;
  if (count != 0)
    std::memcpy(to.base() + destination, from.data() + source, count);
  return std::nullopt;
}

void data_drop(Instance& in, std::uint32_t segment) { in.dropped_data[segment] = true; }

bool has_type(const FunctionInstance& function, std::uint32_t type_id) {
  return function.instance->runtime->types.is_subtype(function.type_id, type_id);
}

}  // namespace wzrun::runtime
