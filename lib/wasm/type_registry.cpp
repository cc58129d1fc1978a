#include "wasm/type_registry.h"

#include "wasm/byte_reader.h"
#include "wasm/types.h"

#include <algorithm>

namespace wzrun::wasm {

ValueType TypeRegistry::translate(ValueType type, std::span<const std::uint32_t> ids) {
  if (!type.is_reference() || type.heap().is_abstract())
    return type;
  return ValueType::reference(type.is_nullable(), HeapType::defined(ids[type.heap().type_index()]));
}

namespace {

/// Types with their own storage.
struct OwnedTypes {
  std::vector<DefinedType> types;
  std::vector<ValueType> values;
  std::vector<FieldType> fields;
};

/// The types with ids in place of indices.
OwnedTypes translate_group(std::span<const DefinedType> types, std::span<const std::uint32_t> ids) {
  OwnedTypes out{{types.begin(), types.end()}, {}, {}};
  std::size_t values = 0;
  std::size_t fields = 0;
  for (const auto& type : types) {
    values += type.function.params.size() + type.function.results.size();
    fields += type.fields.size();
  }
  out.values.reserve(values);  // so that views into it last
  out.fields.reserve(fields);
  const auto translated = [&](std::span<const ValueType> list) {
    const auto first = out.values.size();
    for (const auto type : list)
      out.values.push_back(TypeRegistry::translate(type, ids));
    return std::span<const ValueType>(out.values).subspan(first);
  };
  for (auto& type : out.types) {
    type.function.params = translated(type.function.params);
    type.function.results = translated(type.function.results);
    const auto first = out.fields.size();
    for (const auto& field : type.fields)
      out.fields.push_back({TypeRegistry::translate(field.storage, ids), field.is_mutable});
    type.fields = std::span<const FieldType>(out.fields).subspan(first);
    if (type.supertype != kNoIndex)
      type.supertype = ids[type.supertype];
  }
  return out;
}

}  // namespace

Expected<std::vector<std::uint32_t>> TypeRegistry::intern(const Module& module) {
  std::vector<std::uint32_t> ids(module.types.size());
  const std::lock_guard lock(mutex_);
  for (const auto& group : module.rec_groups) {
    if (group.count == 0)
      continue;
    const auto first = module.types[group.first].canonical == group.first ? WZRUN_TRY(intern_group(module, group, ids))
                                                                          : ids[module.types[group.first].canonical];
    for (std::uint32_t i = 0; i < group.count; ++i)
      ids[group.first + i] = first + i;
  }
  return ids;
}

/// The id of the group's first type. Sets the group's ids meanwhile, so that its types can name each other.
Expected<std::uint32_t> TypeRegistry::intern_group(const Module& module, RecGroup group, std::span<std::uint32_t> ids) {
  if (group.count > kMaxTypes - count_)
    return ByteReader::unsupported(Error::kNoOffset, "too many types in all modules together");
  for (std::uint32_t i = 0; i < group.count; ++i)
    ids[group.first + i] = count_ + i;

  const auto written = std::span(module.types).subspan(group.first, group.count);
  const auto types = translate_group(written, ids);
  const GroupView view{types.types, count_};
  const auto key = hash(view);
  const auto equal = groups_.find(key, [&](std::uint32_t other) {
    const auto candidate = stored(stored_groups_[other]);
    return GroupView{candidate, stored_groups_[other].first} == view;
  });
  if (equal != kNoIndex)
    return stored_groups_[equal].first;

  const auto first = count_;
  groups_.insert(key, static_cast<std::uint32_t>(stored_groups_.size()));
  stored_groups_.push_back({first, group.count});
  for (const auto& type : types.types)
    store(type);
  return first;
}

void TypeRegistry::store(const DefinedType& type) {
  const auto [chunk, offset] = place(count_);
  if (chunks_[chunk] == nullptr)
    chunks_[chunk] = std::make_unique<Entry[]>(chunk_size(chunk));
  auto& entry = chunks_[chunk][offset];
  const auto keep = [](auto& arena, const auto& values) {
    const auto kept = arena.allocate(values.size());
    std::ranges::copy(values, kept.begin());
    return kept;
  };
  entry.type = type;
  entry.type.function = {keep(value_types_, type.function.params), keep(value_types_, type.function.results)};
  entry.type.fields = keep(field_types_, type.fields);
  entry.type.canonical = count_++;
  entry.type.group = static_cast<std::uint32_t>(stored_groups_.size() - 1);
  if (type.supertype == kNoIndex)
    return;
  const auto& super = at(type.supertype);
  entry.supertypes = std::make_unique<std::uint32_t[]>(type.depth);
  std::copy_n(super.supertypes.get(), super.type.depth, entry.supertypes.get());
  entry.supertypes[super.type.depth] = type.supertype;
}

std::vector<DefinedType> TypeRegistry::stored(RecGroup group) const {
  std::vector<DefinedType> types;
  types.reserve(group.count);
  for (auto id = group.first; id < group.first + group.count; ++id)
    types.push_back(at(id).type);
  return types;
}

bool TypeRegistry::matches(HeapType sub, HeapType super) const {
  if (!sub.is_abstract() && !super.is_abstract())
    return is_subtype(sub.type_index(), super.type_index());
  const auto kind = [&](HeapType heap) { return type(heap.type_index()).kind; };
  if (super.is_abstract())
    return matches_abstract(sub.is_abstract() ? sub.abstract() : abstract_of(kind(sub)), super.abstract());
  return sub.abstract() == bottom_of(kind(super));
}

bool TypeRegistry::matches(ValueType sub, ValueType super) const {
  if (sub == super)
    return true;
  return sub.is_reference() && super.is_reference() && (!sub.is_nullable() || super.is_nullable()) &&
         matches(sub.heap(), super.heap());
}

}  // namespace wzrun::wasm
