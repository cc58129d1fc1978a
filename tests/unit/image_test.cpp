#include "runtime/image.h"
#include "runtime/image_builder.h"
#include "tests/image_builder.h"
#include "tests/temp_dir.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

namespace wzrun {
namespace {

using runtime::Image;
using runtime::ImageHeader;

constexpr std::uint64_t kFunctions = 3;
constexpr std::uint64_t kTypes = 2;
const runtime::ImageExpectation kExpected{"test", kFunctions, kTypes};

ImageBuilder sample() {
  ImageBuilder builder;
  builder.functions = {0, runtime::kNoCode, 40};
  builder.tails = {4, runtime::kNoCode, runtime::kNoCode};
  builder.entries = {64, runtime::kNoCode};
  builder.code.resize(100, 0xcc);
  builder.ranges = {{0, 32, 5, 0}, {40, 60, 7, 0}, {64, 100, runtime::kNoCode, 0}};
  builder.add_line(0, 1000);
  builder.add_line(8, 5);
  builder.ranges[1].lines = static_cast<std::uint32_t>(builder.lines.size());
  builder.lines.insert(builder.lines.end(), {0x04, 0xe4, 0x00, 0x02, 0x7d});  // +4, +100; +2, -3
  builder.ranges[2].lines = static_cast<std::uint32_t>(builder.lines.size());
  return builder;
}

/// The error of an image whose header was changed, or an empty string.
std::string error_of(const std::function<void(ImageHeader&)>& change) {
  auto bytes = sample().build();
  ImageHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  change(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  const auto image = Image::from_bytes(bytes, kExpected);
  return image ? "" : image.error().message;
}

}  // namespace

TEST_CASE("image: two that are joined are found where they have gone") {
  ImageBuilder first;
  first.members = {1, 2};
  first.functions = {0, runtime::kNoCode};
  first.entries = {64, runtime::kNoCode};
  first.code.assign(70, 0x11);
  first.ranges = {{0, 32, 8, 0}, {64, 70, runtime::kNoCode, 0}};
  first.add_line(0, 1000);
  first.ranges[1].lines = static_cast<std::uint32_t>(first.lines.size());
  ImageBuilder second;
  second.members = {0};
  second.functions = {16};
  second.entries = {32, 48};
  second.code.assign(60, 0x22);
  second.ranges = {{16, 20, 7, 0}, {32, 60, runtime::kNoCode, 0}};
  second.add_line(0, 2000);
  second.add_line(2, 1);
  second.ranges[1].lines = static_cast<std::uint32_t>(second.lines.size());
  Sha256Digest module{};
  module[5] = 7;

  const auto made = Image::from_bytes(runtime::join_images(first.build(), second.build(), 4, module), {"test", 4, 2});
  REQUIRE(made);
  const auto& image = **made;
  const auto* const code = image.code().data();
  constexpr std::size_t kSecond = 128;
  CHECK(image.header().module == module);
  CHECK(image.opt_level() == first.opt_level);
  CHECK(image.checksum_holds());
  CHECK(image.members().empty());
  CHECK(image.code().size() == kSecond + second.code.size());
  CHECK(image.function(1) == code);
  CHECK(image.function(0) == code + kSecond + 16);
  CHECK(image.function(2) == nullptr);
  CHECK(image.function(3) == nullptr);
  CHECK(reinterpret_cast<const std::uint8_t*>(image.entry(0)) == code + 64);
  CHECK(reinterpret_cast<const std::uint8_t*>(image.entry(1)) == code + kSecond + 48);
  CHECK(code[69] == 0x11);
  CHECK(code[kSecond] == 0x22);
  CHECK(image.range_at(31)->function == 8);
  CHECK(image.range_at(kSecond + 16)->function == 7);
  CHECK(image.range_at(kSecond + 59)->function == runtime::kNoCode);
  CHECK(image.module_offset(*image.range_at(0), 31) == 1000);
  CHECK(image.module_offset(*image.range_at(kSecond + 16), kSecond + 17) == 2000);
  CHECK(image.module_offset(*image.range_at(kSecond + 16), kSecond + 18) == 2001);
  CHECK(image.module_offset(*image.range_at(kSecond + 32), kSecond + 32) == 0);
}

TEST_CASE("image: functions, entries, ranges and lines are found") {
  const auto made = Image::from_bytes(sample().build(), kExpected);
  REQUIRE(made);
  const auto& image = **made;
  const auto* const code = image.code().data();
  CHECK(image.code().size() == 100);
  CHECK(image.function(0) == code);
  CHECK(image.function(1) == nullptr);
  CHECK(image.function(2) == code + 40);
  CHECK(image.function(3) == nullptr);
  CHECK(image.tail(0) == code + 4);
  CHECK(image.tail(2) == nullptr);
  CHECK(reinterpret_cast<const std::uint8_t*>(image.entry(0)) == code + 64);
  CHECK((image.entry(1) == nullptr));
  CHECK(image.range_at(31)->function == 5);
  CHECK(image.range_at(32) == nullptr);
  CHECK(image.range_at(99)->function == runtime::kNoCode);
  CHECK(image.range_at(100) == nullptr);
  CHECK(image.module_offset(*image.range_at(0), 7) == 1000);
  CHECK(image.module_offset(*image.range_at(0), 8) == 1005);
  CHECK(image.module_offset(*image.range_at(0), 31) == 1005);
  CHECK(image.module_offset(*image.range_at(40), 43) == 0);
  CHECK(image.module_offset(*image.range_at(40), 44) == 100);
  CHECK(image.module_offset(*image.range_at(40), 46) == 97);
  CHECK(image.module_offset(*image.range_at(64), 70) == 0);
  CHECK(image.checksum_holds());
}

TEST_CASE("image: tables that say nonsense give nothing") {
  auto builder = sample();
  builder.functions = {100, 0x80000000, 99};
  builder.ranges = {{0, 100, 1, 0xffffff00}};
  const auto image = *Image::from_bytes(builder.build(), kExpected);
  CHECK(image->function(0) == nullptr);
  CHECK(image->function(1) == nullptr);
  CHECK(image->function(2) != nullptr);
  CHECK(image->module_offset(*image->range_at(5), 5) == 0);
  builder.ranges = {{0, 100, 1, 0}};
  builder.lines.assign(40, 0xff);
  const auto endless = *Image::from_bytes(builder.build(), kExpected);
  CHECK(endless->module_offset(*endless->range_at(5), 5) == 0);
}

TEST_CASE("image: any change behind the header is seen by the checksum") {
  const auto original = sample().build();
  for (std::size_t at = sizeof(ImageHeader); at < original.size(); at += at < 400 ? 1 : 997) {
    auto bytes = original;
    bytes[at] ^= 1;
    const auto image = Image::from_bytes(bytes, kExpected);
    CHECK((!image || !(*image)->checksum_holds()));
  }
}

TEST_CASE("image: what is not an image, or for another version, module or target, is refused") {
  CHECK(error_of([](ImageHeader&) {}).empty());
  CHECK(error_of([](ImageHeader& h) { h.magic[3] = 'x'; }).contains("not an image"));
  CHECK(error_of([](ImageHeader& h) { ++h.format; }).contains(fmt::format("format {}", runtime::kImageFormat + 1)));
  CHECK(error_of([](ImageHeader& h) { ++h.total_size; }).contains("the header says"));
  CHECK(error_of([](ImageHeader& h) { h.guarded = 2; }).contains("kind of memory"));
  CHECK(error_of([](ImageHeader& h) { h.code_alignment = 1024; }).contains("aligned"));
  CHECK(error_of([](ImageHeader& h) { h.code_alignment = 3 << 12; }).contains("aligned"));
  CHECK(error_of([](ImageHeader& h) { --h.target.size; }).contains("made for \"tes\""));
  CHECK(Image::from_bytes(sample().build(), {"other", kFunctions, kTypes}).error().kind == ErrorKind::unsupported);
  CHECK(Image::from_bytes(sample().build(), {"test", kFunctions + 1, kTypes}).error().kind == ErrorKind::malformed);
  CHECK(Image::from_bytes(sample().build(), {"test", kFunctions, 0}).error().kind == ErrorKind::malformed);
}

TEST_CASE("image: parts outside the image, or of odd places and sizes, are refused") {
  const std::uint64_t values[] = {
      0, 1, sizeof(ImageHeader) - 1, 0x7fffffff, 0xfffffff0, 1ULL << 32, 1ULL << 63, ~0ULL - 7, ~0ULL};
  for (const auto part : {&ImageHeader::target, &ImageHeader::functions, &ImageHeader::tails, &ImageHeader::entries,
                          &ImageHeader::ranges, &ImageHeader::lines, &ImageHeader::code})
    for (const auto value : values) {
      CAPTURE(value);
      CHECK(!error_of([&](ImageHeader& h) { (h.*part).offset = value; }).empty());
      if (value > 1 && (part != &ImageHeader::lines || value > 0xffff))
        CHECK(!error_of([&](ImageHeader& h) { (h.*part).size = value; }).empty());
      CHECK(!error_of([&](ImageHeader& h) { h.*part = {value, ~value}; }).empty());
    }
  CHECK(!error_of([](ImageHeader& h) { h.functions.offset += 2; }).empty());
  CHECK(!error_of([](ImageHeader& h) { h.functions.size += 1; }).empty());
  CHECK(!error_of([](ImageHeader& h) { h.ranges.size -= 1; }).empty());
  CHECK(!error_of([](ImageHeader& h) { h.code.offset += 4096; }).empty());
  CHECK(!error_of([](ImageHeader& h) { h.lines.offset = h.code.offset; }).empty());
  CHECK(!error_of([](ImageHeader& h) { h.lines.size = h.code.offset; }).empty());
}

TEST_CASE("image: every truncation is refused") {
  const auto bytes = sample().build();
  for (std::size_t size = 0; size < bytes.size(); size += size < 400 ? 1 : 997)
    CHECK_FALSE(Image::from_bytes(std::span(bytes).first(size), kExpected));
}

TEST_CASE("image: a file's range is mapped, wherever it begins") {
  const test::TempDir folder;
  const auto bytes = sample().build();
  for (const std::uint64_t offset : {0U, 4096U, 100U}) {
    CAPTURE(offset);
    const auto path = folder.path() / "image";
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    REQUIRE(file >= 0);
    REQUIRE(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes.size()));
    const auto image = Image::from_file(file, offset, bytes.size(), kExpected);
    CHECK_FALSE(Image::from_file(file, offset, bytes.size() + 1, kExpected));
    CHECK_FALSE(Image::from_file(file, offset + 4096, bytes.size(), kExpected));
    CHECK_FALSE(Image::from_file(file, offset, sizeof(ImageHeader) - 1, kExpected));
    CHECK_FALSE(Image::from_file(file, ~std::uint64_t{0} << 12, bytes.size(), kExpected));
    close(file);
    REQUIRE(image);
    CHECK((*image)->function(2) == (*image)->code().data() + 40);
    CHECK((*image)->checksum_holds());
  }
  CHECK(Image::from_file(-1, 0, bytes.size(), kExpected).error().kind == ErrorKind::io);
}

namespace {

/// What /proc/self/maps says of the memory at an address.
std::string permissions(const void* address) {
  std::ifstream maps("/proc/self/maps");
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    std::size_t dash = 0;
    const auto begin = std::stoull(line, &dash, 16);
    std::size_t space = 0;
    const auto end = std::stoull(line.substr(dash + 1), &space, 16);
    if (at >= begin && at < end)
      return line.substr(dash + 1 + space + 1, 4);
  }
  return "";
}

}  // namespace

TEST_CASE("image: many share pages that are executable and not writable, and stay as long as somebody has them") {
  auto builder = sample();
  std::shared_ptr<const Image> first, second;
  {
    runtime::CodeArena arena;
    const auto made = Image::in_arena(builder.build(), kExpected, arena);
    REQUIRE(made);
    first = *made;
    builder.code.assign(100, 0x90);
    const auto other = Image::in_arena(builder.build(), kExpected, arena);
    REQUIRE(other);
    second = *other;
  }
  const auto distance = second->code().data() - first->code().data();
  CHECK(distance ==
        (100 + runtime::CodeArena::kAlignment - 1) / runtime::CodeArena::kAlignment * runtime::CodeArena::kAlignment);
  CHECK(permissions(first->code().data()) == "r-xs");
  CHECK(first->function(2) == first->code().data() + 40);
  CHECK(first->checksum_holds());
  CHECK(second->checksum_holds());
  CHECK(first->code()[0] == 0xcc);
  CHECK(second->code()[0] == 0x90);
  first.reset();
  CHECK(second->code()[99] == 0x90);
}

TEST_CASE("image: where files may not become large code has pages of its own") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 1 << 20;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
  runtime::CodeArena arena;
  const auto image = Image::in_arena(sample().build(), kExpected, arena);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE(image);
  CHECK(permissions((*image)->code().data()) == "r-xp");
}

TEST_CASE("image: what is no image is refused by an arena too, and what is large has pages of its own") {
  runtime::CodeArena arena;
  auto bytes = sample().build();
  CHECK_FALSE(Image::in_arena(std::span(bytes).first(10), kExpected, arena));
  CHECK_FALSE(Image::in_arena(bytes, {"other", kFunctions, kTypes}, arena));
  auto builder = sample();
  builder.code.resize(std::size_t{1} << 20, 0xcc);
  const auto large = Image::in_arena(builder.build(), kExpected, arena);
  REQUIRE(large);
  CHECK((*large)->checksum_holds());
  CHECK(permissions((*large)->code().data()) == "r-xp");
}

}  // namespace wzrun
