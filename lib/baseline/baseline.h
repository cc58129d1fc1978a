#pragma once

#include "runtime/codegen_plugin.h"
#include "wasm/module.h"
#include "wzrun/error.h"
#include "wzrun/sha256.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// The baseline compiler: machine code in one pass over a function's bytes, some hundred times as fast as LLVM at its
/// fastest, for x86-64. It bridges the time between the interpreter and code that LLVM has compiled.
namespace wzrun::baseline {

/// Whether there is such a compiler for this processor.
bool is_available();

struct Request {
  std::span<const std::uint32_t> functions;  ///< indices of those to compile, ascending, each once
  /// Where they are entered at loops, ascending.
  std::span<const runtime::CodegenLoop> loops;
  bool guarded = true;  ///< for guarded 32-bit memories
  /// Of calls and backward branches, after which the code tells the runtime (NativeHelper::is_hot); a power of two, 0:
  /// it does not count. Only instances of modules with Tiering can run code that counts.
  std::uint32_t patience = 0;
  std::string_view target;  ///< text that the image carries
  Sha256Digest module{};    ///< digest of the module's bytes, if all of it is compiled
  unsigned opt_level = 0;   ///< that the image says it is of
};

struct Result {
  std::vector<std::uint8_t> image;      ///< runtime/image.h; empty if it would have no functions
  std::vector<std::uint32_t> left_out;  ///< of the functions, ascending: not in the image
};

/// Compiles functions of a valid module. Left out are those with tail calls, with indirect calls of types that have
/// subtypes, and with what no engine but the interpreter executes. Requires is_available().
/// Errors: malformed and invalid, if nobody has validated the module.
Expected<Result> compile(const wasm::Module& module, const Request& request);

}  // namespace wzrun::baseline
