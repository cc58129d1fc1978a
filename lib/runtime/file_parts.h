#pragma once

#include "runtime/image.h"

#include <cstdint>
#include <span>

/// Arrays in files that are mapped.
namespace wzrun::runtime {

/// Whether an array of such elements lies in the first `end` bytes, where they are aligned.
template <typename Element>
bool lies_within(const ImagePart& part, std::uint64_t end) {
  return part.offset <= end && part.size <= end - part.offset && part.size % sizeof(Element) == 0 &&
         part.offset % alignof(Element) == 0;
}

/// Requires that it lies within these bytes.
template <typename Element>
std::span<const Element> array_at(std::span<const std::uint8_t> bytes, const ImagePart& part) {
  return {reinterpret_cast<const Element*>(bytes.data() + part.offset), part.size / sizeof(Element)};
}

template <typename Element>
std::span<const std::uint8_t> bytes_of(std::span<const Element> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

}  // namespace wzrun::runtime
