#include "runtime/announce.h"

#include "runtime/code_symbols.h"
#include "runtime/gdb_interface.h"
#include "runtime/perf_files.h"

namespace wzrun::runtime {

Expected<std::shared_ptr<const void>> announce(const CompiledCode& code, const Image& image, const Audience& audience) {
  if (audience.perf_file == PerfFile::none && !audience.debugger)
    return nullptr;
  const auto symbols = code_symbols(code, image);
  if (audience.perf_file == PerfFile::map)
    WZRUN_CHECK(write_perf_map(symbols));
  if (audience.perf_file == PerfFile::dump)
    WZRUN_CHECK(write_perf_dump(symbols));
  return audience.debugger ? show_to_debugger(symbols) : nullptr;
}

}  // namespace wzrun::runtime
