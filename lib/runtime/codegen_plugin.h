#pragma once

#include <cstddef>
#include <cstdint>

/// What the library asks of libwzrun-codegen.so, in C terms: the two are linked separately.
namespace wzrun::runtime {

inline constexpr std::uint32_t kCodegenInterface = 1;
inline constexpr const char* kCodegenLibrary = "libwzrun-codegen.so";
inline constexpr const char* kCodegenEntry = "wzrun_codegen_compile";

struct CodegenRequest {
  std::uint32_t interface_version = kCodegenInterface;
  std::uint32_t opt_level = 2;           ///< 0 to 3
  const std::uint8_t* module = nullptr;  ///< bytes of a valid module
  std::size_t module_size = 0;
  std::uint64_t features = 0;    ///< CoreFeatures::bits()
  const char* target = nullptr;  ///< text that the image will carry
  std::size_t target_size = 0;
  std::uint32_t threads = 0;  ///< 0: one for each processor
  bool guarded = true;        ///< for guarded 32-bit memories
  bool print_ir = false;      ///< writes the optimised LLVM IR to standard error

  void* context = nullptr;  ///< of the functions below
  /// Memory for the image; the caller owns it. Null if there is none.
  std::uint8_t* (*allocate)(void* context, std::size_t size) = nullptr;
  /// Why there is no image.
  void (*fail)(void* context, const char* message, std::size_t size) = nullptr;
  /// Called from any thread: of `total` bytes of code, `done` are compiled. May be null.
  void (*progress)(void* context, std::uint64_t done, std::uint64_t total) = nullptr;
};

/// Compiles; true if allocate() was called and its memory is an image now, false if fail() was called.
using CodegenEntry = bool (*)(const CodegenRequest* request);

}  // namespace wzrun::runtime
