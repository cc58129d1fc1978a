#include "run_options.h"

#include "feature_list.h"
#include "quantity.h"
#include "report.h"

#include "wzrun/wasi.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace wzrun::cmd {
namespace {

constexpr std::string_view kUsage = "wzrun [run] [OPTIONS] MODULE [OPTIONS] [--] [ARGS...]";
constexpr std::string_view kExamples =
    "MODULE is a file, a pipe, or - for standard input. The first word after it that is no option of wzrun, or all\n"
    "after --, are the program's arguments. If MODULE begins with #!, all words after it are.\n\n"
    "Examples:\n"
    "  wzrun app.wasm --dir=.                       the current directory\n"
    "  wzrun app.wasm --dir=/data:ro --dir=./out::/tmp\n"
    "                                               one read-only, one under another name\n"
    "  wzrun app.wasm --listen 127.0.0.1:8080 --listen '[::1]:8080'\n"
    "  wzrun app.wasm --env MODE=fast --env HOME -- --verbose\n"
    "  wzrun --timeout 10s --max-memory 512MiB app.wasm\n"
    "  wzrun --invoke add math.wasm 2 0x10\n";

void define(OptionList& list, RunOptions& o) {
  list.list("--dir", o.dirs, "HOST[::GUEST][:ro]",
            "give the program a directory or a single file; :ro makes it read-only");
  list.list("--listen", o.listen, "HOST:PORT",
            "let the program accept connections there; port 0 takes a free one and prints it");
  list.list("--env", o.env, "KEY[=VALUE]", "give it a variable; without =VALUE the one of this environment");
  list.flag("--env-inherit", o.env_inherit, "give it all variables of this environment");
  list.value("--argv0", o.argv0, "NAME", "the program's name, instead of the module's");
  list.value("--invoke", o.invoke, "NAME",
             "call this export with ARGS and print its results, instead of running the program");
  list.value("--timeout", o.timeout, "TIME",
             "end everything, loading included, after 500ms, 30s, 5m or 1h; exit status 124");
  list.value("--max-memory", o.max_memory, "SIZE", "its linear memories together, such as 512MiB");
  list.value("--max-stack", o.max_stack, "SIZE", "stack of the program, such as 8MiB");
  list.value("--max-table-elements", o.max_table_elements, "N", "elements of its tables together");
  list.value("--max-descriptors", o.max_descriptors, "N",
             "files, directories and sockets that it may have open at once");
  list.choice("--unknown-imports", o.unknown_imports, {"error", "trap", "default"},
              "functions that nobody provides: refuse to run, trap when called, or return zeros");
  list.choice("--engine", o.engine, {"auto", "llvm", "interp", "verify"},
              "what runs the code: the interpreter and compiled code as soon as there is some, compiled code, the "
              "interpreter, or both side by side to compare them");
  list.flag("--interpreter", o.interpreter, "the same as --engine interp");
  add_opt_option(list, o.opt_level);
  add_jobs_option(list, o.jobs);
  add_cache_mode_option(list, o.cache);
  add_cache_dir_option(list, o.cache);
  add_cache_size_option(list, o.cache);
  list.flag("--allow-precompiled", o.allow_precompiled,
            "run a file of 'wzrun compile -o': native code that can do all that you can");
  add_features_option(list, o.features);
  list.value("--trace", o.trace, "wasi[,fs,clock,poll,proc,random,sock]",
             "print each call of WASI, or those of the groups named, with its answer and time");
  list.value("--trace-file", o.trace_file, "FILE", "print them there instead of to standard error");
  list.flag("-v,--verbose", o.verbose,
            "say how long loading and running took, what the cache had, and what would allow a denied access");
  list.choice(
      "--perf", o.perf, {"map", "dump"},
      "name the functions of compiled code for 'perf report', or for 'perf inject --jit' with perf record -k mono");
  list.flag("--gdb", o.gdb, "name the functions of compiled code in a debugger's backtraces");
  list.optional_value("--stats", o.stats, "[=json]", "print the phases of the start and the peak memory");
}

/// A module that the kernel runs through a shebang line gets all words after its path.
bool is_script(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))  // a pipe's bytes can be read only once
    return false;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  char start[2] = {};
  const auto count = read(fd, start, sizeof start);
  close(fd);
  return count == 2 && start[0] == '#' && start[1] == '!';
}

/// Reads the words after the module's path.
Parsed<void> read_arguments(Options& options, Words words, RunOptions& run) {
  if (!words.empty() && words.front().starts_with('-') && !is_script(run.module_path)) {
    if (const auto taken = options.take(words, Options::OnUnknown::stop); !taken)
      return taken;
    if (!words.empty() && words.front() == "--")
      words = words.subspan(1);
  }
  run.args.assign(words.begin(), words.end());
  return {};
}

Parsed<FSConfig> with_mount(const FSConfig& fs, const std::string& option) {
  std::string_view text = option;
  const bool read_only = text.ends_with(":ro");
  if (read_only)
    text.remove_suffix(3);
  const auto separator = text.find("::");
  const std::string host(text.substr(0, separator));
  const std::string guest(separator == std::string_view::npos ? text : text.substr(separator + 2));
  if (host.empty() || guest.empty())
    return std::unexpected(UsageError{fmt::format("--dir: '{}' is not HOST[::GUEST][:ro]", printable(option))});

  struct stat info;
  if (stat(host.c_str(), &info) != 0) {
    const auto* hint = "";
    if (errno == ENOENT && host.find(" --") != std::string::npos)
      hint = "; a shebang line passes its options as one word: begin it with '#!/usr/bin/env -S wzrun'";
    else if (errno == ENOENT && host.find(':') != std::string::npos)
      hint = "; the guest's name follows two colons: HOST::GUEST";
    return std::unexpected(UsageError{fmt::format("--dir: '{}': {}{}", printable(host), strerror(errno), hint)});
  }
  if (S_ISREG(info.st_mode))
    return read_only ? fs.with_read_only_file(host, guest) : fs.with_file(host, guest);
  if (!S_ISDIR(info.st_mode))
    return std::unexpected(
        UsageError{fmt::format("--dir: '{}': neither a directory nor a regular file", printable(host))});
  return read_only ? fs.with_read_only_directory(host, guest) : fs.with_directory(host, guest);
}

ModuleConfig with_whole_environment(ModuleConfig config) {
  for (char** variable = environ; *variable != nullptr; variable++) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos && equals != 0)
      config = config.with_env(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return config;
}

Parsed<ModuleConfig> with_variable(const ModuleConfig& config, const std::string& option) {
  const auto equals = option.find('=');
  if (equals == 0 || option.empty())
    return std::unexpected(UsageError{fmt::format("--env: '{}' has no name", printable(option))});
  if (equals != std::string::npos)
    return config.with_env(option.substr(0, equals), option.substr(equals + 1));
  const char* inherited = std::getenv(option.c_str());
  return inherited == nullptr ? config : config.with_env(option, inherited);
}

std::string program_name(const RunOptions& options) {
  if (options.argv0)
    return *options.argv0;
  return options.module_path.substr(options.module_path.rfind('/') + 1);
}

Parsed<std::uint64_t> size_option(std::string_view option, const std::string& text) {
  const auto size = parse_size(text);
  if (!size)
    return std::unexpected(
        UsageError{fmt::format("{}: '{}' is not a size such as 512MiB, 64KiB or 1000000", option, printable(text))});
  return *size;
}

template <typename T>
Parsed<T> count_option(std::string_view option, const std::string& text) {
  T count{};
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || stop != end)
    return std::unexpected(UsageError{
        fmt::format("{}: '{}' is not a number up to {}", option, printable(text), std::numeric_limits<T>::max())});
  return count;
}

}  // namespace

Parsed<std::optional<RunOptions>> read_run_options(Words words) {
  RunOptions run;
  Options options("run", kUsage, kExamples, [&](OptionList& list) { define(list, run); });
  if (const auto taken = options.take(words, Options::OnUnknown::fail); !taken)
    return std::unexpected(taken.error());
  const bool only_arguments = !words.empty() && words.front() == "--";
  if (only_arguments)
    words = words.subspan(1);
  if (!words.empty()) {
    run.module_path = words.front();
    words = words.subspan(1);
    if (only_arguments)
      run.args.assign(words.begin(), words.end());
    else if (const auto read = read_arguments(options, words, run); !read)
      return std::unexpected(read.error());
  }
  const auto applied = options.apply();
  if (!applied)
    return std::unexpected(applied.error());
  if (!*applied) {
    print(options.help());
    return std::nullopt;
  }
  if (run.module_path.empty())
    return std::unexpected(UsageError{"no module given: " + options.see_help()});
  return run;
}

Parsed<RuntimeConfig> runtime_config(const RunOptions& options) {
  RuntimeConfig config;
  if (options.stats && !options.stats->empty() && *options.stats != "json")
    return std::unexpected(UsageError{fmt::format("--stats: '{}' is not json", printable(*options.stats))});
  config = config.with_engine(options.interpreter || options.engine == "interp"        ? EngineKind::interpreter
                              : options.engine == "llvm" || options.engine == "verify" ? EngineKind::llvm
                                                                                       : EngineKind::automatic);
  if (options.opt_level)
    config = config.with_opt_level(*options.opt_level);
  config = config.with_compile_threads(options.jobs.value_or(0))
               .with_precompiled_files(options.allow_precompiled)
               .with_perf_file(options.perf == "map"    ? PerfFile::map
                               : options.perf == "dump" ? PerfFile::dump
                                                        : PerfFile::none)
               .with_debugger(options.gdb);
  if (options.max_memory)
    config = config.with_max_memory_bytes(WZRUN_TRY(size_option("--max-memory", *options.max_memory)));
  if (options.max_stack)
    config = config.with_max_stack_bytes(WZRUN_TRY(size_option("--max-stack", *options.max_stack)));
  if (options.max_table_elements)
    config = config.with_max_table_elements(
        WZRUN_TRY(count_option<std::uint64_t>("--max-table-elements", *options.max_table_elements)));
  config = config.with_features(WZRUN_TRY(parse_features(options.features, config.features())));
  if (const char* const seed = std::getenv("WZRUN_TIER_STRESS"); seed != nullptr)
    config = config.with_tier_stress(std::strtoull(seed, nullptr, 10));
  return config;
}

Parsed<ModuleConfig> module_config(const RunOptions& options) {
  std::vector<std::string> args = {program_name(options)};
  if (!options.invoke)
    args.insert(args.end(), options.args.begin(), options.args.end());
  auto config = ModuleConfig{}
                    .with_args(std::move(args))
                    .with_stdin(HostDescriptor{STDIN_FILENO})
                    .with_stdout(HostDescriptor{.fd = STDOUT_FILENO, .raises_sigpipe = true})
                    .with_stderr(HostDescriptor{.fd = STDERR_FILENO, .raises_sigpipe = true});
  if (options.unknown_imports != "error")
    config = config.with_unknown_imports(options.unknown_imports == "trap" ? UnknownImports::trap
                                                                           : UnknownImports::defaults);
  if (options.max_descriptors)
    config = config.with_max_descriptors(
        WZRUN_TRY(count_option<std::uint32_t>("--max-descriptors", *options.max_descriptors)));
  if (options.env_inherit)
    config = with_whole_environment(std::move(config));
  for (const auto& variable : options.env)
    config = WZRUN_TRY(with_variable(config, variable));
  FSConfig fs;
  for (const auto& dir : options.dirs)
    fs = WZRUN_TRY(with_mount(fs, dir));
  if (const auto checked = wasi::check_mounts(fs); !checked)
    return std::unexpected(UsageError{"--dir: " + printable(checked.error().message)});
  return fs.mounts().empty() ? config : config.with_fs(std::move(fs));
}

Parsed<std::optional<std::chrono::nanoseconds>> time_limit(const RunOptions& options) {
  if (!options.timeout)
    return std::nullopt;
  const auto limit = parse_duration(*options.timeout);
  if (!limit)
    return std::unexpected(UsageError{
        fmt::format("--timeout: '{}' is not a time such as 500ms, 30s, 5m or 1h", printable(*options.timeout))});
  return *limit;
}

}  // namespace wzrun::cmd
