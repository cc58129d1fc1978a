#include "cache_options.h"

#include "quantity.h"
#include "report.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

namespace wzrun::cmd {
namespace {

constexpr const char* kNoDirectory = "no cache directory: HOME is not set";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The value of an option, else of a variable, and which of them it is.
struct Setting {
  std::string_view source;
  std::string value;
};
Setting setting(std::string_view option, const std::optional<std::string>& value, const char* name) {
  return value ? Setting{option, *value} : Setting{name, variable(name)};
}

/// Nothing: off.
Parsed<std::optional<CacheUse>> cache_use(const CacheOptions& options) {
  const auto [source, mode] = setting("--cache", options.mode, "WZRUN_CACHE");
  if (mode == "rw" || (mode.empty() && !options.mode))
    return CacheUse::read_write;
  if (mode == "ro")
    return CacheUse::read_only;
  if (mode == "require")
    return CacheUse::require;
  if (mode == "off")
    return std::nullopt;
  return std::unexpected(UsageError{fmt::format("{}: '{}' is not rw, ro, off or require", source, printable(mode))});
}

}  // namespace

void add_cache_mode_option(OptionList& list, CacheOptions& options) {
  list.value("--cache", options.mode, "rw|ro|off|require",
             "compiled code: use and keep it, use it, ignore it, or run nothing else; default rw or $WZRUN_CACHE");
}

void add_cache_dir_option(OptionList& list, CacheOptions& options) {
  list.value("--cache-dir", options.dir, "DIR",
             "where compiled code is kept; default $WZRUN_CACHE_DIR, $XDG_CACHE_HOME/wzrun or ~/.cache/wzrun");
}

void add_cache_size_option(OptionList& list, CacheOptions& options) {
  list.value("--cache-size", options.size, "SIZE",
             "what the cache may take before the oldest goes; default 2GiB or $WZRUN_CACHE_SIZE");
}

std::optional<std::string> cache_directory(const CacheOptions& options) {
  return options.dir ? options.dir : DirectoryCache::default_path();
}

Parsed<std::uint64_t> cache_size(const CacheOptions& options) {
  const auto [source, text] = setting("--cache-size", options.size, "WZRUN_CACHE_SIZE");
  if (text.empty() && !options.size)
    return DirectoryCache::kDefaultMaxSizeBytes;
  const auto size = parse_size(text);
  if (!size)
    return std::unexpected(
        UsageError{fmt::format("{}: '{}' is not a size such as 512MiB, 2GiB or 1000000", source, printable(text))});
  return *size;
}

Parsed<OpenCache> open_cache(const CacheOptions& options) {
  const auto use = WZRUN_TRY(cache_use(options));
  if (!use)
    return OpenCache{.why_none = "switched off"};
  const auto size = WZRUN_TRY(cache_size(options));
  const auto dir = cache_directory(options);
  if (!dir)
    return OpenCache{.use = *use, .why_none = kNoDirectory};
  auto cache = DirectoryCache::open({.path = *dir, .max_size_bytes = size, .read_only = *use == CacheUse::read_only});
  if (cache)
    return OpenCache{std::move(*cache), *use, {}};
  auto why = fmt::format("cache directory {}: {}", printable(*dir), cache.error().reason);
  if (cache.error().warrants_warning)
    warn(why + "; going on without it");
  return OpenCache{.use = *use, .why_none = std::move(why)};
}

}  // namespace wzrun::cmd
