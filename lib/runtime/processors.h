#pragma once

#include <optional>
#include <string>

namespace wzrun::runtime {

/// Processors that this process may use, at least 1: not those that somebody keeps it from (taskset, a container's
/// set), and no more than its control groups give it time for, which may be one and a half. Reads a few small files.
double usable_processors();

/// The processor time that control groups give in each unit of time, if they limit it; the least of all groups that
/// contain this process. `processes` is /proc/self/cgroup, `groups` where the hierarchies are mounted.
/// Source: cgroups(7); Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst.
std::optional<double> processor_quota(const std::string& processes = "/proc/self/cgroup",
                                      const std::string& groups = "/sys/fs/cgroup");

}  // namespace wzrun::runtime
