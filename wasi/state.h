#pragma once

#include "descriptor.h"
#include "directory_reader.h"
#include "resolver.h"
#include "wzrun/config.h"
#include "wzrun/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace wzrun::wasi {

/// Strings as args_get and environ_get hand them out: one after the other, each with its NUL.
struct StringList {
  std::string bytes;
  std::vector<std::uint32_t> offsets;  ///< of each string in `bytes`

  void add(std::string_view text);
};

/// What one program has: made from its ModuleConfig at its first call, and used by the one thread that runs it.
struct State {
  /// Opens the mounts. Errors: io for one that cannot be opened; invalid_argument for a string with a NUL.
  static Expected<std::shared_ptr<State>> create(const ModuleConfig& config);

  StringList args;
  StringList env;
  DescriptorTable descriptors;
  DirectoryReaders readers;
  Resolver resolver;
};

}  // namespace wzrun::wasi
