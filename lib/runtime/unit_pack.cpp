#include "runtime/unit_pack.h"

#include "runtime/compiler.h"
#include "runtime/file_parts.h"
#include "runtime/prepared_module.h"
#include "runtime/processors.h"
#include "runtime/unit_cache.h"
#include "runtime/unit_improving.h"
#include "runtime/unit_joining.h"
#include "wzrun/sha256.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace wzrun::runtime {

namespace {

/// At the end of a pack. Before it: a unit file, the description, and path and target of the source, if any.
struct PackTail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'p', 'k', '6'};

  Sha256Digest key{};              ///< if has_key
  FileFingerprint fingerprint;     ///< of the source
  std::uint32_t has_key = 0;       ///< 1: yes; 0: it is made of the source
  std::uint32_t features = 0;      ///< CoreFeatures::bits
  std::uint32_t wants_module = 0;  ///< 1: the module is kept too
  std::uint32_t left_hot = 0;      ///< of WorkLeft
  std::uint32_t left_entered = 0;  ///< the same
  std::uint32_t opt_level = 0;     ///< of what is compiled well
  std::uint64_t description_size = 0;
  std::uint64_t path_size = 0;  ///< 0: there is no source
  std::uint64_t target_size = 0;
  std::uint64_t size = 0;  ///< of the pack, all included
  std::array<char, 8> magic = kMagic;
};

/// What the pieces of a pack lie in.
struct Packed {
  UnitPack pack;
  UnitFileBuilder builder;
  std::string texts;
  PackTail tail;
};

/// The source's file, if it is the same. To open a FIFO that is there now could take forever.
Expected<ModuleFile> open_source(const UnitSource& source) {
  std::error_code error;
  if (std::filesystem::is_regular_file(source.path, error)) {
    auto file = WZRUN_TRY(ModuleFile::open(source.path));
    if (file.fingerprint() == source.fingerprint)
      return file;
  }
  return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, source.path + " has changed"});
}

/// The same where anybody finds it, if it is there.
std::optional<UnitSource> with_full_path(UnitSource source) {
  std::error_code error;
  source.path = std::filesystem::canonical(source.path, error).string();
  return !error && open_source(source) ? std::optional(std::move(source)) : std::nullopt;
}

/// A pack as it is read again.
class OpenedPack {
 public:
  static Expected<OpenedPack> open(std::span<const std::uint8_t> bytes);

  const UnitFile& file() const { return file_; }
  std::string_view description() const { return description_; }
  const UnitSource& source() const { return source_; }
  bool has_source() const { return !source_.path.empty(); }
  bool wants_module() const { return tail_.wants_module != 0; }
  WorkLeft left() const { return {.hot = tail_.left_hot != 0, .entered = tail_.left_entered != 0}; }
  /// Errors: io; it is made of the source, which has changed.
  Expected<Sha256Digest> key(CompilationCache& cache);
  /// The module that the key is for. Errors: io; the source has changed.
  Expected<std::span<const std::uint8_t>> module(CompilationCache& cache);

 private:
  struct Module {
    ModuleBytes bytes;
    Sha256Digest digest;
  };

  OpenedPack(const PackTail& tail, UnitFile file, UnitSource source, std::string description)
      : tail_(tail), file_(std::move(file)), source_(std::move(source)), description_(std::move(description)) {}
  std::unexpected<Error> changed(std::string_view when) const {
    return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, source_.path + " has changed" + std::string(when)});
  }
  Expected<void> read();

  PackTail tail_;
  UnitFile file_;
  UnitSource source_;
  std::string description_;
  std::optional<Module> module_;
};

Expected<OpenedPack> OpenedPack::open(std::span<const std::uint8_t> bytes) {
  const auto damaged = [] {
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "the pack is damaged"});
  };
  PackTail tail;
  if (bytes.size() < sizeof tail)
    return damaged();
  auto rest = bytes.first(bytes.size() - sizeof tail);
  std::memcpy(&tail, bytes.data() + rest.size(), sizeof tail);
  if (tail.magic != PackTail::kMagic || tail.size != bytes.size())
    return damaged();
  bool fits = true;
  const auto take_text = [&](std::uint64_t size) {
    fits = fits && size <= rest.size();
    if (!fits)
      return std::string();
    const auto text = rest.last(size);
    rest = rest.first(rest.size() - size);
    return std::string(text.begin(), text.end());
  };
  UnitSource source{
      .fingerprint = tail.fingerprint, .features = CoreFeatures::from_bits(tail.features), .opt_level = tail.opt_level};
  source.target = take_text(tail.target_size);
  source.path = take_text(tail.path_size);
  auto description = take_text(tail.description_size);
  if (!fits)
    return damaged();
  return OpenedPack(tail, WZRUN_TRY(UnitFile::view(rest)), std::move(source), std::move(description));
}

Expected<void> OpenedPack::read() {
  if (module_)
    return {};
  const auto file = WZRUN_TRY(open_source(source_));
  auto bytes = WZRUN_TRY(file.read());
  if (!file.is_unchanged())
    return changed(" while it was read");
  const auto digest = sha256(bytes.view());
  module_ = {std::move(bytes), digest};
  return {};
}

Expected<Sha256Digest> OpenedPack::key(CompilationCache& cache) {
  if (tail_.has_key != 0)
    return tail_.key;
  if (const auto known = cache.module_digest(source_.fingerprint))
    return units_key(*known, source_.target);
  WZRUN_CHECK(read());
  cache.remember_module(source_.fingerprint, module_->digest);
  return units_key(module_->digest, source_.target);
}

Expected<std::span<const std::uint8_t>> OpenedPack::module(CompilationCache& cache) {
  WZRUN_CHECK(read());
  if (units_key(module_->digest, source_.target) != WZRUN_TRY(key(cache)))
    return changed("");
  return module_->bytes.view();
}

bool can_improve(const OpenedPack& pack) { return pack.has_source() && usable_processors() >= 2; }

bool wants_joining(CompilationCache& cache, const Sha256Digest& key) {
  const auto found = find_units(cache, key);
  return found && is_worth_joining(found->file);
}

/// Joins what a cache has of the baseline compiler. Where that cannot be done everything stays as it is.
void join(CompilationCache& cache, const Sha256Digest& key, const OpenedPack& pack,
          std::span<const std::uint8_t> module) {
  const auto found = find_units(cache, key);
  if (!found)
    return;
  const auto joined = join_units(found->file, module, pack.source().features, pack.source().target);
  if (!joined)
    return;
  if (find_units(cache, key))  // what was removed meanwhile does not come back
    static_cast<void>(add_units(cache, key, pack.description(), std::array<ImageBytes, 1>{*joined}, {}));
  cache.make_sure(key);
}

ImprovingOptions options_for(const UnitSource& source) {
  return {.features = source.features, .opt_level = source.opt_level, .target = source.target};
}

/// Compiles what a short run has only entered, so that the next one need not.
void compile_entered(CompilationCache& cache, const Sha256Digest& key, const OpenedPack& pack,
                     std::span<const std::uint8_t> module) {
  if (const auto found = find_units(cache, key))
    compile_entered(found->file, module, options_for(pack.source()), [&](ImageBytes image) {
      return find_units(cache, key) && add_units(cache, key, pack.description(), std::array{image}, {});
    });
}

/// Compiles well what is hot. One process does so at a time. It ends when what it improves is gone, and when a run has
/// begun that does so itself: two would slow that one down, and its end begins it anew. True if there is better code
/// now, and no such run.
bool improve(CompilationCache& cache, const Sha256Digest& key, const OpenedPack& pack,
             std::span<const std::uint8_t> module, std::chrono::milliseconds time) {
  const auto claim = cache.try_claim(improving_key(key, Improver::process_after_runs));
  const auto is_left_to_us = [&] { return cache.try_claim(improving_key(key, Improver::run)) != nullptr; };
  const auto found = find_units(cache, key);
  if (claim == nullptr || !found || !is_left_to_us())
    return false;
  bool has_added = false;
  improve_units(found->file, module, options_for(pack.source()), time, [&](ImageBytes image) {
    if (!find_units(cache, key) || !add_units(cache, key, pack.description(), std::array{image}, {}))
      return false;
    has_added = true;
    return is_left_to_us();
  });
  cache.make_sure(key);
  return has_added && is_left_to_us();
}

}  // namespace

UnkeptCode in_pieces(UnitPack pack, const std::function<Sha256Digest()>& make_key) {
  const auto packed = std::make_shared<Packed>(Packed{.pack = std::move(pack)});
  const auto& [units, profile, description, source, key, wants_module, left] = packed->pack;
  std::vector<ImageBytes> images;
  images.reserve(units.size());
  for (const auto& unit : units)
    images.emplace_back(*unit);
  add_in_order(packed->builder, images);
  for (const auto& function : profile)
    packed->builder.add(function);
  auto& tail = packed->tail;
  packed->texts = description;
  tail.description_size = description.size();
  const auto found = source ? with_full_path(*source) : std::nullopt;
  if (found) {
    tail.fingerprint = found->fingerprint;
    tail.features = found->features.bits();
    tail.opt_level = found->opt_level;
    tail.path_size = found->path.size();
    tail.target_size = found->target.size();
    tail.wants_module = wants_module ? 1 : 0;
    tail.left_hot = left.hot ? 1 : 0;
    tail.left_entered = left.entered ? 1 : 0;
    packed->texts += found->path + found->target;
  }
  if (!found || key) {
    tail.key = key ? *key : make_key();
    tail.has_key = 1;
  }
  auto parts = packed->builder.parts();
  parts.push_back(bytes_of(std::span<const char>(packed->texts)));
  parts.push_back(bytes_of(std::span<const PackTail>(&tail, 1)));
  for (const auto part : parts)
    tail.size += part.size();
  return {std::move(parts), packed};
}

Expected<bool> keep_pack(CompilationCache& cache, std::span<const std::uint8_t> bytes) {
  auto pack = WZRUN_TRY(OpenedPack::open(bytes));
  const auto key = WZRUN_TRY(pack.key(cache));
  if (!pack.file().units().empty())
    WZRUN_CHECK(add_units(cache, key, pack.description(), images_of(pack.file()), pack.file().profile()));
  const bool can_compile = can_improve(pack);
  if (can_compile && pack.left().entered)
    compile_entered(cache, key, pack, WZRUN_TRY(pack.module(cache)));
  if (pack.wants_module()) {
    add_module(cache, key, pack.description(), WZRUN_TRY(pack.module(cache)), pack.source().features);
    cache.make_sure(prepared_key(key));
  }
  cache.make_sure(key);
  return can_compile && ((pack.left().hot && has_compiler()) || wants_joining(cache, key));
}

Expected<void> improve_pack(CompilationCache& cache, std::span<const std::uint8_t> bytes,
                            std::chrono::milliseconds time) {
  auto pack = WZRUN_TRY(OpenedPack::open(bytes));
  const auto key = WZRUN_TRY(pack.key(cache));
  if (!can_improve(pack))
    return {};
  const auto module = WZRUN_TRY(pack.module(cache));
  if (wants_joining(cache, key))
    join(cache, key, pack, module);
  // Calls within a unit would go to the code that has become better by way of the old one.
  if (pack.left().hot && improve(cache, key, pack, module, time))
    join(cache, key, pack, module);
  return {};
}

}  // namespace wzrun::runtime
