#pragma once

#include "cache_options.h"
#include "command.h"
#include "options.h"

#include "wzrun/config.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace wzrun::cmd {

/// What `wzrun run` was asked to do.
struct RunOptions {
  std::string module_path;
  std::vector<std::string> args;  ///< the program's, without its name
  std::vector<std::string> dirs;
  std::vector<std::string> listen;
  std::optional<std::string> trace;
  std::optional<std::string> trace_file;
  std::vector<std::string> env;
  bool env_inherit = false;
  std::optional<std::string> argv0;
  std::optional<std::string> invoke;
  std::optional<std::string> timeout;
  std::optional<std::string> max_memory;
  std::optional<std::string> max_stack;
  std::optional<std::string> max_table_elements;
  std::optional<std::string> max_descriptors;
  std::string unknown_imports = "error";
  std::string engine = "auto";
  bool interpreter = false;
  std::optional<unsigned> opt_level;
  std::optional<unsigned> jobs;
  CacheOptions cache;
  bool allow_precompiled = false;
  std::optional<std::string> stats;  ///< empty for people, or json
  std::string perf;                  ///< map, dump, or empty
  bool gdb = false;
  std::vector<std::string> features;
  bool verbose = false;
};

/// Splits the command line into wzrun's options, the module and the program's arguments.
/// Nothing if help was asked for, which has been printed.
Parsed<std::optional<RunOptions>> read_run_options(Words words);

/// What is given to the runtime. Errors name the option.
Parsed<RuntimeConfig> runtime_config(const RunOptions& options);
/// What is given to the program. Errors name the option.
Parsed<ModuleConfig> module_config(const RunOptions& options);
Parsed<std::optional<std::chrono::nanoseconds>> time_limit(const RunOptions& options);

}  // namespace wzrun::cmd
