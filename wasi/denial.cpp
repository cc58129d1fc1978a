#include "denial.h"

#include "node.h"
#include "parameters.h"

#include <fcntl.h>

#include <string>

namespace wzrun::wasi {
namespace {

/// Whether a path leads out of its directory; links at its end count if they were to be followed.
bool leads_out(const Call& call, const Descriptor& directory, const std::string& path, bool follow) {
  if (directory.open_node)
    return node_leads_out(directory, path.c_str(), follow);
  const auto parent = call.state.resolver.parent(directory.fd, path.c_str());
  if (!parent)
    return parent.error() == Errno::perm;
  if (!follow)
    return false;
  const auto opened = call.state.resolver.open(directory.fd, path.c_str(), O_PATH);
  return !opened && opened.error() == Errno::perm;
}

}  // namespace

void observe_denial(const Call& call, std::string_view parameters, std::span<const std::uint64_t> arguments,
                    Errno error) {
  const auto& observer = call.caller.config().denial_observer();
  if (!observer || (error != Errno::perm && error != Errno::rofs))
    return;
  Fd fd = 0;
  bool follow = false;
  for_each_parameter(parameters, [&](const Parameter& parameter) {
    const auto value = arguments[parameter.argument];
    if (parameter.word == "fd")
      fd = static_cast<Fd>(value);
    if (parameter.word == "lookupflags")
      follow = (value & lookupflags::symlink_follow) != 0;
    if (parameter.word != "path")
      return;
    const auto directory = call.state.descriptors.get(fd);
    const auto bytes = call.memory.range(value, arguments[parameter.argument + 1]);
    if (!directory || !bytes || !(*directory)->is_directory())
      return;
    const std::string path{bytes->begin(), bytes->end()};
    const bool denied = error == Errno::rofs ? (*directory)->read_only : leads_out(call, **directory, path, follow);
    if (denied)
      observer({.reason = error == Errno::rofs ? Denial::Reason::read_only : Denial::Reason::outside,
                .directory = (*directory)->preopen_name.value_or(""),
                .path = path});
  });
}

}  // namespace wzrun::wasi
