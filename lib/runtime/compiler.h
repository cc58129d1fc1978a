#pragma once

#include "runtime/codegen_plugin.h"
#include "wzrun/error.h"
#include "wzrun/features.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wzrun::runtime {

/// What the compiler keeps of a module between calls of compile_image. For one call at a time.
class CompilerSession {
 public:
  CompilerSession() = default;
  ~CompilerSession();
  CompilerSession(const CompilerSession&) = delete;
  CompilerSession& operator=(const CompilerSession&) = delete;
  void** state() { return &state_; }

 private:
  void* state_ = nullptr;
};

/// Of a module with more bytes of bodies, LLVM compiles on the default level what is likely to be hot: a third, or as
/// many bytes. The baseline compiler has the rest.
inline constexpr std::uint64_t kMostBytesForLlvm = 4U << 20;

struct CompileOptions {
  unsigned opt_level = 2;  ///< 0 to 3
  unsigned threads = 0;    ///< 0: one for each processor; the image does not depend on it
  bool guarded = true;     ///< code for guarded 32-bit memories; otherwise every access is checked
  bool print_ir = false;   ///< writes the optimised LLVM IR to standard error
  std::string target;      ///< text that the image carries: whatever distinguishes it from others of the module
  std::span<const std::uint32_t> functions;      ///< indices of those to compile, ascending; empty: all
  std::span<const std::uint32_t> hot_functions;  ///< of these, those that are compiled at level 3, ascending
  std::span<const CodegenLoop> loops;            ///< where these functions are also entered, ascending
  CompilerSession* session = nullptr;            ///< of this module, or null
  /// For tests: of all modules the baseline compiler has some functions on the default level, as the seed decides.
  std::optional<std::uint64_t> stress;
  /// Called from any thread with the bytes of code compiled so far and in all.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Whether there is a compiler; loads it.
bool has_compiler();

/// Compiles a valid module to an image (image.h). Loads libwzrun-codegen.so, from the folder of this program or
/// library, from ../lib beside that, or from where the system finds it. Errors: unsupported if there is no such
/// library, or if it cannot compile the module.
Expected<std::vector<std::uint8_t>> compile_image(std::span<const std::uint8_t> module, CoreFeatures features,
                                                  const CompileOptions& options);

}  // namespace wzrun::runtime
