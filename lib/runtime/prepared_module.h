#pragma once

#include "wasm/module.h"
#include "wzrun/cache.h"
#include "wzrun/error.h"
#include "wzrun/runtime.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

/// A large module, as a file that a program starts from without reading it all. Layout: the module without its bodies
/// (wasm/bodies.h) where mapped_data.h wants it | the module | BodyPlace of each body | tail.
namespace wzrun::runtime {

/// Smaller modules are read and decoded as fast.
inline constexpr std::uint64_t kLeastPreparedBytes = 1U << 20;

/// The key in a cache of a prepared module whose units have this one (unit_store.h).
Sha256Digest prepared_key(const Sha256Digest& units_key);

/// Of the module.
struct BodyPlace {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The pieces of such a file, in order. Requires a valid module; its bytes must stay.
class PreparedModuleParts {
 public:
  explicit PreparedModuleParts(const wasm::Module& module);
  ~PreparedModuleParts();
  PreparedModuleParts(const PreparedModuleParts&) = delete;
  PreparedModuleParts& operator=(const PreparedModuleParts&) = delete;
  std::span<const std::span<const std::uint8_t>> parts() const;

 private:
  struct Pieces;
  std::unique_ptr<Pieces> pieces_;
};

/// Such a file, mapped.
struct PreparedModule {
  CacheEntry file;
  ModuleBytes start;  ///< the module without bodies
  std::uint64_t start_offset = 0;
  ModuleBytes whole;
  std::vector<wasm::FunctionBody> bodies;  ///< of `whole`

  /// Maps the file. Errors: malformed, io.
  static Expected<PreparedModule> open(CacheEntry file);
};

}  // namespace wzrun::runtime
