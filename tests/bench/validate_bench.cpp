// usage: build/release/tests/wzrun_bench_validate_bench MODULE...
// Times decode() and validate(), and node's WebAssembly.validate beside them, by turns: node with as many threads as it
// likes, and on one processor.
#include "wasm/decoder.h"
#include "wasm/validator.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

using namespace wzrun;

namespace {

constexpr int kRuns = 7;

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

std::optional<double> once(const std::vector<std::uint8_t>& bytes, unsigned threads) {
  const auto start = std::chrono::steady_clock::now();
  const auto module = wasm::decode(bytes, CoreFeatures::V3);
  const auto status = module ? wasm::validate(*module, {threads}) : std::unexpected(module.error());
  const auto time = milliseconds_since(start);
  if (status)
    return time;
  fmt::print(stderr, "{}\n", status.error().to_string());
  return std::nullopt;
}

/// Milliseconds of one WebAssembly.validate in a fresh node, the best of three calls; nothing if there is no node.
std::optional<double> node(const std::string& path, bool one_processor) {
  const auto script =
      "const b=require('fs').readFileSync(process.argv[1]);let m=1e9;for(let i=0;i<3;i++){"
      "const t=process.hrtime.bigint();if(!WebAssembly.validate(b))process.exit(1);"
      "m=Math.min(m,Number(process.hrtime.bigint()-t)/1e6)}console.log(m)";
  const auto command =
      fmt::format("{}node -e \"{}\" '{}' 2>/dev/null", one_processor ? "taskset -c 0 " : "", script, path);
  FILE* const pipe = popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): the caller's own path
  if (pipe == nullptr)
    return std::nullopt;
  std::array<char, 64> line{};
  const bool read = std::fgets(line.data(), line.size(), pipe) != nullptr;
  return pclose(pipe) == 0 && read ? std::optional(std::strtod(line.data(), nullptr)) : std::nullopt;
}

void keep_best(std::optional<double>& best, std::optional<double> time) {
  if (time && (!best || *time < *best))
    best = time;
}

std::string ratio(std::optional<double> a, std::optional<double> b) {
  return a && b ? fmt::format("{:.2f}", *a / *b) : "-";
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::vector<std::uint8_t> bytes(std::filesystem::file_size(path));
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(bytes.data()), static_cast<long>(bytes.size()));
  return bytes;
}

/// The most memory that a process has in use which reads the file and validates it once with two threads.
std::size_t peak_bytes(const std::filesystem::path& path) {
  const pid_t child = fork();
  if (child == 0)
    _exit(once(read_file(path), 2) ? 0 : 1);
  rusage usage{};
  int status = 0;
  wait4(child, &status, 0, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

int main(int argc, char** argv) {
  fmt::print("{:<22} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}\n", "module", "MB", "1 thread", "MB/s",
             "2 threads", "speed-up", "node", "node 1cpu", "node/1", "1cpu/1");
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    const auto peak = peak_bytes(path);  // first, while this process is small
    const auto bytes = read_file(path);
    std::optional<double> one;
    std::optional<double> two;
    std::optional<double> node_all;
    std::optional<double> node_one;
    for (int run = 0; run < kRuns; ++run) {  // interleaved, so that the machine's moods hit all alike
      keep_best(one, once(bytes, 1));
      keep_best(two, once(bytes, 2));
      keep_best(node_all, node(path.string(), false));
      keep_best(node_one, node(path.string(), true));
    }
    if (!one || !two)
      return 1;
    const auto megabytes = static_cast<double>(bytes.size()) / 1e6;
    fmt::print("{:<22} {:>7.2f} {:>8.1f} {:>8.0f} {:>9.1f} {:>9.2f} {:>9.1f} {:>9.1f} {:>7} {:>7}\n",
               path.filename().string(), megabytes, *one, megabytes / *one * 1e3, *two, *one / *two,
               node_all.value_or(0), node_one.value_or(0), ratio(node_all, one), ratio(node_one, one));
    fmt::print("{:<22} peak memory {:.2f} times the file\n", "",
               static_cast<double>(peak) / static_cast<double>(bytes.size()));
  }
}
