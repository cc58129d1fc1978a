#pragma once

#include "wzrun/checksum.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

/// An image and the module that it was made of, as one file: image | module | tail, the module where mapped_data.h
/// wants it.
/// Caches keep modules without their bodies (wasm/bodies.h): a program that starts from there reads nothing else.
namespace wzrun::runtime {

struct CompiledFileTail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'c', 'm', 'p'};
  static constexpr std::uint32_t kFormat = 2;

  std::array<char, 8> magic = kMagic;
  std::uint32_t format = kFormat;
  std::uint32_t has_bodies = 0;  ///< 1: the module is whole
  std::uint64_t image_size = 0;
  std::uint64_t module_offset = 0;
  std::uint64_t module_size = 0;
  Checksum checksum{};  ///< of all bytes of the file before it
};

/// The pieces of such a file, in order. It refers to the image and the module, which must stay.
class CompiledFileParts {
 public:
  CompiledFileParts(std::span<const std::uint8_t> image, std::span<const std::uint8_t> module,
                    std::uint64_t module_offset, bool has_bodies);
  CompiledFileParts(const CompiledFileParts&) = delete;
  CompiledFileParts& operator=(const CompiledFileParts&) = delete;
  std::span<const std::span<const std::uint8_t>> parts() const { return parts_; }

 private:
  std::vector<std::uint8_t> padding_;
  CompiledFileTail tail_;
  std::array<std::span<const std::uint8_t>, 4> parts_;
};

/// Such a file, opened; the image begins at its first byte.
struct CompiledFile {
  std::uint64_t image_size = 0;
  std::uint64_t module_offset = 0;
  ModuleBytes module;  ///< keeps the mapping of the file
  bool has_bodies = false;
  std::span<const std::uint8_t> bytes;  ///< the whole file, as long as `module` is there

  /// Maps the first `size` bytes of a file that nobody changes. Errors: malformed, io.
  static Expected<CompiledFile> open(int fd, std::uint64_t size);
  /// That the image says; 0 if it is none.
  unsigned opt_level() const;
  /// Whether the bytes are those that were written. Reads all of them.
  bool checksum_holds() const;
};

}  // namespace wzrun::runtime
