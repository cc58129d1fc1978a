#pragma once

#include "wzrun/error.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// Compiled code as a file: one buffer, valid wherever it is mapped.
///
/// Layout: ImageHeader | tables | code, aligned to `code_alignment`, at the end. Everything is little endian. Code and
/// its constants refer to each other relative to themselves and to nothing outside; the rest of the process is reached
/// through the InstanceContext that every function is given.
namespace wzrun::runtime {

/// A part of an image: bytes from its beginning.
struct ImagePart {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

inline constexpr std::uint32_t kImageFormat = 1;
inline constexpr std::array<char, 8> kImageMagic = {'w', 'z', 'r', 'u', 'n', 'i', 'm', 'g'};
inline constexpr std::uint32_t kNoCode = 0xffffffff;

struct ImageHeader {
  std::array<char, 8> magic = kImageMagic;
  std::uint32_t format = kImageFormat;
  std::uint32_t code_alignment = 0;         ///< bytes, a power of two not below the target's page size
  std::uint64_t total_size = 0;             ///< bytes of the image, all included
  std::array<std::uint8_t, 32> checksum{};  ///< SHA-256 of everything behind this header
  std::array<std::uint8_t, 32> module{};    ///< SHA-256 of the module's bytes
  std::uint64_t guarded = 0;                ///< 1: for guarded 32-bit memories, 0: every access is checked
  ImagePart target;     ///< text: version and build, LLVM, processor and features, options; equal or not ours
  ImagePart functions;  ///< u32 for each defined function: where its code begins in `code`, or kNoCode
  ImagePart tails;      ///< the same of its `tail` (native.h); empty if the module makes no tail calls
  ImagePart entries;    ///< u32 for each type index: where its EntryThunk begins in `code`, or kNoCode
  ImagePart ranges;     ///< ImageRange, ascending and disjoint
  ImagePart lines;      ///< what ImageRange::lines points into
  ImagePart code;
};

/// A function's piece of the code.
struct ImageRange {
  std::uint32_t begin = 0;  ///< in `code`
  std::uint32_t end = 0;
  std::uint32_t function = kNoCode;  ///< index in the module's function index space; kNoCode: a thunk
  /// Where its lines begin in `lines`: pairs of LEB128 numbers, code offset (unsigned, from the line before, the first
  /// from `begin`) and module offset (signed, from the line before, the first from 0). A line holds up to the next one.
  /// The pairs end where those of the next range begin.
  std::uint32_t lines = 0;
};

}  // namespace wzrun::runtime
