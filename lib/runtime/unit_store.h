#pragma once

#include "runtime/prepared_module.h"
#include "runtime/unit_file.h"
#include "runtime/unit_pack.h"
#include "wzrun/cache.h"
#include "wzrun/runtime.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wzrun::runtime {

/// Where the code and the profile of a module's hot functions are kept from one run to the next.
class UnitStore {
 public:
  using Unit = std::shared_ptr<const std::vector<std::uint8_t>>;  ///< an image
  /// Of the module, and of whatever else the code depends on. Asked for once, when it is needed first.
  using Key = std::function<Sha256Digest()>;

  /// `may_write`: false leaves the cache as it is.
  UnitStore(std::shared_ptr<CompilationCache> cache, Key key, std::string description, bool may_write,
            std::optional<UnitSource> source = std::nullopt);

  /// What was kept; or why there is nothing.
  std::expected<UnitFile, std::string> find();
  /// What others have kept since this last looked or kept something; nothing if they have not, or if nobody knows yet
  /// under which key.
  std::optional<UnitFile> find_newer();
  /// The module, if it was kept.
  std::expected<PreparedModule, std::string> find_module();
  /// Has the module kept too, where there are units: it was not found. Requires that it is valid.
  void want_module(ModuleBytes module, CoreFeatures features);
  bool wants_module() const { return wants_module_.load(); }
  /// Keeps it now, if it is wanted and that was not done before.
  void keep_module();
  /// Has processes that improve what ended runs have left stop, as long as somebody has the result.
  CompilationCache::Claim claim_improving();
  /// Adds what a run has made and counted to what is kept. `profile` is of all of the run: what was added before is not
  /// counted again. True if there was nothing to add, or it is kept now.
  bool keep(std::span<const Unit> units, std::span<const FunctionProfile> profile);
  /// What keep() would add, for keep_pack(), also in another process. Empty if there is nothing to
  /// do.
  UnkeptCode pack(std::vector<Unit> units, std::span<const FunctionProfile> profile, WorkLeft left = {});

 private:
  const Sha256Digest& key();
  std::optional<Sha256Digest> known_key();
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
