#include "cache_options.h"
#include "command.h"
#include "feature_list.h"
#include "load.h"
#include "options.h"
#include "quantity.h"
#include "report.h"

#include "wzrun/runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wzrun::cmd {
namespace {

constexpr std::string_view kExamples =
    "Keeps the code in the cache, where 'wzrun MODULE' finds it if it is given the same --opt and --features. What is\n"
    "there already is not compiled again. At the default --opt, functions that were hot in earlier runs of the module\n"
    "are compiled as by --opt 3.\n\n"
    "Examples:\n"
    "  wzrun compile app.wasm                    from now on it starts at once and runs fast\n"
    "  wzrun compile --opt 3 -j 4 build/*.wasm\n"
    "  wzrun compile -o app.wzrun app.wasm       into one file; wzrun --allow-precompiled app.wzrun runs it\n";

struct CompileOptions {
  std::optional<unsigned> opt_level;
  std::optional<unsigned> jobs;
  std::optional<std::string> output;
  CacheOptions cache;
  std::vector<std::string> features;
  bool verbose = false;
};

/// One line on a terminal that says how far a compilation is; nothing elsewhere.
class Progress {
 public:
  explicit Progress(std::string_view subject) : subject_(printable(subject)), shown_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (drawn_)
      write_error("\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done, std::uint64_t total) {
    if (!shown_)
      return;
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (drawn_ && now - last_ < std::chrono::milliseconds(100))
      return;
    drawn_ = true;
    last_ = now;
    write_error(fmt::format("\r\x1b[Kwzrun: {}: {} of {} compiled", subject_, human_size(done), human_size(total)));
  }

 private:
  std::string subject_;
  bool shown_;
  bool drawn_ = false;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_;
};

/// Makes a file whole or not at all, whoever looks. Returns 0 or the errno. A device or pipe is no file to replace.
int replace_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return S_ISDIR(status.st_mode) ? EISDIR : EEXIST;
  std::uint64_t random = 0;
  (void)!getrandom(&random, sizeof random, 0);
  const auto temporary = fmt::format("{}.{:016x}.tmp", path, random);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return errno;
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const auto written = write(fd, bytes.data(), bytes.size());
    if (written >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      error = errno;
  }
  if (error == 0 && fsync(fd) != 0)
    error = errno;
  close(fd);
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0)
    error = errno;
  if (error != 0)
    unlink(temporary.c_str());
  return error;
}

class Compile {
 public:
  Compile(CompileOptions options, RuntimeConfig config) : options_(std::move(options)), config_(std::move(config)) {}

  /// Returns the exit status.
  int warm(const std::string& path) const {
    const auto begin = std::chrono::steady_clock::now();
    return with_runtime(path, [&](Runtime& runtime, const ModuleFile& file) -> Expected<int> {
      const auto code = WZRUN_TRY(runtime.compile(file));
      const auto& report = code.report();
      if (report.cache != CompilationReport::Cache::hit && !report.stored)
        return fail(path, report.warning);
      if (options_.verbose)
        warn(fmt::format("{}: {} after {:.1f} s{}", printable(path),
                         report.stored ? "compiled" : "in the cache already",
                         std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
                         report.hot_functions == 0 ? "" : fmt::format(", hot functions: {}", report.hot_functions)));
      return 0;
    });
  }

  int write(const std::string& path) const {
    return with_runtime(path, [&](Runtime& runtime, const ModuleFile& file) -> Expected<int> {
      const auto bytes = WZRUN_TRY(runtime.precompile(file));
      const int error = replace_file(*options_.output, bytes);
      return error == 0 ? 0 : fail(*options_.output, strerror(error));
    });
  }

 private:
  template <typename Action>
  int with_runtime(const std::string& path, Action action) const {
    const auto file = ModuleFile::open(path);
    if (!file)
      return fail(path, explain_unreadable(file.error(), path));
    if (file->is_precompiled())
      return fail(path, "is precompiled already");
    const auto status = [&] {
      Progress progress(path);
      Runtime runtime(config_.with_compile_progress(
          [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); }));
      return action(runtime, *file);
    }();
    if (status)
      return *status;
    const auto bytes = file->fingerprint() ? file->read() : ModuleBytes::borrow({});
    return fail(path,
                bytes && file->fingerprint() ? explain(status.error(), bytes->view()) : status.error().to_string());
  }

  CompileOptions options_;
  RuntimeConfig config_;
};

void define(OptionList& list, CompileOptions& o) {
  add_opt_option(list, o.opt_level);
  list.value("-o,--output", o.output, "FILE", "write the module and its code to FILE instead of the cache");
  add_jobs_option(list, o.jobs);
  add_cache_dir_option(list, o.cache);
  add_cache_size_option(list, o.cache);
  add_features_option(list, o.features);
  list.flag("-v,--verbose", o.verbose, "say what was done");
}

}  // namespace

int compile_main(Words words, StartTime) {
  CompileOptions o;
  Options options("compile", "wzrun compile [OPTIONS] MODULE...", kExamples,
                  [&](OptionList& list) { define(list, o); });
  const auto paths = read_operands(options, words);
  if (!paths)
    return fail(paths.error().message);
  if (!*paths)
    return print(options.help());
  if ((*paths)->empty())
    return fail("no module given: " + options.see_help());
  if (o.output && (*paths)->size() != 1)
    return fail("--output takes one module: " + options.see_help());
  const auto features = parse_features(o.features, CoreFeatures::V3);
  if (!features)
    return fail(features.error().message);
  auto config =
      RuntimeConfig{}.with_engine(EngineKind::llvm).with_compile_threads(o.jobs.value_or(0)).with_features(*features);
  if (o.opt_level)
    config = config.with_opt_level(*o.opt_level);
  if (!o.output)
    o.cache.mode = "rw";
  const auto cache = open_cache(o.cache);
  if (!cache)
    return fail(cache.error().message);
  if (o.output)
    return Compile(o, config.with_cache(cache->cache, CacheUse::read_only)).write((*paths)->front());
  if (cache->cache == nullptr)
    return fail(cache->why_none);
  const Compile compile(o, config.with_cache(cache->cache));
  int status = 0;
  for (const auto& path : **paths)
    status |= compile.warm(path);
  return status;
}

}  // namespace wzrun::cmd
