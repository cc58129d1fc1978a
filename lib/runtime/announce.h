#pragma once

#include "runtime/instance.h"
#include "wzrun/config.h"
#include "wzrun/error.h"

#include <memory>

namespace wzrun::runtime {

/// Who wants to know of compiled code.
struct Audience {
  PerfFile perf_file = PerfFile::none;
  bool debugger = false;

  static Audience of(const RuntimeConfig& config) { return {config.perf_file(), config.debugger()}; }
  /// What makes an image of a file so that it can be shown: profilers take code in a file's mapping for the file's.
  auto opener() const { return perf_file == PerfFile::none ? Image::from_file : Image::copy_of_file; }
};

/// Tells profilers and debuggers of an image of a module. A debugger sees it as long as the result lives. Errors: io.
Expected<std::shared_ptr<const void>> announce(const CompiledCode& code, const Image& image, const Audience& audience);

}  // namespace wzrun::runtime
