#pragma once

#include "runtime/unit_file.h"
#include "wzrun/cache.h"
#include "wzrun/error.h"
#include "wzrun/features.h"
#include "wzrun/runtime.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What a run leaves to a process that outlives it: its new code and counts, and where its module is.
namespace wzrun::runtime {

/// Where a module was read from, for whoever needs it later and elsewhere.
struct UnitSource {
  std::string path;
  FileFingerprint fingerprint;  ///< must be settled: the file that has it has the same contents
  std::string target;
  CoreFeatures features;
  unsigned opt_level = 2;  ///< of what is compiled well
};

/// What a run has not come to.
struct WorkLeft {
  bool hot = false;      ///< functions are worth compiling well
  bool entered = false;  ///< and enough of them were entered and have no code
  bool any() const { return hot || entered; }
};

struct UnitPack {
  std::vector<std::shared_ptr<const std::vector<std::uint8_t>>> units;  ///< in the order in which they were made
  std::vector<FunctionProfile> profile;
  std::string description;
  std::optional<UnitSource> source;
  std::optional<Sha256Digest> key;  ///< of the units, if somebody has made it
  bool wants_module = false;        ///< the module is to be kept too
  WorkLeft left;
};

/// The pieces of a pack. `make_key` is called if there is neither a key nor a source: else the key is left to
/// keep_pack(), as it takes a digest of the module.
UnkeptCode in_pieces(UnitPack pack, const std::function<Sha256Digest()>& make_key);
/// Adds such a pack, in one piece, to a cache, and code of what was only entered (unit_improving.h). True if
/// improve_pack() has something to do. Errors: malformed, io; the module is needed, and its file has changed.
Expected<bool> keep_pack(CompilationCache& cache, std::span<const std::uint8_t> pack);
/// When such a pack is kept: joins what is in many units (unit_joining.h), compiles well what is hot
/// (unit_improving.h), for `time` of the processor, and joins the rest. Errors: as keep_pack. Where there is one
/// processor only, which the next run wants, nothing is compiled here or there.
Expected<void> improve_pack(CompilationCache& cache, std::span<const std::uint8_t> pack,
                            std::chrono::milliseconds time);

}  // namespace wzrun::runtime
