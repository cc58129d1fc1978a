#include "wasm/limits.h"
#include "wasm/module_decoder.h"
#include "wasm/type_reader.h"
#include "wasm/types.h"

#include <algorithm>

/// The type section: recursion groups are made canonical one after the other as they are read.
/// Source: Wasm 3.0, 5.3.6, 3.2.
namespace wzrun::wasm {

namespace {

enum TypeForm : std::uint8_t {
  kRecForm = 0x4e,
  kSubFinalForm = 0x4f,
  kSubForm = 0x50,
  kArrayForm = 0x5e,
  kStructForm = 0x5f,
  kFunctionForm = 0x60,
};

}  // namespace

Expected<void> ModuleDecoder::type_section(ByteReader& in) {
  const auto count = WZRUN_TRY(in.count());
  for (std::uint32_t i = 0; i < count; ++i)
    WZRUN_CHECK(rec_group(in));
  return {};
}

/// Adds placeholders, so that the types of a group can name each other.
Expected<void> ModuleDecoder::add_types(std::uint32_t count, std::uint64_t at) {
  const auto first = static_cast<std::uint32_t>(module_.types.size());
  if (count > limits::kTypes - first)
    return ByteReader::unsupported(at, fmt::format("more than {} types", limits::kTypes));
  const auto group = static_cast<std::uint32_t>(module_.rec_groups.size());
  module_.rec_groups.push_back({first, count});
  module_.types.resize(first + count);
  for (auto i = first; i < first + count; ++i) {
    module_.types[i].canonical = i;
    module_.types[i].group = group;
  }
  return {};
}

Expected<void> ModuleDecoder::rec_group(ByteReader& in) {
  const auto at = in.offset();
  const auto first = static_cast<std::uint32_t>(module_.types.size());
  std::uint32_t count = 1;
  if (in.peek() == kRecForm) {
    WZRUN_CHECK(in.byte());
    WZRUN_CHECK(require(module_, Feature::gc, at, "a recursion group"));
    count = WZRUN_TRY(in.count());
  }
  WZRUN_CHECK(add_types(count, at));
  for (auto i = first; i < first + count; ++i)
    if (auto status = sub_type(in, i); !status)
      return std::unexpected(prefixed(std::move(status).error(), fmt::format("type {}", i)));
  return close_group(at);
}

Expected<void> ModuleDecoder::sub_type(ByteReader& in, std::uint32_t index) {
  const auto at = in.offset();
  const auto form = in.peek();
  if (form != kSubForm && form != kSubFinalForm)
    return composite_type(in, index);
  WZRUN_CHECK(in.byte());
  WZRUN_CHECK(require(module_, Feature::gc, at, "a type with supertypes"));
  module_.types[index].is_final = form == kSubFinalForm;
  const auto count = WZRUN_TRY(in.count());
  if (count > 1)
    return ByteReader::invalid(at, fmt::format("sub type has {} supertypes, expected at most one", count));
  if (count == 1) {
    const auto super_at = in.offset();
    const auto super = WZRUN_TRY(in.u32());
    if (super >= index)
      return ByteReader::invalid(super_at,
                                 fmt::format("unknown type {}: a supertype stands before its subtypes", super));
    module_.types[index].supertype = module_.types[super].canonical;
  }
  return composite_type(in, index);
}

Expected<void> ModuleDecoder::composite_type(ByteReader& in, std::uint32_t index) {
  const auto at = in.offset();
  auto& type = module_.types[index];
  const auto form = WZRUN_TRY(in.byte());
  switch (form) {
    case kFunctionForm:
      return function_type(in, type);
    case kStructForm: {
      WZRUN_CHECK(require(module_, Feature::gc, at, "a structure type"));
      type.kind = CompositeKind::structure;
      const auto count = WZRUN_TRY(in.count());
      if (count > limits::kFields)
        return ByteReader::unsupported(at, fmt::format("{} fields, the limit is {}", count, limits::kFields));
      const auto fields = module_.field_types.allocate(count);
      for (auto& field : fields)
        field = WZRUN_TRY(field_type(in));
      type.fields = fields;
      return {};
    }
    case kArrayForm: {
      WZRUN_CHECK(require(module_, Feature::gc, at, "an array type"));
      type.kind = CompositeKind::array;
      const auto fields = module_.field_types.allocate(1);
      fields[0] = WZRUN_TRY(field_type(in));
      type.fields = fields;
      return {};
    }
    default:
      if (form >= 0x80)  // the form is a number in LEB128, and a negative one of a single byte
        return ByteReader::malformed(at, "integer representation too long");
      return ByteReader::malformed(at, fmt::format("malformed type form: {:#04x}", form));
  }
}

Expected<void> ModuleDecoder::function_type(ByteReader& in, DefinedType& type) {
  type.kind = CompositeKind::function;
  type.function.params = WZRUN_TRY(value_types(in, limits::kParams, "parameters"));
  const auto at = in.offset();
  type.function.results = WZRUN_TRY(value_types(in, limits::kResults, "results"));
  if (type.function.results.size() > 1)
    return require(module_, Feature::multi_value, at, "invalid result arity: more than one result");
  return {};
}

Expected<std::span<const ValueType>> ModuleDecoder::value_types(ByteReader& in, std::uint32_t limit,
                                                                std::string_view what) {
  const auto at = in.offset();
  const auto count = WZRUN_TRY(in.count());
  if (count > limit)
    return ByteReader::unsupported(at, fmt::format("{} {}, the limit is {}", count, what, limit));
  const auto types = module_.value_types.allocate(count);
  for (auto& type : types)
    type = WZRUN_TRY(read_value_type(in, module_));
  return types;
}

Expected<FieldType> ModuleDecoder::field_type(ByteReader& in) {
  FieldType field;
  field.storage = WZRUN_TRY(read_storage_type(in, module_));
  field.is_mutable = WZRUN_TRY(read_mutability(in));
  return field;
}

/// The group is complete: it is either new, or its types are those of an equal group before it.
Expected<void> ModuleDecoder::close_group(std::uint64_t at) {
  auto& types = module_.types;
  const auto index = static_cast<std::uint32_t>(module_.rec_groups.size() - 1);
  const auto view = [&](std::uint32_t group) {
    const auto [first, count] = module_.rec_groups[group];
    return GroupView{std::span(types).subspan(first, count), first};
  };
  const auto group = view(index);
  const auto key = hash(group);
  const auto equal = groups_.find(key, [&](std::uint32_t other) { return view(other) == group; });
  if (equal == kNoIndex) {
    groups_.insert(key, index);
    return check_supertypes(module_.rec_groups[index], at);
  }
  const auto original = view(equal).types;
  for (std::size_t i = 0; i < original.size(); ++i) {
    auto& type = types[group.first + i];
    type = original[i];
    type.group = index;
  }
  return {};
}

Expected<void> ModuleDecoder::check_supertypes(RecGroup group, std::uint64_t at) {
  for (auto i = group.first; i < group.first + group.count; ++i) {
    auto& type = module_.types[i];
    if (type.supertype == kNoIndex)
      continue;
    const auto& super = module_.types[type.supertype];
    type.depth = super.depth + 1;
    if (type.depth > limits::kSubtypingDepth)
      return ByteReader::unsupported(at, fmt::format("type {} has {} supertypes above it, the limit is {}", i,
                                                     type.depth, limits::kSubtypingDepth));
    if (super.is_final)
      return ByteReader::invalid(
          at, fmt::format("sub type {} does not match super type {}, which is final", i, type.supertype));
  }
  // Only now: matching looks at the depths of types anywhere in the group.
  for (auto i = group.first; i < group.first + group.count; ++i) {
    const auto& type = module_.types[i];
    if (type.supertype != kNoIndex && !matches(module_, type, module_.types[type.supertype]))
      return ByteReader::invalid(at, fmt::format("sub type {} does not match super type {}", i, type.supertype));
  }
  return {};
}

}  // namespace wzrun::wasm
