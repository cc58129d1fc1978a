#include "runtime/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <thread>

namespace wzrun::runtime {

namespace {

/// What one group allows; nothing if it does not limit, or is not there: a container may not see the outer ones.
std::optional<double> quota_of_group(const std::string& directory) {
  double quota = 0, period = 0;
  if (std::ifstream both(directory + "/cpu.max"); both) {
    if (!(both >> quota >> period))  // "max"
      return std::nullopt;
  } else if (!(std::ifstream(directory + "/cpu.cfs_quota_us") >> quota) ||
             !(std::ifstream(directory + "/cpu.cfs_period_us") >> period)) {
    return std::nullopt;
  }
  return quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu")
      return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::optional<double> processor_quota(const std::string& processes, const std::string& groups) {
  std::optional<double> least;
  std::ifstream lines(processes);
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool is_unified = line.starts_with("0::");
    if (!is_unified && !lists_cpu(controllers))
      continue;
    const auto root = is_unified ? groups : groups + "/cpu";
    for (auto path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      if (const auto quota = quota_of_group(root + path); quota && (!least || *quota < *least))
        least = quota;
      if (path.find('/') == std::string::npos)
        break;
    }
  }
  return least;
}

double usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails where there are more processors than a set has room for.
  const double count =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : std::thread::hardware_concurrency();
  if (count <= 1)
    return 1;
  return std::clamp(processor_quota().value_or(count), 1.0, count);
}

}  // namespace wzrun::runtime
