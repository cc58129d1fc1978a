#include "command.h"
#include "deadline.h"
#include "invoke.h"
#include "keeper.h"
#include "listen.h"
#include "load.h"
#include "notes.h"
#include "report.h"
#include "run_options.h"
#include "stats.h"
#include "suggest.h"
#include "termination.h"
#include "trace.h"
#include "verify.h"

#include "wzrun/runtime.h"
#include "wzrun/wasi.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace wzrun::cmd {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(StartTime start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

bool is_of_wasi(const External& import) { return import.module.starts_with("wasi_"); }

bool looks_for_directories(const CompiledModule& code) {
  return std::ranges::any_of(
      code.imports(), [](const External& import) { return is_of_wasi(import) && import.name == "fd_prestat_get"; });
}

/// One run of one module. It and all it owns live until the process ends.
class Run {
 public:
  Run(RunOptions options, StartTime start)
      : options_(std::move(options)), start_(start), stats_(start), notes_(options_.verbose) {}

  int main();

 private:
  int fail(std::string_view message) const { return cmd::fail(options_.module_path, message); }
  int fail(const UsageError& error) const { return cmd::fail(error.message); }
  template <typename... Arguments>
  void say(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    if (options_.verbose)
      warn(fmt::format("{}: {}", printable(options_.module_path),
                       fmt::format(format, std::forward<Arguments>(arguments)...)));
  }

  int load_and_run(const RuntimeConfig& runtime_config, const ModuleConfig& module_config);
  /// Compiles the module; on failure reports it.
  std::optional<CompiledModule> load(const RuntimeConfig& config);
  Expected<CompiledModule> compile(const ModuleFile& file);
  /// What the automatic engine has compiled, for the next run.
  void keep_compiled() const;
  bool keep_elsewhere() const;
  int explain_failure(const Error& error, const ModuleFile& file) const;
  int run_program(const CompiledModule& code, const ModuleConfig& config);
  int run_function(const CompiledModule& code, const ModuleConfig& config);
  Parsed<void> provide_wasi(const CompiledModule& code);

  /// What to say of a module that has no export `name` to call.
  std::string without_export(const CompiledModule& code, std::string_view name) const;
  /// The functions that nobody provides, if that is why linking failed.
  std::vector<std::string> missing_imports(const CompiledModule& code) const;
  int report_uninstantiable(const CompiledModule& code, const Halt& halt) const;
  int report_unlinkable(const CompiledModule& code, const Error& error) const;
  int report(const Halt& halt) const;

  const RunOptions options_;
  const StartTime start_;
  Stats stats_;
  Notes notes_;
  std::optional<ModuleBytes> bytes_;  ///< of a module that can be read only once
  std::vector<wasi::ListeningSocket> sockets_;
  Termination termination_;
  std::unique_ptr<Deadline> deadline_;
  std::shared_ptr<DirectoryCache> cache_;
  std::unique_ptr<Runtime> runtime_;
  std::optional<CompiledModule> code_;  ///< not destroyed: that would wait for what is being compiled
  std::optional<Module> instance_;      ///< not destroyed: the process's end gives its memory back, once
};

int Run::main() {
  const auto limit = time_limit(options_);
  if (!limit)
    return fail(limit.error());
  const auto runtime_config = cmd::runtime_config(options_);
  if (!runtime_config)
    return fail(runtime_config.error());
  auto module_config = cmd::module_config(options_);
  if (!module_config)
    return fail(module_config.error());
  auto sockets = listen_on(options_.listen);
  if (!sockets)
    return fail(sockets.error());
  sockets_ = *std::move(sockets);
  for (const auto& socket : sockets_)
    *module_config = module_config->with_listener(socket.descriptor());
  if (notes_.wanted())
    *module_config = module_config->with_denial_observer(
        [this, fs = module_config->fs()](const Denial& denial) { notes_.denied(denial, fs); });
  if (*limit) {
    deadline_ = std::make_unique<Deadline>(
        start_ + **limit, fmt::format("{}: timed out after {}", printable(options_.module_path), *options_.timeout));
  }
  const int status = options_.engine == "verify" && !options_.interpreter
                         ? verify(options_, *runtime_config, *module_config, deadline_.get())
                         : load_and_run(*runtime_config, *module_config);
  if (!deadline_ || deadline_->disarm())
    return status;
  warn(deadline_->message());
  return kTimedOut;
}

int Run::load_and_run(const RuntimeConfig& runtime_config, const ModuleConfig& module_config) {
  code_ = load(runtime_config);
  if (!code_)
    return kFailed;
  if (const auto provided = provide_wasi(*code_); !provided)
    return fail(provided.error());
  if (deadline_)
    deadline_->watch(*runtime_);
  termination_.before_end([this] {
    code_->stop_compiling();
    keep_elsewhere();
  });
  const int status = options_.invoke ? run_function(*code_, module_config) : run_program(*code_, module_config);
  code_->stop_compiling();
  if (status != 0 && status != kTimedOut && !options_.invoke && notes_.wanted() && looks_for_directories(*code_))
    notes_.failed(options_.args, module_config.fs());
  say("ended with status {} after {:.1f} ms", status, milliseconds_since(start_));
  stats_.tiered(code_->tiering());
  keep_compiled();
  if (options_.stats)
    write_error(options_.stats->empty() ? stats_.human(options_.module_path)
                                        : stats_.json(options_.module_path, status));
  return status;
}

void Run::keep_compiled() const {
  const auto begin = Clock::now();
  if (!keep_elsewhere())
    code_->keep();
  if (const auto tiering = code_->tiering(); tiering && tiering->units > 0)
    say("{} functions were compiled in {:.1f} ms while it ran; to keep them took {:.1f} ms",
        tiering->compiled_functions, std::chrono::duration<double, std::milli>(tiering->compiling).count(),
        milliseconds_since(begin));
}

bool Run::keep_elsewhere() const {
  auto unkept = code_->unkept();
  return unkept.empty() || cmd::keep_elsewhere(*cache_, *cache_size(options_.cache), std::move(unkept));
}

std::optional<CompiledModule> Run::load(const RuntimeConfig& config) {
  auto cache = config.engine() == EngineKind::interpreter ? OpenCache{.why_none = "--engine interp"}
                                                          : open_cache(options_.cache);
  if (!cache) {
    fail(cache.error());
    return std::nullopt;
  }
  const auto file = ModuleFile::open(options_.module_path);
  if (!file) {
    fail(explain_unreadable(file.error(), options_.module_path));
    return std::nullopt;
  }
  if (file->is_precompiled() && !options_.allow_precompiled) {
    fail("a precompiled file: it holds native code that can do all that you can; --allow-precompiled runs it");
    return std::nullopt;
  }
  if (cache->cache == nullptr && cache->use == CacheUse::require && !file->is_precompiled()) {
    fail("no compiled code, and --cache=require runs nothing else: " + cache->why_none);
    return std::nullopt;
  }
  stats_.phase("options");
  cache_ = cache->cache;
  runtime_ = std::make_unique<Runtime>(
      config.with_cache(cache_, cache->use).with_tiering_observer([this] { termination_.begin(); }));
  auto code = compile(*file);
  if (!code) {
    explain_failure(code.error(), *file);
    return std::nullopt;
  }
  const auto& report = code->report();
  stats_.compiled(report, cache->why_none);
  if (report.engine != EngineKind::llvm && !code->tiering() && (options_.gdb || !options_.perf.empty()))
    warn(fmt::format("{}: {} names compiled code, and the interpreter runs this module; --engine llvm compiles it",
                     printable(options_.module_path), options_.gdb ? "--gdb" : "--perf"));
  if (!report.warning.empty())
    say("{}{}", report.warning, report.engine == EngineKind::llvm ? "" : "; the interpreter runs it");
  say("loaded after {:.1f} ms, engine {}, cache {}", milliseconds_since(start_), to_string(report.engine),
      describe_cache(report, cache->why_none));
  return std::move(*code);
}

Expected<CompiledModule> Run::compile(const ModuleFile& file) {
  if (file.fingerprint())
    return runtime_->compile(file);
  bytes_ = WZRUN_TRY(file.read());
  return runtime_->compile(*bytes_);
}

int Run::explain_failure(const Error& error, const ModuleFile& file) const {
  if (error.kind == ErrorKind::not_cached)
    return fail(fmt::format("{}; --cache=require runs nothing else; make it with: wzrun compile {}", error.message,
                            printable(options_.module_path)));
  if (error.kind == ErrorKind::io || file.is_precompiled())
    return fail(error.to_string());
  const auto bytes = bytes_ ? Expected<ModuleBytes>(*bytes_) : file.read();
  return fail(bytes ? explain(error, bytes->view()) : error.to_string());
}

Parsed<void> Run::provide_wasi(const CompiledModule& code) {
  auto trace = WZRUN_TRY(trace_config(options_.trace, options_.trace_file));
  const auto imports = code.imports();
  if (std::ranges::none_of(imports, is_of_wasi))
    return {};
  if (const auto provided = wasi::instantiate_for(imports, *runtime_, std::move(trace)); !provided)
    return std::unexpected(UsageError{provided.error().to_string()});
  return {};
}

int Run::run_program(const CompiledModule& code, const ModuleConfig& config) {
  const auto exports = code.exports();
  const auto start = std::ranges::find(exports, "_start", &External::name);
  if (start == exports.end() || start->kind != ExternalKind::function)
    return fail(without_export(code, "_start"));
  if (start->type != "(func)")
    return fail(fmt::format(
        "`_start` is {}, and a program's start has no parameters and results; call it with --invoke", start->type));
  auto instance = runtime_->instantiate(code, config);
  if (!instance)
    return report_uninstantiable(code, instance.error());
  instance_ = *std::move(instance);
  stats_.starting();
  const auto ended = instance_->exported_function("_start")->call();
  return ended ? 0 : report(ended.error());
}

int Run::run_function(const CompiledModule& code, const ModuleConfig& config) {
  auto instance = runtime_->instantiate(code, config);
  if (!instance)
    return report_uninstantiable(code, instance.error());
  instance_ = *std::move(instance);
  const auto function = instance_->exported_function(*options_.invoke);
  if (!function)
    return fail(without_export(code, *options_.invoke));
  const auto arguments = parse_arguments(options_.args, function->params());
  if (!arguments)
    return fail(fmt::format("--invoke {}: {}", printable(*options_.invoke), arguments.error().message));
  stats_.starting();
  const auto results = invoke(*instance_, *options_.invoke, *arguments);
  return results ? print(lines_of(*results)) : report(results.error());
}

std::string Run::without_export(const CompiledModule& code, std::string_view name) const {
  constexpr std::size_t kMost = 20;
  std::vector<std::string> functions;
  for (const auto& item : code.exports()) {
    if (item.kind == ExternalKind::function)
      functions.push_back(printable(item.name));
  }
  if (functions.empty())
    return fmt::format("no function `{}` to call; the module exports no functions", printable(name));
  const auto near = options_.invoke ? nearest(name, functions) : std::nullopt;
  if (near)
    return fmt::format("no function `{}` to call; did you mean '{}'?", printable(name), *near);
  const auto count = functions.size();
  functions.resize(std::min(count, kMost));
  return fmt::format("no function `{}` to call; {}the module exports: {}{}", printable(name),
                     options_.invoke ? "" : "use --invoke NAME, ", fmt::join(functions, ", "),
                     count > kMost ? fmt::format(" and {} more", count - kMost) : "");
}

std::vector<std::string> Run::missing_imports(const CompiledModule& code) const {
  std::vector<std::string> missing;
  for (const auto& import : code.imports()) {
    if (import.kind != ExternalKind::function)
      continue;
    const auto provider = runtime_->module(import.module);
    if (!provider || !provider->exported_function(import.name))
      missing.push_back(fmt::format("`{}` `{}` {}", printable(import.module), printable(import.name), import.type));
  }
  return missing;
}

int Run::report_uninstantiable(const CompiledModule& code, const Halt& halt) const {
  const auto* error = std::get_if<Error>(&halt);
  return error != nullptr ? report_unlinkable(code, *error) : report(halt);
}

int Run::report_unlinkable(const CompiledModule& code, const Error& error) const {
  if (error.kind != ErrorKind::unlinkable)
    return fail(error.to_string());
  constexpr std::size_t kMost = 10;
  const auto missing = options_.unknown_imports == "error" ? missing_imports(code) : std::vector<std::string>();
  if (missing.empty())
    return fail(error.to_string());
  for (const auto& import : std::span(missing).first(std::min(missing.size(), kMost)))
    fail("missing import " + import);
  if (missing.size() > kMost)
    fail(fmt::format("missing {} more imports; wzrun inspect lists all", missing.size() - kMost));
  return fail(
      "nobody provides these functions; --unknown-imports=trap runs until one is called, =default returns zeros");
}

int Run::report(const Halt& halt) const {
  if (const auto* exit = std::get_if<Exit>(&halt))
    return exit_status(*exit);
  if (const auto* error = std::get_if<Error>(&halt))
    return fail(error->to_string());
  const auto& trap = std::get<Trap>(halt);
  if (trap.kind == TrapKind::interrupted && deadline_)
    return kTimedOut;
  fail("trap: " + trap.to_string());
  return kTrapped;
}

}  // namespace

int run_main(Words words, StartTime start) {
  auto options = read_run_options(words);
  if (!options)
    return fail(options.error().message);
  if (!*options)
    return 0;
  // Never destroyed: the process ends, and the deadline's thread may still look at it.
  return (new Run(**std::move(options), start))->main();
}

}  // namespace wzrun::cmd
