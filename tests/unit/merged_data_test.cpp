#include "wasm/merged_data.h"

#include "tests/unit/module_bytes.h"
#include "wasm/bodies.h"
#include "wasm/decoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace wzrun::wasm::test {
namespace {

/// (i32.const address) for addresses below 2^13 and above -2^13, in two bytes.
ModuleBytes i32_const(int address) {
  return {0x41, static_cast<std::uint8_t>((address & 0x7f) | 0x80), static_cast<std::uint8_t>(address >> 7 & 0x7f)};
}

ModuleBytes segment(int address, const ModuleBytes& bytes) {
  return ModuleBytes{0} + i32_const(address) + ModuleBytes{0x0b} + sized(bytes);
}

ModuleBytes module_with(const std::vector<ModuleBytes>& segments, const ModuleBytes& before = memory_of_one_page(),
                        const ModuleBytes& data_count = {}) {
  ModuleBytes data;
  for (const auto& bytes : segments)
    data += bytes;
  return kHeader + before + data_count + section(kData, vec(segments.size(), data));
}

/// What is in memory once the segments of a module are written.
std::map<std::uint64_t, std::uint8_t> memory_of(const Module& module) {
  std::map<std::uint64_t, std::uint8_t> memory;
  for (const auto& item : module.data)
    for (std::size_t i = 0; i < item.bytes.size(); ++i)
      if (item.bytes[i] != 0)
        memory[*item.memory_offset.i32 + i] = item.bytes[i];
  return memory;
}

/// How many segments are left, if they do the same.
std::size_t merged(const ModuleBytes& bytes) {
  const auto whole = decode(bytes, CoreFeatures::all);
  REQUIRE(whole);
  const auto rest = without_bodies(*whole);
  const auto module = decode(rest, CoreFeatures::all);
  REQUIRE(module);
  CHECK(memory_of(*module) == memory_of(*whole));
  return module->data.size();
}

}  // namespace

TEST_CASE("merged data: segments that lie close together become one") {
  CHECK(merged(module_with({segment(0, {1, 2}), segment(2, {3}), segment(10, {4, 0})})) == 1);
  CHECK(merged(module_with({segment(8, {1}), segment(9 + 256, {2}), segment(300 + 256 + 20, {3})})) == 2);
  CHECK(merged(module_with({segment(0, {}), segment(0, {}), segment(70, {9})})) == 1);
  CHECK(merged(module_with({segment(0, {1}), segment(1000, {2})})) == 2);
}

TEST_CASE("merged data: longer gaps are filled as long as that is little of the whole") {
  const auto large = segment(0, repeat(4000, {1}));
  CHECK(merged(module_with({large, segment(4500, {2})})) == 1);
  CHECK(merged(module_with({large, segment(4501, {2})})) == 2);
  CHECK(merged(module_with({large, segment(4300, {2}), segment(4500, {3}), segment(4900, {4})})) == 2);
  const auto sparse = module_with({large, segment(4400, {2}), segment(4800, {3}), segment(5200, {4})});
  CHECK(merged(sparse) == 3);
}

TEST_CASE("merged data: up to the last byte of memory") {
  const ModuleBytes last = {0x00, 0x41, 0xff, 0xff, 0x03, 0x0b, 0x01, 0x07};  // i32.const 65535
  const ModuleBytes before = {0x00, 0x41, 0xf0, 0xff, 0x03, 0x0b, 0x01, 0x06};
  const ModuleBytes beyond = {0x00, 0x41, 0xff, 0xff, 0x03, 0x0b, 0x02, 0x07, 0x08};
  CHECK(merged(module_with({before, last})) == 1);
  CHECK(merged(module_with({before, beyond})) == 2);  // the first is written, then the start fails
}

TEST_CASE("merged data: addresses above 2 GiB") {
  const auto memory = section(kMemory, vec(1, {0x00, 0x80, 0x80, 0x04}));  // of 4 GiB
  CHECK(merged(module_with({segment(-100, {1}), segment(-50, {2})}, memory)) == 1);
}

TEST_CASE("merged data: what could tell the difference keeps its segments") {
  const auto two = [](const ModuleBytes& first, const ModuleBytes& second) {
    return std::vector<ModuleBytes>{first, second};
  };
  const auto near = two(segment(0, {1}), segment(4, {2}));
  const ModuleBytes memory = memory_of_one_page();
  CHECK(merged(module_with(near)) == 1);
  CHECK(merged(module_with(two(segment(4, {1}), segment(0, {2})))) == 2);        // in another order
  CHECK(merged(module_with(two(segment(0, {1, 2, 3}), segment(2, {4})))) == 2);  // one over the other
  CHECK(merged(module_with(two(segment(0, {1}), {1, 1, 7}))) == 2);              // one is passive
  CHECK(merged(module_with(near, memory, section(kDataCount, {2}))) == 2);       // instructions may name them
  const auto imported = section(kImport, vec(1, text("m") + text("memory") + ModuleBytes{0x02, 0x00, 0x01}));
  CHECK(merged(module_with(near, imported)) == 2);  // somebody may have written to it
  const auto global = section(kImport, vec(1, text("m") + text("g") + ModuleBytes{0x03, 0x7f, 0x00}));
  const ModuleBytes at_global = {0x00, 0x23, 0x00, 0x0b, 0x01, 0x05};
  const auto wherever = module_with(two(segment(0, {1}), at_global), global + memory);
  const auto module = decode(wherever, CoreFeatures::all);
  REQUIRE(module);
  CHECK_FALSE(merged_data_section(*module));
}

}  // namespace wzrun::wasm::test
