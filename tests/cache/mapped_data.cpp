// Large data of a module that comes from the cache: pages of the entry, private to each instance.

#include "cache/cache_support.h"
#include "runtime/compiler.h"
#include "temp_dir.h"
#include "unit/module_bytes.h"
#include "wzrun/runtime.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace wzrun::test {
namespace {

using wasm::test::leb;
using wasm::test::ModuleBytes;
using wasm::test::sized;

constexpr std::uint32_t kPages = 16;
constexpr std::uint64_t kMemoryBytes = std::uint64_t{kPages} << 16;

ModuleBytes signed_leb(std::int64_t value) {
  ModuleBytes out;
  for (;; value >>= 7) {
    const auto low = static_cast<std::uint8_t>(value & 0x7f);
    const bool is_last = value >> 6 == 0 || value >> 6 == -1;
    out.push_back(is_last ? low : low | 0x80);
    if (is_last)
      return out;
  }
}

struct Segment {
  std::uint32_t address;
  Bytes bytes;
};

/// Of a module with one exported memory, and what is in that at its start.
struct Program {
  explicit Program(const std::vector<Segment>& segments) : memory(kMemoryBytes) {
    using namespace wasm::test;
    ModuleBytes data;
    for (const auto& [address, bytes] : segments) {
      data += ModuleBytes{0x00, 0x41} + signed_leb(address) + ModuleBytes{0x0b} + sized(bytes);
      std::ranges::copy(bytes, memory.begin() + address);
    }
    module = kHeader + section(kMemory, vec(1, ModuleBytes{0x00} + leb(kPages))) +
             section(kExport, vec(1, text("m") + ModuleBytes{0x02, 0x00})) + section(kData, vec(segments.size(), data));
  }
  ModuleBytes module;
  Bytes memory;
};

std::size_t mapped_writable(const std::string& suffix) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);)
    count += line.ends_with(suffix) && line.find(" rw-p ") != std::string::npos ? 1 : 0;
  return count;
}

/// Instances of a program that is compiled, and then found in the cache, have the memory that they must have.
void check_program(const Program& program, std::size_t mappings) {
  const TempDir dir;
  std::ofstream(dir / "data.wasm", std::ios::binary)
      .write(reinterpret_cast<const char*>(program.module.data()), static_cast<std::streamsize>(program.module.size()));
  const auto file = ModuleFile::open(dir / "data.wasm");
  REQUIRE(file);
  const auto cache = open_cache(dir / "cache");
  for (const bool is_cached : {false, true, true}) {
    CAPTURE(is_cached);
    Runtime runtime(RuntimeConfig{}.with_engine(EngineKind::llvm).with_cache(cache));
    const auto code = runtime.compile(*file);
    REQUIRE(code);
    CHECK((code->report().cache == CompilationReport::Cache::hit) == is_cached);
    for (int instance = 0; instance < 2; ++instance) {
      const auto made = runtime.instantiate(*code, ModuleConfig{});
      REQUIRE(made);
      CHECK(mapped_writable(".wzrun") == (is_cached ? mappings : 0));
      auto memory = made->exported_memory("m");
      REQUIRE(memory);
      CHECK(std::ranges::equal(*memory->range(0, kMemoryBytes), program.memory));
      std::ranges::fill(*memory->range(0, kMemoryBytes), std::uint8_t{0xaa});  // and the next does not see it
      REQUIRE(memory->grow(1));
      CHECK(memory->read<std::uint64_t>(kMemoryBytes) == 0);
    }
  }
  const auto items = cache->list();
  REQUIRE(items.size() == 1);
  CHECK_FALSE(cache->verify(items[0].key));
}

}  // namespace

TEST_CASE("mapped data: a large segment is mapped, and what lies before, in and behind it is as the segments say") {
  if (!runtime::has_compiler()) {
    MESSAGE("skipped: no compiler");
    return;
  }
  const auto large = bytes_of(500'000);
  check_program(Program({{1000, large}}), 1);
  check_program(Program({{1 << 16, large}, {900'000, bytes_of(100, 2)}}), 1);
  check_program(Program({{300'000, bytes_of(70'000, 3)}, {1000, large}, {200'000, bytes_of(10, 4)}}), 1);
  check_program(Program({{10, bytes_of(300'000, 5)}, {400'000, large}}), 1);
  check_program(Program({{kMemoryBytes - 500'000, large}}), 1);
}

TEST_CASE("mapped data: small segments are copied") {
  if (!runtime::has_compiler()) {
    MESSAGE("skipped: no compiler");
    return;
  }
  check_program(Program({{1000, bytes_of(200'000)}}), 0);
}

}  // namespace wzrun::test
