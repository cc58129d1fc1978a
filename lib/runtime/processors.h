#pragma once

namespace wzrun::runtime {

/// Processors that this process may use, at least 1: not those that somebody keeps it from (taskset, a container's
/// set).
unsigned usable_processors();

}  // namespace wzrun::runtime
