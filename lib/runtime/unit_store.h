#pragma once

#include "runtime/prepared_module.h"
#include "runtime/unit_file.h"
#include "wzrun/cache.h"
#include "wzrun/runtime.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::runtime {

/// The key of a module's units in a cache: of the module's digest, and the text of target.h.
Sha256Digest units_key(const Sha256Digest& module, std::string_view target);

/// Where a module was read from, for whoever needs it later and elsewhere.
struct UnitSource {
  std::string path;
  FileFingerprint fingerprint;  ///< must be settled: the file that has it has the same contents
  std::string target;
  CoreFeatures features;
};

/// Where the code and the profile of a module's hot functions are kept from one run to the next.
class UnitStore {
 public:
  using Unit = std::shared_ptr<const std::vector<std::uint8_t>>;  ///< an image
  /// Of the module, and of whatever else the code depends on. Asked for once, when it is needed first.
  using Key = std::function<Sha256Digest()>;

  /// `may_write`: false leaves the cache as it is.
  UnitStore(std::shared_ptr<CompilationCache> cache, Key key, std::string description, bool may_write,
            std::optional<UnitSource> source = std::nullopt);

  /// Makes the key, so that nobody has to wait for it later.
  void prepare() { key(); }
  /// What was kept; or why there is nothing.
  std::expected<UnitFile, std::string> find();
  /// What others have kept since this last looked or kept something; nothing if they have not.
  std::optional<UnitFile> find_newer();
  /// The module, if it was kept.
  std::expected<PreparedModule, std::string> find_module();
  /// Has the module kept too, where there are units: it was not found. Requires that it is valid.
  void want_module(ModuleBytes module, CoreFeatures features);
  /// Does that now, if it is wanted and nobody has called this before.
  void keep_module();
  /// Adds what a run has made and counted to what is kept. `profile` is of all of the run: what was added before is not
  /// counted again. True if there was nothing to add, or it is kept now.
  bool keep(std::span<const Unit> units, std::span<const FunctionProfile> profile);
  /// What keep() would add, for add_packed(), also in another process. Empty if there is nothing. Where nobody has made
  /// the key yet, and the source is known, that is left to add_packed(), as it takes a digest of the module.
  UnkeptCode pack(std::vector<Unit> units, std::span<const FunctionProfile> profile);
  /// Adds to a cache what pack() gave. After `delay`, which leaves the processors to runs that follow at once, joins
  /// what is in many units. Errors: malformed, io; the key is not known and the module's file has changed.
  static Expected<void> add_packed(CompilationCache& cache, std::span<const std::uint8_t> packed,
                                   std::chrono::milliseconds delay = {});

 private:
  const Sha256Digest& key();
  bool may_keep_module() const { return may_write_ && has_units_.load() && wants_module_.load(); }
  /// Of this run's counts, what was not kept before. Requires the lock.
  std::vector<FunctionProfile> news(std::span<const FunctionProfile> profile) const;

  std::shared_ptr<CompilationCache> cache_;
  Key make_key_;
  std::once_flag making_key_;
  std::atomic<bool> key_is_made_{false};
  Sha256Digest key_{};
  std::string description_;
  bool may_write_;
  std::optional<UnitSource> source_;
  std::atomic<bool> has_units_{false};  ///< the cache has some
  std::atomic<bool> wants_module_{false};
  ModuleBytes module_;  ///< if wants_module_
  CoreFeatures features_;
  std::mutex keeping_;
  std::map<std::uint32_t, FunctionProfile> kept_;  ///< of this run's counts
  std::atomic<std::uint64_t> seen_{0};             ///< inode of the file that find() has opened last
};

}  // namespace wzrun::runtime
