#pragma once

#include "wzrun/directory_cache.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace wzrun::cmd {

/// Of `wzrun cache`, what that other process runs as; no help names it.
inline constexpr std::string_view kKeepAction = "keep";

/// Has another process add what CompiledModule::unkept() gave to a cache, so that this one can end: a disk may take
/// long to say that it has a file. False if there is no such process.
bool keep_elsewhere(const DirectoryCache& cache, std::uint64_t max_size_bytes, std::span<const std::uint8_t> packed);

/// What that process does: reads standard input to its end.
int keep_standard_input(DirectoryCache& cache);

}  // namespace wzrun::cmd
