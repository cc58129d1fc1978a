#include "runtime/announce.h"

#include "runtime/code_symbols.h"
#include "runtime/gdb_interface.h"
#include "runtime/perf_files.h"

namespace wzrun::runtime {

Expected<void> announce(CompiledCode& code, const RuntimeConfig& config) {
  if (code.image == nullptr || (config.perf_file() == PerfFile::none && !config.debugger()))
    return {};
  const auto symbols = code_symbols(code);
  if (config.debugger())
    code.shown_to_debugger = show_to_debugger(symbols);
  switch (config.perf_file()) {
    case PerfFile::none:
      return {};
    case PerfFile::map:
      return write_perf_map(symbols);
    case PerfFile::dump:
      return write_perf_dump(symbols);
  }
  std::unreachable();
}

}  // namespace wzrun::runtime
