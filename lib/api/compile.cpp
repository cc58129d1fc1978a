// From a module's bytes to something that can be instantiated: out of the cache, through the compiler, or as it is.

#include "runtime/announce.h"
#include "runtime/compiled_file.h"
#include "runtime/compiler.h"
#include "runtime/hot_functions.h"
#include "runtime/image.h"
#include "runtime/prepared_module.h"
#include "runtime/state.h"
#include "runtime/target.h"
#include "runtime/tiering.h"
#include "runtime/unit_cache.h"
#include "runtime/unit_store.h"
#include "wasm/bodies.h"
#include "wasm/decoder.h"
#include "wasm/validator.h"
#include "wzrun/runtime.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace wzrun {

namespace {

using runtime::CompiledCode;
using Cache = CompilationReport::Cache;

/// Whether 32-bit memories will most likely have the address space for their guards.
bool expect_guards() {
  constexpr rlim_t kEnough = rlim_t{16} << 30;
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kEnough;
}

Sha256Digest cache_key(const Sha256Digest& module, std::string_view target) {
  Sha256 hash;
  hash.update(module);
  hash.update(target);
  return hash.finish();
}

/// One use of Runtime::compile or precompile.
class Compilation {
 public:
  Compilation(runtime::RuntimeState& state, const ModuleFile* file, std::optional<ModuleBytes> bytes)
      : state_(state),
        config_(state.config),
        file_(file),
        bytes_(std::move(bytes)),
        guarded_(expect_guards()),
        target_(target(config_.opt_level())),
        begin_(Clock::now()) {}

  Expected<CompiledModule> run();
  Expected<std::vector<std::uint8_t>> precompile();

 private:
  using Clock = std::chrono::steady_clock;
  using Code = std::shared_ptr<CompiledCode>;

  /// Ends a phase: the time since the last one ended is its.
  void phase(std::string_view name) {
    const auto now = Clock::now();
    report_.phases.push_back({name, now - begin_});
    begin_ = now;
  }

  Expected<void> read();
  bool may_be_cached() const;
  Expected<Sha256Digest> digest();
  void remember_digest();
  std::function<void(const Sha256Digest&)> digest_rememberer();

  Expected<Code> run_cached();
  std::expected<Code, std::string> find();
  Expected<Code> open_compiled(int fd, std::uint64_t size, std::string_view target);
  std::string target(unsigned opt_level) const { return runtime::target_text(config_, opt_level, guarded_); }
  Expected<Code> open_precompiled();
  Expected<Code> compile_now();
  Expected<Code> interpret();
  Expected<Code> interpret_with_units();
  std::optional<Code> open_prepared();
  bool is_large() const;
  std::shared_ptr<runtime::UnitStore> make_unit_store();
  std::string description() const;

  Expected<Code> decode(ModuleBytes bytes, wasm::DecodeOptions options = {});
  Expected<Code> load();
  std::vector<std::uint32_t> hot_functions();
  Expected<std::vector<std::uint8_t>> compile_image();
  void store(const Code& code, std::span<const std::uint8_t> image);
  void tier(CompiledCode& code);
  Expected<CompiledModule> finish(Code code);

  runtime::RuntimeState& state_;
  const RuntimeConfig& config_;
  const ModuleFile* file_;
  std::optional<ModuleBytes> bytes_;
  bool guarded_;
  std::string target_;  ///< of what is made now
  std::optional<Sha256Digest> digest_;
  std::shared_ptr<runtime::UnitStore> units_;
  std::expected<runtime::UnitFile, std::string> kept_ = std::unexpected(std::string());
  bool digest_is_new_ = false;  ///< and the cache should remember it
  CompilationReport report_;
  Clock::time_point begin_;
};

Expected<CompiledModule> Compilation::run() {
  if (file_ != nullptr && file_->is_precompiled())
    return finish(WZRUN_TRY(open_precompiled()));
  if (config_.engine() == EngineKind::interpreter)
    return finish(WZRUN_TRY(interpret()));
  return finish(WZRUN_TRY(run_cached()));
}

Expected<Compilation::Code> Compilation::run_cached() {
  if (config_.cache() == nullptr)
    return config_.engine() == EngineKind::llvm ? compile_now() : interpret();
  const bool may_make = config_.engine() == EngineKind::llvm && config_.cache_use() != CacheUse::require;
  std::string reason = config_.cache()->is_empty() ? "the cache is empty" : "not in the cache";
  if (may_make || may_be_cached()) {
    digest_ = WZRUN_TRY(digest());
    auto code = find();
    remember_digest();
    if (code)
      return *code;
    reason = std::move(code).error();
  }
  report_.cache = Cache::miss;
  report_.cache_reason = std::move(reason);
  if (config_.cache_use() == CacheUse::require)
    return std::unexpected(Error{ErrorKind::not_cached, Error::kNoOffset, "no compiled code: " + report_.cache_reason});
  if (!may_make)
    return interpret_with_units();
  if (config_.cache_use() != CacheUse::read_write)
    return compile_now();
  const auto claim = config_.cache()->claim(cache_key(*digest_, target_));
  phase("wait");
  if (auto code = find())  // somebody else has made it meanwhile
    return *code;
  auto code = compile_now();
  remember_digest();
  return code;
}

/// Code of the level that was asked for, or else of the usual one or better; or why there is none.
std::expected<Compilation::Code, std::string> Compilation::find() {
  std::string why_none;
  const auto usual = config_.opt_level();
  for (auto level = config_.has_opt_level() ? usual : RuntimeConfig::kMaxOptLevel;; --level) {
    const auto wanted = level == usual ? target_ : target(level);
    auto entry = config_.cache()->find(cache_key(*digest_, wanted));
    phase("cache");
    auto code = entry ? open_compiled(entry->fd(), entry->size_bytes(), wanted) : Expected<Code>();
    if (entry && code) {
      report_.cache = Cache::hit;
      report_.cache_reason.clear();
      return *code;
    }
    if (level == usual || entry)
      why_none = entry ? code.error().to_string() : std::move(entry).error();
    if (level == usual)
      return std::unexpected(why_none);
  }
}

Expected<Compilation::Code> Compilation::open_compiled(int fd, std::uint64_t size, std::string_view target) {
  auto file = WZRUN_TRY(runtime::CompiledFile::open(fd, size));
  auto code = WZRUN_TRY(decode(std::move(file.module), {.bodies_are_absent = !file.has_bodies}));
  auto image =
      WZRUN_TRY(runtime::Audience::of(config_).opener()(fd, 0, file.image_size, code->image_expectation(target)));
  if (digest_ && image->header().module != *digest_)
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "compiled code of another module"});
  code->attach_image(std::move(image));
  code->has_bodies = file.has_bodies;
  code->mapped_data = runtime::MappedData::of(code->module, fd, file.module_offset);
  report_.engine = EngineKind::llvm;
  phase("map");
  return code;
}

Expected<Compilation::Code> Compilation::open_precompiled() {
  const auto invalid = [](std::string message) {
    return std::unexpected(Error{ErrorKind::invalid_argument, Error::kNoOffset, std::move(message)});
  };
  if (!config_.precompiled_files())
    return invalid("holds native code, which can do all that its user can; precompiled files are not allowed");
  const auto size = file_->fingerprint()->size_bytes;
  const auto file = runtime::CompiledFile::open(file_->fd(), size);
  if (!file || !file->checksum_holds())
    return invalid("the precompiled file is damaged");
  phase("check");
  const auto level = config_.has_opt_level() ? config_.opt_level() : file->opt_level();
  auto code = open_compiled(file_->fd(), size, target(level));
  if (!code && code.error().kind == ErrorKind::unsupported)
    return invalid(fmt::format("precompiled for something else: {}", code.error().message));
  if (!code)
    return invalid("the precompiled file is damaged: " + code.error().to_string());
  return code;
}

Expected<void> Compilation::read() {
  if (bytes_)
    return {};
  bytes_ = WZRUN_TRY(file_->read());
  phase("read");
  return {};
}

/// False if the cache most likely has nothing of the module: to make its digest would keep a program waiting.
bool Compilation::may_be_cached() const {
  auto& cache = *config_.cache();
  if (cache.is_empty())
    return false;
  if (config_.cache_use() == CacheUse::require || file_ == nullptr || !file_->fingerprint())
    return true;
  const auto& fingerprint = *file_->fingerprint();
  return cache.module_digest(fingerprint) || cache.knows_size(fingerprint.size_bytes);
}

Expected<Sha256Digest> Compilation::digest() {
  if (file_ != nullptr && file_->fingerprint()) {
    if (const auto known = config_.cache()->module_digest(*file_->fingerprint()))
      return *known;
  }
  WZRUN_CHECK(read());
  const auto made = sha256(bytes_->view());
  digest_is_new_ = true;
  phase("hash");
  return made;
}

void Compilation::remember_digest() {
  if (digest_is_new_)
    digest_rememberer()(*digest_);
}

/// Has the cache remember the digest of the module's file; may outlive this.
std::function<void(const Sha256Digest&)> Compilation::digest_rememberer() {
  if (config_.cache_use() == CacheUse::read_only || file_ == nullptr)
    return [](const Sha256Digest&) {};
  return [cache = config_.cache(), file = *file_](const Sha256Digest& digest) {
    if (file.is_unchanged())
      cache->remember_module(*file.fingerprint(), digest);
  };
}

Expected<Compilation::Code> Compilation::decode(ModuleBytes bytes, wasm::DecodeOptions options) {
  auto code = std::make_shared<CompiledCode>();
  code->bytes = std::move(bytes);
  code->module = WZRUN_TRY(wasm::decode(code->bytes.view(), config_.features(), options));
  code->type_ids = WZRUN_TRY(state_.types.intern(code->module));
  phase("decode");
  return code;
}

/// Reads, decodes and validates.
Expected<Compilation::Code> Compilation::load() {
  WZRUN_CHECK(read());
  auto code = WZRUN_TRY(decode(*bytes_));
  WZRUN_CHECK(wasm::validate(code->module, {.threads = config_.compile_threads()}));
  phase("validate");
  return code;
}

Expected<Compilation::Code> Compilation::interpret() { return load(); }

/// With the code of hot functions that earlier runs have left. Who left it had validated the module.
Expected<Compilation::Code> Compilation::interpret_with_units() {
  if (!digest_)
    WZRUN_CHECK(read());  // the store makes its key of the bytes
  units_ = make_unit_store();
  if (digest_) {
    kept_ = units_->find();
    phase("cache");
  }
  if (kept_) {
    report_.cache = Cache::hot;
    report_.cache_reason.clear();
    if (auto code = open_prepared())
      return *std::move(code);
  }
  WZRUN_CHECK(read());
  if (is_large())
    units_->want_module(*bytes_, config_.features());
  return kept_ ? decode(*bytes_) : load();
}

/// The module as an earlier run has prepared it.
std::optional<Compilation::Code> Compilation::open_prepared() {
  if (!is_large())
    return std::nullopt;
  auto file = units_->find_module();
  phase("cache");
  if (!file)
    return std::nullopt;
  auto code = decode(std::move(file->start), {.bodies_are_absent = true});
  if (!code || (*code)->module.defined_functions() != file->bodies.size())
    return std::nullopt;
  (*code)->mapped_data = runtime::MappedData::of((*code)->module, file->file.fd(), file->start_offset);
  (*code)->module.code = std::move(file->bodies);
  (*code)->bytes = std::move(file->whole);
  return *std::move(code);
}

bool Compilation::is_large() const {
  const auto size = bytes_ ? bytes_->view().size() : file_->fingerprint()->size_bytes;
  return size >= runtime::kLeastPreparedBytes;
}

std::shared_ptr<runtime::UnitStore> Compilation::make_unit_store() {
  auto make_key = [digest = digest_, target = target_, bytes = bytes_, remember = digest_rememberer()] {
    auto known = digest;
    if (!known) {
      known = sha256(bytes->view());
      remember(*known);
    }
    return runtime::units_key(*known, target);
  };
  std::optional<runtime::UnitSource> source;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  if (file_ != nullptr && file_->fingerprint() &&
      file_->fingerprint()->is_settled(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()))
    source = {file_->path(), *file_->fingerprint(), target_, config_.features(), config_.opt_level()};
  return std::make_shared<runtime::UnitStore>(config_.cache(), std::move(make_key), description(),
                                              config_.cache_use() == CacheUse::read_write, std::move(source));
}

std::string Compilation::description() const {
  const auto path = file_ == nullptr ? std::string_view() : std::string_view(file_->path());
  return fmt::format("{}\n{}", path.substr(path.rfind('/') + 1), target_);
}

/// Where earlier runs of the automatic engine have spent their time. A level that was asked for is kept to.
std::vector<std::uint32_t> Compilation::hot_functions() {
  if (config_.cache() == nullptr || config_.has_opt_level())
    return {};
  const auto kept = make_unit_store()->find();
  std::vector<std::uint32_t> functions;
  if (!kept)
    return functions;
  for (const auto& function : kept->profile())
    if (function.events_of_a_run() >= runtime::HotFunctions::kWorthyEvents)
      functions.push_back(function.function);
  return functions;
}

Expected<std::vector<std::uint8_t>> Compilation::compile_image() {
  const auto hot = hot_functions();
  report_.hot_functions = hot.size();
  runtime::CompileOptions options;
  options.hot_functions = hot;
  options.opt_level = config_.opt_level();
  options.threads = config_.compile_threads();
  options.guarded = guarded_;
  options.target = target_;
  options.progress = config_.compile_progress();
  options.stress = config_.tier_stress();
  auto image = runtime::compile_image(bytes_->view(), config_.features(), options);
  phase("compile");
  return image;
}

Expected<Compilation::Code> Compilation::compile_now() {
  auto code = WZRUN_TRY(load());
  const auto compiled = compile_image();
  if (!compiled) {
    report_.warning = compiled.error().to_string();
    return code;
  }
  auto image = runtime::Image::from_bytes(*compiled, code->image_expectation(target_));
  if (!image) {
    report_.warning = image.error().to_string();
    return code;
  }
  code->attach_image(std::move(*image));
  report_.engine = EngineKind::llvm;
  phase("map");
  if (config_.cache() != nullptr && config_.cache_use() == CacheUse::read_write)
    store(code, *compiled);
  return code;
}

void Compilation::store(const Code& code, std::span<const std::uint8_t> image) {
  // The interpreter needs the bodies of functions that have no code.
  bool is_complete = true;
  for (std::uint32_t i = 0; i < code->module.defined_functions(); i++)
    is_complete = is_complete && code->image->function(i) != nullptr;
  const auto module = is_complete ? wasm::without_bodies(code->module)
                                  : std::vector<std::uint8_t>(bytes_->view().begin(), bytes_->view().end());
  const auto written = wasm::decode(module, config_.features(), {.bodies_are_absent = is_complete});
  const auto offset = written ? runtime::module_offset_in_file(*written, image.size()) : image.size();
  const runtime::CompiledFileParts file(image, module, offset, !is_complete);
  const auto key = cache_key(*digest_, target_);
  const auto stored = config_.cache()->store(key, file.parts(), description());
  report_.stored = stored.has_value();
  constexpr std::size_t kLarge = 4U << 20;  // the first start would take noticeably longer
  if (stored && image.size() >= kLarge)
    config_.cache()->make_sure(key);
  if (!stored)
    report_.warning = "not kept in the cache: " + stored.error();
  phase("store");
}

/// Has functions compiled while they run.
void Compilation::tier(CompiledCode& code) {
  code.guarded_code = guarded_;
  runtime::TieringOptions options;
  options.opt_level = config_.opt_level();
  options.guarded = guarded_;
  options.target = target_;
  options.stress = config_.tier_stress();
  options.store = units_;
  options.audience = runtime::Audience::of(config_);
  options.threads = config_.compile_threads();
  options.begins = config_.tiering_observer();
  code.tiering = std::make_unique<runtime::Tiering>(code, std::move(options));
  if (!kept_)
    return;
  code.tiering->adopt(*kept_);
  code.tiering->start_improving();
}

Expected<CompiledModule> Compilation::finish(Code code) {
  if (code->image != nullptr)
    code->shown_to_debugger = WZRUN_TRY(runtime::announce(*code, *code->image, runtime::Audience::of(config_)));
  const bool is_readable = file_ != nullptr && file_->fingerprint();
  if (!code->has_bodies && !is_readable) {
    code->read_bodies = [bytes = *bytes_]() -> Expected<ModuleBytes> { return bytes; };
  } else if (!code->has_bodies) {
    code->read_bodies = [file = *file_, digest = *digest_]() -> Expected<ModuleBytes> {
      auto bytes = WZRUN_TRY(file.read());
      if (sha256(bytes.view()) != digest)
        return std::unexpected(Error{ErrorKind::io, Error::kNoOffset, "the module's file has changed"});
      return bytes;
    };
  }
  code->engine_code = state_.engine->prepare(*code);
  if (config_.engine() == EngineKind::automatic && code->image == nullptr)
    tier(*code);
  phase("prepare");
  code->report = std::move(report_);
  return CompiledModule(std::move(code));
}

Expected<std::vector<std::uint8_t>> Compilation::precompile() {
  const auto code = WZRUN_TRY(load());
  const auto image = WZRUN_TRY(compile_image());
  const auto offset = runtime::module_offset_in_file(code->module, image.size());
  const runtime::CompiledFileParts file(image, bytes_->view(), offset, true);
  std::vector<std::uint8_t> bytes;
  for (const auto part : file.parts())
    bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

}  // namespace

Expected<CompiledModule> Runtime::compile(ModuleBytes bytes) {
  return Compilation(*state_, nullptr, std::move(bytes)).run();
}

Expected<CompiledModule> Runtime::compile(const ModuleFile& file) {
  return Compilation(*state_, &file, std::nullopt).run();
}

Expected<std::vector<std::uint8_t>> Runtime::precompile(const ModuleFile& file) {
  return Compilation(*state_, &file, std::nullopt).precompile();
}

const CompilationReport& CompiledModule::report() const { return code_->report; }

std::optional<TieringReport> CompiledModule::tiering() const {
  return code_->tiering != nullptr ? std::optional(code_->tiering->report()) : std::nullopt;
}

void CompiledModule::stop_compiling() const {
  if (code_->tiering != nullptr)
    code_->tiering->stop();
}

UnkeptCode CompiledModule::unkept() const {
  return code_->tiering != nullptr ? code_->tiering->pack_new() : UnkeptCode{};
}

Expected<bool> keep_packed(CompilationCache& cache, std::span<const std::uint8_t> packed) {
  return runtime::keep_pack(cache, packed);
}

Expected<void> improve_packed(CompilationCache& cache, std::span<const std::uint8_t> packed,
                              std::chrono::milliseconds time) {
  return runtime::improve_pack(cache, packed, time);
}

void CompiledModule::keep() const {
  if (code_->tiering != nullptr)
    code_->tiering->keep();
}

}  // namespace wzrun
