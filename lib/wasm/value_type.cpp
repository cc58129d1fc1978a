#include "wzrun/value_type.h"

#include <fmt/format.h>

namespace wzrun {

std::string to_string(HeapType heap) {
  if (!heap.is_abstract())
    return std::to_string(heap.type_index());
  switch (heap.abstract()) {
    case AbstractHeap::exn:
      return "exn";
    case AbstractHeap::array:
      return "array";
    case AbstractHeap::struct_:
      return "struct";
    case AbstractHeap::i31:
      return "i31";
    case AbstractHeap::eq:
      return "eq";
    case AbstractHeap::any:
      return "any";
    case AbstractHeap::extern_:
      return "extern";
    case AbstractHeap::func:
      return "func";
    case AbstractHeap::none:
      return "none";
    case AbstractHeap::noextern:
      return "noextern";
    case AbstractHeap::nofunc:
      return "nofunc";
    case AbstractHeap::noexn:
      return "noexn";
  }
  return "?";
}

namespace {

/// The short name of `(ref null heap)`.
std::string nullable_name(HeapType heap) {
  switch (heap.abstract()) {
    case AbstractHeap::none:
      return "nullref";
    case AbstractHeap::noextern:
      return "nullexternref";
    case AbstractHeap::nofunc:
      return "nullfuncref";
    case AbstractHeap::noexn:
      return "nullexnref";
    default:
      return to_string(heap) + "ref";
  }
}

}  // namespace

std::string to_string(ValueType type) {
  switch (type.kind()) {
    case ValueKind::bottom:
      return "any type";
    case ValueKind::i32:
      return "i32";
    case ValueKind::i64:
      return "i64";
    case ValueKind::f32:
      return "f32";
    case ValueKind::f64:
      return "f64";
    case ValueKind::v128:
      return "v128";
    case ValueKind::i8:
      return "i8";
    case ValueKind::i16:
      return "i16";
    case ValueKind::ref:
      return fmt::format("(ref {})", to_string(type.heap()));
    case ValueKind::ref_null:
      return type.heap().is_abstract() ? nullable_name(type.heap())
                                       : fmt::format("(ref null {})", to_string(type.heap()));
  }
  return "?";
}

}  // namespace wzrun
