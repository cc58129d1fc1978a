#pragma once

#include "wzrun/directory_cache.h"
#include "wzrun/runtime.h"

#include <cstdint>
#include <string_view>

namespace wzrun::cmd {

/// Of `wzrun cache`, what that other process runs as; no help names it.
inline constexpr std::string_view kKeepAction = "keep";

/// Has another process add code to a cache, so that this one can end: a disk may take long to say that it has a file.
/// It shares this one's memory until this one has ended, which should happen soon, and gives it back to the system
/// then. False if there is no such process.
bool keep_elsewhere(const DirectoryCache& cache, std::uint64_t max_size_bytes, UnkeptCode code);

/// What that process executes: adds what standard input holds to a cache.
int keep_standard_input(DirectoryCache& cache);

}  // namespace wzrun::cmd
