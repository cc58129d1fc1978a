// What perf and gdb are told of compiled code.

#include "cli/process_support.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wzrun::cli {
namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// The function of busy.c whose name has a newline in it, as it must be shown.
constexpr std::string_view kBusy = "busy\\0abee";

/// wzrun in a folder of its own, with a cache there.
class Profiled {
 public:
  struct Run : Outcome {
    std::string pid;
    std::string map;                ///< contents of the map file, which is removed
    std::vector<std::string> dump;  ///< path of the dump, if there is one
  };
  /// `before` runs in the shell that becomes wzrun; its number is $$.
  Run run(std::vector<std::string> arguments, const std::string& before = "true") const {
    arguments.insert(arguments.begin(), {"sh", "-c", "echo $$; " + before + "; exec \"$@\"", "sh", WZRUN_EXECUTABLE});
    Run run{Process(arguments, setting()).wait(), {}, {}, {}};
    run.pid = run.out.substr(0, run.out.find('\n'));
    const auto map = "/tmp/perf-" + run.pid + ".map";
    if (std::filesystem::is_regular_file(std::filesystem::symlink_status(map)))
      run.map = read_file(map);
    std::filesystem::remove(map);
    if (const auto dump = folder_ / ("jit-" + run.pid + ".dump"); std::filesystem::exists(dump))
      run.dump.push_back(dump);
    return run;
  }
  Outcome run_tool(const std::vector<std::string>& command) const { return Process(command, setting()).wait(); }
  std::string operator/(const std::string& name) const { return folder_ / name; }

 private:
  Setting setting() const {
    return {.environment = {"WZRUN_CACHE_DIR=" + (folder_ / "cache"), "HOME=" + folder_.path()},
            .folder = folder_.path()};
  }
  TemporaryFolder folder_;
};

struct Symbol {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  std::string name;
};

/// As perf reads a map: hexadecimal address and size, and the rest of the line.
std::vector<Symbol> symbols_of_map(const std::string& text) {
  std::vector<Symbol> symbols;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    Symbol symbol;
    in >> std::hex >> symbol.begin >> symbol.size;
    REQUIRE_FALSE(in.fail());
    in.get();
    std::getline(in, symbol.name);
    symbols.push_back(symbol);
  }
  return symbols;
}

/// As perf reads a dump. Source: tools/perf/Documentation/jitdump-specification.txt in Linux.
std::vector<Symbol> symbols_of_dump(const std::string& bytes, const std::string& pid) {
  const auto number = [&]<typename T>(T value, std::size_t at) {
    REQUIRE(at + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return std::uint64_t{value};
  };
  constexpr std::uint32_t k32 = 0;
  constexpr std::uint64_t k64 = 0;
  CHECK(number(k32, 0) == 0x4a695444);
  CHECK(number(k32, 4) == 1);
  CHECK(number(k32, 8) == 40);
  CHECK(std::to_string(number(k32, 20)) == pid);
  std::vector<Symbol> symbols;
  auto time = number(k64, 24);
  for (std::size_t at = 40; at < bytes.size();) {
    CHECK(number(k32, at) == 0);  // JIT_CODE_LOAD
    const auto size = number(k32, at + 4);
    CHECK(number(k64, at + 8) >= time);
    time = number(k64, at + 8);
    CHECK(number(k64, at + 24) == number(k64, at + 32));
    CHECK(number(k64, at + 48) == symbols.size());
    const std::string name = bytes.c_str() + at + 56;
    symbols.push_back({number(k64, at + 32), number(k64, at + 40), name});
    CHECK(size == 56 + name.size() + 1 + symbols.back().size);
    at += size;
  }
  return symbols;
}

void check_symbols(const std::vector<Symbol>& symbols) {
  REQUIRE_FALSE(symbols.empty());
  std::uint64_t end = 0;
  for (const auto& symbol : symbols) {
    CHECK(symbol.begin >= end);
    CHECK(symbol.size > 0);
    CHECK_FALSE(symbol.name.empty());
    end = symbol.begin + symbol.size;
  }
  CHECK(std::ranges::count(symbols, kBusy, &Symbol::name) == 1);
  CHECK(std::ranges::count(symbols, "_start", &Symbol::name) == 1);
  CHECK(std::ranges::count(symbols, "wzrun-entry", &Symbol::name) >= 1);
}

const std::vector<std::string> kBusyShortly = {program("busy"), "10"};

std::vector<std::string> with(std::vector<std::string> options, const std::vector<std::string>& command) {
  options.insert(options.end(), command.begin(), command.end());
  return options;
}

/// Whether a program is installed and does something on this machine; says so if not.
bool works(const Profiled& profiled, const std::vector<std::string>& command) {
  if (profiled.run_tool({"sh", "-c", "command -v " + command.front()}).status == 0 &&
      profiled.run_tool(command).status == 0)
    return true;
  MESSAGE("skipped: no working " << command.front());
  return false;
}

bool perf_works(const Profiled& profiled) {
  return works(profiled, {"perf", "record", "-q", "-e", "cpu-clock", "-o", "probe.data", "true"});
}

/// Records a run of `busy` on an engine to perf.data.
void record_busy(const Profiled& profiled, const char* engine, const char* perf_option) {
  const auto recorded =
      profiled.run_tool({"perf", "record", "-q", "-k", "mono", "-e", "cpu-clock", "-F", "499", "-o", "perf.data",
                         WZRUN_EXECUTABLE, engine, perf_option, program("busy"), "100000000"});
  CHECK_MESSAGE(recorded.status == 0, engine, " ", recorded.err);
}

}  // namespace

TEST_CASE("profiling: --perf=map names each function, fresh or from the cache") {
  const Profiled profiled;
  const auto fresh = profiled.run(with({"--engine=llvm", "-v", "--perf=map"}, kBusyShortly));
  CHECK(contains(fresh.err, "cache miss"));
  check_symbols(symbols_of_map(fresh.map));
  const auto cached = profiled.run(with({"-v", "--perf=map"}, kBusyShortly));
  CHECK(contains(cached.err, "cache hit"));
  check_symbols(symbols_of_map(cached.map));
  CHECK(symbols_of_map(cached.map).size() == symbols_of_map(fresh.map).size());
}

TEST_CASE("profiling: --perf=dump has names and code, fresh or from the cache") {
  const Profiled profiled;
  for (const auto* const engine : {"--engine=llvm", "--engine=auto"}) {
    const auto run = profiled.run(with({engine, "--perf=dump"}, kBusyShortly));
    CHECK(run.status == 0);
    REQUIRE(run.dump.size() == 1);
    check_symbols(symbols_of_dump(read_file(run.dump.front()), run.pid));
  }
}

TEST_CASE("profiling: nothing is written unless it is asked for") {
  const Profiled profiled;
  const auto run = profiled.run(with({"--engine=llvm"}, kBusyShortly));
  CHECK(run.status == 0);
  CHECK(run.map.empty());
  CHECK(run.dump.empty());
}

TEST_CASE("profiling: without compiled code there is nothing to name, which is said") {
  const Profiled profiled;
  for (const auto* const option : {"--perf=map", "--gdb"}) {
    const auto run = profiled.run(with({"--engine=interp", option}, kBusyShortly));
    CHECK(run.status == 0);
    CHECK(contains(run.err, "the interpreter runs this module"));
    CHECK(run.map.empty());
  }
}

TEST_CASE("profiling: what is compiled while it runs is named") {
  const Profiled profiled;
  const auto run = profiled.run({"--perf=map", program("busy"), "100000000"});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  CHECK(contains(run.map, kBusy));
}

TEST_CASE("profiling: a file that cannot be written is an error, and what a link leads to is left alone") {
  const Profiled profiled;
  write_file(profiled / "victim", "precious");
  const auto linked =
      profiled.run(with({"--engine=llvm", "--perf=map"}, kBusyShortly), "ln -s $PWD/victim /tmp/perf-$$.map");
  CHECK(linked.status == 125);
  CHECK(contains(linked.err, "/tmp/perf-" + linked.pid + ".map: "));
  CHECK(read_file(profiled / "victim") == "precious");
  const auto taken = profiled.run(with({"--engine=llvm", "--perf=dump"}, kBusyShortly), "mkdir jit-$$.dump");
  CHECK(taken.status == 125);
  CHECK(contains(taken.err, "jit-" + taken.pid + ".dump: "));
}

TEST_CASE("profiling: a map that another process with our number left is replaced") {
  const Profiled profiled;
  const auto run =
      profiled.run(with({"--engine=llvm", "--perf=map"}, kBusyShortly), "echo '1 1 stale' > /tmp/perf-$$.map");
  check_symbols(symbols_of_map(run.map));
  CHECK_FALSE(contains(run.map, "stale"));
}

TEST_CASE("profiling: perf report shows the names, fresh and from the cache") {
  const Profiled profiled;
  if (!perf_works(profiled))
    return;
  for (const auto* const engine : {"--engine=llvm", "--engine=auto"}) {
    INFO(engine);
    record_busy(profiled, engine, "--perf=map");
    const auto report = profiled.run_tool({"perf", "script", "-i", "perf.data", "-F", "pid,ip,sym"});
    CHECK(contains(report.out, kBusy));
    for (std::istringstream in(report.out); in;)  // remove the map of each process that was seen
      if (std::string pid, rest; in >> pid && std::getline(in, rest))
        std::filesystem::remove("/tmp/perf-" + pid + ".map");
  }
}

TEST_CASE("profiling: perf inject --jit shows the names, fresh and from the cache") {
  const Profiled profiled;
  if (!perf_works(profiled))
    return;
  for (const auto* const engine : {"--engine=llvm", "--engine=auto"}) {
    INFO(engine);
    record_busy(profiled, engine, "--perf=dump");
    const auto injected = profiled.run_tool({"perf", "inject", "--jit", "-i", "perf.data", "-o", "jitted.data"});
    CHECK_MESSAGE(injected.status == 0, injected.err);
    const auto report = profiled.run_tool({"perf", "script", "-i", "jitted.data", "-F", "ip,sym"});
    CHECK(contains(report.out, kBusy));
  }
}

TEST_CASE("profiling: gdb's backtrace from a host function names the program's functions, fresh and from the cache") {
  const Profiled profiled;
  if (!works(profiled, {"gdb", "-nx", "-batch", "-ex", "run", "--args", "true"}))
    return;
  for (const auto* const engine : {"--engine=llvm", "--engine=auto"}) {
    INFO(engine);
    const auto run = profiled.run_tool({"gdb", "-nx", "-batch", "-ex", "set breakpoint pending on", "-ex",
                                        "break sched_yield", "-ex", "run", "-ex", "backtrace", "--args",
                                        WZRUN_EXECUTABLE, engine, "--gdb", program("yield")});
    INFO(run.out);
    INFO(run.err);
    const auto inner = run.out.find(" in yielding ");
    const auto outer = run.out.find(" in outermost ");
    CHECK(inner != std::string::npos);
    CHECK(outer != std::string::npos);
    CHECK(inner < outer);
    CHECK(run.out.find(" main ", outer) != std::string::npos);  // and beyond the program, what runs it
  }
}

}  // namespace wzrun::cli
