#pragma once

#include <cstddef>
#include <cstdint>

/// What the library asks of libwzrun-codegen.so, in C terms: the two are linked separately, each with a C++ runtime of
/// its own, so no exception may pass from one to the other.
namespace wzrun::runtime {

inline constexpr std::uint32_t kCodegenInterface = 3;
inline constexpr const char* kCodegenLibrary = "libwzrun-codegen.so";
inline constexpr const char* kCodegenEntry = "wzrun_codegen_compile";

/// Where the interpreter enters a function of the request: at a loop, counted in the order in which they begin.
struct CodegenLoop {
  std::uint32_t function = 0;  ///< function index
  std::uint32_t loop = 0;
};

struct CodegenRequest {
  std::uint32_t interface_version = kCodegenInterface;
  std::uint32_t opt_level = 2;           ///< 0 to 3
  const std::uint8_t* module = nullptr;  ///< bytes of a valid module
  std::size_t module_size = 0;
  std::uint64_t features = 0;    ///< CoreFeatures::bits()
  const char* target = nullptr;  ///< text that the image will carry
  std::size_t target_size = 0;
  std::uint32_t threads = 1;  ///< at least 1
  bool guarded = true;        ///< for guarded 32-bit memories
  bool print_ir = false;      ///< writes the optimised LLVM IR to standard error

  /// Calls body(argument, number) for numbers from 0 to `count` at most, all at once on as many threads as there can
  /// be, at least one, and waits for them; crashed(argument, number, why) for a call that did not return.
  void (*run)(std::uint32_t count, void (*body)(void* argument, std::uint32_t number),
              void (*crashed)(void* argument, std::uint32_t number, const char* why), void* argument) = nullptr;
  /// Ends the present call of such a body as a crash does.
  void (*give_up)(const char* why) = nullptr;

  const std::uint32_t* functions =
      nullptr;  ///< indices of those to compile, ascending; null: all that the module defines
  std::size_t function_count = 0;
  /// Of these functions, those that are compiled at level 3, whatever opt_level says: indices, ascending. May be null.
  const std::uint32_t* hot_functions = nullptr;
  std::size_t hot_function_count = 0;
  const CodegenLoop* loops = nullptr;  ///< of these functions, ascending; null if there are none
  std::size_t loop_count = 0;
  /// What the compiler keeps of the module from one request to the next, or null. Where it points is null at first;
  /// a request without a module frees it. One request at a time.
  void** session = nullptr;

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
