#pragma once

#include "options.h"

#include "wzrun/config.h"
#include "wzrun/directory_cache.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace wzrun::cmd {

/// Which cache, and what may be done with it.
struct CacheOptions {
  std::optional<std::string> mode;  ///< rw, ro, off, require
  std::optional<std::string> dir;
  std::optional<std::string> size;
};

void add_cache_mode_option(OptionList& list, CacheOptions& options);
void add_cache_dir_option(OptionList& list, CacheOptions& options);
void add_cache_size_option(OptionList& list, CacheOptions& options);

/// The cache that options and environment choose. A directory that is refused is warned of.
struct OpenCache {
  std::shared_ptr<DirectoryCache> cache;  ///< null: there is none
  CacheUse use = CacheUse::read_write;
  std::string why_none;
};
/// Errors name the option or variable.
Parsed<OpenCache> open_cache(const CacheOptions& options);

/// The directory that options and environment choose; nothing if none.
std::optional<std::string> cache_directory(const CacheOptions& options);
/// Bytes that the cache may take: of the option, else of `$WZRUN_CACHE_SIZE`, else the default.
Parsed<std::uint64_t> cache_size(const CacheOptions& options);

}  // namespace wzrun::cmd
