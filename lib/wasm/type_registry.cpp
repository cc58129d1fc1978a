#include "wasm/type_registry.h"

#include <algorithm>
#include <mutex>

namespace wzrun::wasm {

namespace {

constexpr std::uint32_t kMaxTypes = 1U << 23;  // what a HeapType can name

}  // namespace

Expected<std::vector<std::uint32_t>> TypeRegistry::intern(const Module& module) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::uint32_t> ids(module.types.size(), kNoIndex);
  for (const auto& group : module.rec_groups) {
    if (group.count == 0)
      continue;
    if (const auto canonical = module.types[group.first].canonical; canonical != group.first) {
      for (std::uint32_t i = 0; i < group.count; ++i)
        ids[group.first + i] = ids[module.types[group.first + i].canonical];
      continue;
    }
    auto translated = translate(module, group, ids);
    const auto code = hash(translated->view());
    const auto known =
        table_.find(code, [&](std::uint32_t index) { return groups_[index]->view() == translated->view(); });
    const auto first = known != kNoIndex ? groups_[known]->first : translated->first;
    for (std::uint32_t i = 0; i < group.count; ++i)
      ids[group.first + i] = first + i;
    if (known != kNoIndex)
      continue;
    if (first + group.count > kMaxTypes)
      return std::unexpected(
          Error{ErrorKind::unsupported, Error::kNoOffset, "too many different types in one runtime"});
    table_.insert(code, static_cast<std::uint32_t>(groups_.size()));
    for (const auto& type : translated->types)
      add_lineage(type);
    groups_.push_back(std::move(translated));
  }
  return ids;
}

/// The group with ids for type indices, as if it came next.
std::unique_ptr<TypeRegistry::Group> TypeRegistry::translate(const Module& module, RecGroup range,
                                                             const std::vector<std::uint32_t>& ids) const {
  auto group = std::make_unique<Group>();
  group->first = static_cast<std::uint32_t>(lineages_.size());
  const auto id_of = [&](std::uint32_t index) {
    const auto position = index - range.first;
    return position < range.count ? group->first + position : ids[index];
  };
  const auto value_of = [&](ValueType type) {
    if (!type.is_reference() || type.heap().is_abstract())
      return type;
    return ValueType::reference(type.is_nullable(), HeapType::defined(id_of(type.heap().type_index())));
  };
  const auto types = std::span(module.types).subspan(range.first, range.count);
  std::size_t values = 0;
  std::size_t fields = 0;
  for (const auto& type : types) {
    values += type.function.params.size() + type.function.results.size();
    fields += type.fields.size();
  }
  group->values.reserve(values);  // exact, so that views into it stay
  group->fields.reserve(fields);
  for (auto type : types) {
    const auto translate_values = [&](std::span<const ValueType> from) {
      const auto begin = group->values.size();
      for (const auto value : from)
        group->values.push_back(value_of(value));
      return std::span<const ValueType>(group->values).subspan(begin);
    };
    type.function = {translate_values(type.function.params), translate_values(type.function.results)};
    const auto begin = group->fields.size();
    for (const auto& field : type.fields)
      group->fields.push_back({value_of(field.storage), field.is_mutable});
    type.fields = std::span<const FieldType>(group->fields).subspan(begin);
    if (type.supertype != kNoIndex)
      type.supertype = id_of(type.supertype);
    group->types.push_back(type);
  }
  return group;
}

void TypeRegistry::add_lineage(const DefinedType& type) {
  const auto id = static_cast<std::uint32_t>(lineages_.size());
  if (type.supertype == kNoIndex) {
    lineages_.push_back({id, id, 0});
    return;
  }
  // Jumps of equal length join to one of twice the length, as the digits of a skew binary number do.
  const auto parent = lineages_[type.supertype];
  const auto& jump = lineages_[parent.jump];
  const bool join = parent.depth - jump.depth == jump.depth - lineages_[jump.jump].depth;
  lineages_.push_back({type.supertype, join ? jump.jump : type.supertype, parent.depth + 1});
}

bool TypeRegistry::is_subtype(std::uint32_t sub, std::uint32_t super) const {
  if (sub == super)
    return true;
  const std::shared_lock lock(mutex_);
  const auto depth = lineages_[super].depth;
  while (lineages_[sub].depth > depth) {
    const auto& lineage = lineages_[sub];
    sub = lineages_[lineage.jump].depth >= depth ? lineage.jump : lineage.parent;
  }
  return sub == super;
}

}  // namespace wzrun::wasm
