#include "wasm/types.h"

#include <algorithm>

namespace wzrun::wasm {

AbstractHeap abstract_of(CompositeKind kind) {
  switch (kind) {
    case CompositeKind::function:
      return AbstractHeap::func;
    case CompositeKind::structure:
      return AbstractHeap::struct_;
    case CompositeKind::array:
      return AbstractHeap::array;
  }
  return AbstractHeap::any;
}

AbstractHeap top_of(const Module& module, HeapType heap) {
  if (!heap.is_abstract())
    return module.types[heap.type_index()].kind == CompositeKind::function ? AbstractHeap::func : AbstractHeap::any;
  switch (heap.abstract()) {
    case AbstractHeap::func:
    case AbstractHeap::nofunc:
      return AbstractHeap::func;
    case AbstractHeap::extern_:
    case AbstractHeap::noextern:
      return AbstractHeap::extern_;
    case AbstractHeap::exn:
    case AbstractHeap::noexn:
      return AbstractHeap::exn;
    default:
      return AbstractHeap::any;
  }
}

AbstractHeap bottom_of(CompositeKind kind) {
  return kind == CompositeKind::function ? AbstractHeap::nofunc : AbstractHeap::none;
}

bool matches_abstract(AbstractHeap sub, AbstractHeap super) {
  if (sub == super)
    return true;
  switch (sub) {
    case AbstractHeap::none:
      return super == AbstractHeap::i31 || super == AbstractHeap::struct_ || super == AbstractHeap::array ||
             super == AbstractHeap::eq || super == AbstractHeap::any;
    case AbstractHeap::i31:
    case AbstractHeap::struct_:
    case AbstractHeap::array:
      return super == AbstractHeap::eq || super == AbstractHeap::any;
    case AbstractHeap::eq:
      return super == AbstractHeap::any;
    case AbstractHeap::nofunc:
      return super == AbstractHeap::func;
    case AbstractHeap::noextern:
      return super == AbstractHeap::extern_;
    case AbstractHeap::noexn:
      return super == AbstractHeap::exn;
    default:
      return false;
  }
}

namespace {

bool defined_matches(const Module& module, std::uint32_t sub, std::uint32_t super) {
  const auto depth = module.types[super].depth;
  while (module.types[sub].depth > depth)
    sub = module.types[sub].supertype;
  return sub == super;
}

}  // namespace

bool matches(const Module& module, HeapType sub, HeapType super) {
  if (sub == super || sub == kBottomHeap)
    return true;
  if (sub.is_abstract() && super.is_abstract())
    return matches_abstract(sub.abstract(), super.abstract());
  if (sub.is_abstract())
    return sub.abstract() == bottom_of(module.types[super.type_index()].kind);
  if (super.is_abstract())
    return matches_abstract(abstract_of(module.types[sub.type_index()].kind), super.abstract());
  return defined_matches(module, sub.type_index(), super.type_index());
}

bool matches_slowly(const Module& module, ValueType sub, ValueType super) {
  if (sub == super || sub.kind() == ValueKind::bottom)
    return true;
  if (!sub.is_reference() || !super.is_reference())
    return false;
  return (!sub.is_nullable() || super.is_nullable()) && matches(module, sub.heap(), super.heap());
}

bool matches(const Module& module, const FunctionType& sub, const FunctionType& super) {
  const auto match = [&](ValueType a, ValueType b) { return matches(module, a, b); };
  return std::ranges::equal(super.params, sub.params, match) && std::ranges::equal(sub.results, super.results, match);
}

bool matches(const Module& module, const FieldType& sub, const FieldType& super) {
  if (sub.is_mutable != super.is_mutable)
    return false;
  return sub.is_mutable ? sub.storage == super.storage : matches(module, sub.storage, super.storage);
}

bool matches(const Module& module, const DefinedType& sub, const DefinedType& super) {
  if (sub.kind != super.kind)
    return false;
  if (sub.kind == CompositeKind::function)
    return matches(module, sub.function, super.function);
  return sub.fields.size() >= super.fields.size() &&
         std::ranges::equal(sub.fields.first(super.fields.size()), super.fields,
                            [&](const FieldType& a, const FieldType& b) { return matches(module, a, b); });
}

ValueType difference(ValueType from, ValueType to) {
  return to.is_nullable() ? ValueType::reference(false, from.heap()) : from;
}

std::string to_string(const FunctionType& type) {
  std::string out = "(func";
  const auto append = [&](std::string_view keyword, std::span<const ValueType> types) {
    if (types.empty())
      return;
    out.append(" (").append(keyword);
    for (const auto value : types)
      out.append(" ").append(to_string(value));
    out.append(")");
  };
  append("param", type.params);
  append("result", type.results);
  return out + ")";
}

}  // namespace wzrun::wasm
