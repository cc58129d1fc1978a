#pragma once

#include "runtime/code_arena.h"
#include "runtime/native.h"
#include "wzrun/checksum.h"
#include "wzrun/error.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

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

inline constexpr std::uint32_t kImageFormat = 4;
inline constexpr std::array<char, 8> kImageMagic = {'w', 'z', 'r', 'u', 'n', 'i', 'm', 'g'};
inline constexpr std::uint32_t kNoCode = 0xffffffff;

struct ImageHeader {
  std::array<char, 8> magic = kImageMagic;
  std::uint32_t format = kImageFormat;
  std::uint32_t code_alignment = 0;       ///< bytes, a power of two not below the target's page size
  std::uint64_t total_size = 0;           ///< bytes of the image, all included
  Checksum checksum{};                    ///< of everything behind this header
  std::array<std::uint8_t, 32> module{};  ///< SHA-256 of the module's bytes; zeros in images of some functions
  std::uint32_t guarded = 0;              ///< 1: for guarded 32-bit memories, 0: every access is checked
  std::uint32_t opt_level = 0;            ///< 0 to 3: how well the code was compiled
  ImagePart target;     ///< text: version and build, LLVM, processor and features, options; equal or not ours
  ImagePart members;    ///< u32, ascending: numbers among the defined functions; empty: all of them
  ImagePart functions;  ///< u32 for each member: where its code begins in `code`, or kNoCode
  ImagePart tails;      ///< the same of its `tail` (native.h); empty if no member makes tail calls
  ImagePart loops;      ///< ImageLoop, ascending by function and loop
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

/// Where a function is entered at a loop.
struct ImageLoop {
  std::uint32_t function = 0;  ///< number among the defined ones
  std::uint32_t loop = 0;      ///< counted in the order in which the function's loops begin
  std::uint32_t begin = 0;     ///< of a LoopEntry, in `code`
};

/// What an image must have been made for.
struct ImageExpectation {
  std::string_view target;      ///< ImageHeader::target
  std::uint64_t functions = 0;  ///< that the module defines
  std::uint64_t types = 0;      ///< type indices of the module
};

/// Whether the bytes are laid out as an image of some module.
bool is_image(std::span<const std::uint8_t> bytes);

/// An image in memory, its code executable and nothing of it writable.
///
/// The header is checked when the image is made, and that every part lies where it may; what the tables say is checked
/// when it is asked for. That the bytes are those that were written, only the checksum tells.
class Image {
 public:
  /// Copies the bytes. Errors: malformed; unsupported if the image was made for something else; io.
  static Expected<std::shared_ptr<const Image>> from_bytes(std::span<const std::uint8_t> bytes,
                                                           const ImageExpectation& expectation);
  /// The same, with the code in an arena if that takes it.
  static Expected<std::shared_ptr<const Image>> in_arena(std::span<const std::uint8_t> bytes,
                                                         const ImageExpectation& expectation, CodeArena& arena);
  /// Maps `size` bytes at `offset` of a file that nobody changes from now on; the descriptor is not needed afterwards.
  /// An offset that is no multiple of the page size costs a copy, as does a file system whose files are not executable.
  /// Errors: as from_bytes.
  static Expected<std::shared_ptr<const Image>> from_file(int descriptor, std::uint64_t offset, std::uint64_t size,
                                                          const ImageExpectation& expectation);
  /// The same in memory of its own, whatever the offset: profilers take code in a file's mapping for the file's.
  static Expected<std::shared_ptr<const Image>> copy_of_file(int descriptor, std::uint64_t offset, std::uint64_t size,
                                                             const ImageExpectation& expectation);
  const ImageHeader& header() const { return *reinterpret_cast<const ImageHeader*>(base_); }
  /// Whether the code leaves the bounds of 32-bit memories to their guards.
  bool is_guarded() const { return header().guarded != 0; }
  /// How well the code was compiled.
  std::uint32_t opt_level() const { return header().opt_level; }
  std::span<const std::uint8_t> code() const { return {code_.get(), header().code.size}; }
  /// The code of a function by its number among the defined ones, or null if it has none.
  const void* function(std::uint32_t defined_index) const {
    return code_at(header().functions, position(defined_index));
  }
  /// Its code for tail calls, or null if it has none.
  const void* tail(std::uint32_t defined_index) const { return code_at(header().tails, position(defined_index)); }
  /// The functions that have code, by their numbers among the defined ones; empty: all of them.
  std::span<const std::uint32_t> members() const { return table<std::uint32_t>(header().members); }
  std::span<const ImageLoop> loops() const { return table<ImageLoop>(header().loops); }
  /// The code of a loop's entry, or null if that is damaged.
  LoopEntry loop_entry(const ImageLoop& loop) const;
  /// What enters a function of a type, or null if there is none.
  EntryThunk entry(std::uint32_t type_index) const {
    return reinterpret_cast<EntryThunk>(reinterpret_cast<std::uintptr_t>(code_at(header().entries, type_index)));
  }
  /// What lies where in the code, ascending.
  std::span<const ImageRange> ranges() const {
    return {reinterpret_cast<const ImageRange*>(base_ + header().ranges.offset),
            header().ranges.size / sizeof(ImageRange)};
  }
  /// The range that an offset in the code lies in, or null.
  const ImageRange* range_at(std::uint64_t code_offset) const;
  /// The module offset of the instruction whose code is at an offset in the code; 0 if nothing is known.
  std::uint64_t module_offset(const ImageRange& range, std::uint64_t code_offset) const;

  /// Whether the bytes are those that were written. Reads all of them.
  bool checksum_holds() const;

 private:
  using Memory = std::shared_ptr<const std::uint8_t>;
  Image(Memory head, Memory code) : head_(std::move(head)), base_(head_.get()), code_(std::move(code)) {}
  static Expected<std::shared_ptr<const Image>> of(const Memory& bytes);
  template <typename Element>
  std::span<const Element> table(const ImagePart& part) const {
    return {reinterpret_cast<const Element*>(base_ + part.offset), part.size / sizeof(Element)};
  }
  /// Of a function in the tables; one behind their end if it is not in them.
  std::uint32_t position(std::uint32_t defined_index) const;
  const void* code_at(const ImagePart& part, std::uint32_t index) const;
  const void* code_at(std::uint32_t offset) const;

  Memory head_;  ///< what lies before the code
  const std::uint8_t* base_;
  Memory code_;
};

}  // namespace wzrun::runtime
