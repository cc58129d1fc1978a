// What runs leave for each other: added, counted once, replaced by what is better, and refused where it is damaged.

#include "runtime/unit_store.h"
#include "baseline/baseline.h"

#include "runtime/compiler.h"
#include "runtime/processors.h"
#include "runtime/unit_cache.h"
#include "runtime/unit_joining.h"
#include "tests/engine/module_bytes.h"
#include "tests/image_builder.h"
#include "tests/temp_dir.h"
#include "wasm/decoder.h"
#include "wzrun/runtime.h"
#include "wzrun/sha256.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wzrun::runtime {
namespace {

/// A cache in memory.
class MemoryCache final : public CompilationCache {
 public:
  bool is_empty() override { return values_.empty(); }
  std::optional<Sha256Digest> module_digest(const FileFingerprint&) override { return known; }
  void remember_module(const FileFingerprint&, const Sha256Digest& digest) override { remembered = digest; }
  std::expected<CacheEntry, std::string> find(const Sha256Digest& key) override {
    const auto found = values_.find(key);
    if (found == values_.end())
      return std::unexpected("not there");
    const int fd = memfd_create("entry", MFD_CLOEXEC);
    REQUIRE(write(fd, found->second.data(), found->second.size()) == static_cast<ssize_t>(found->second.size()));
    return CacheEntry(fd, found->second.size());
  }
  Claim claim(const Sha256Digest&) override { return nullptr; }
  Claim try_claim(const Sha256Digest& key) override {
    return claimed.contains(key) ? nullptr : std::make_shared<int>();
  }
  std::expected<void, std::string> store(const Sha256Digest& key, Parts parts, std::string_view) override {
    auto& value = values_[key];
    value.clear();
    for (const auto part : parts)
      value.insert(value.end(), part.begin(), part.end());
    if (when_stored)
      when_stored();
    return {};
  }

  void clear() { values_.clear(); }

  std::optional<Sha256Digest> known;  ///< of all files
  std::optional<Sha256Digest> remembered;
  std::set<Sha256Digest> claimed;  ///< by others
  std::function<void()> when_stored;

 private:
  std::map<Sha256Digest, std::vector<std::uint8_t>> values_;
};

UnitStore::Unit unit(std::vector<std::uint32_t> members, std::uint32_t opt_level, std::vector<ImageLoop> loops = {}) {
  ImageBuilder image;
  image.loops = std::move(loops);
  image.opt_level = opt_level;
  image.functions.assign(members.size(), 0);
  image.members = std::move(members);
  image.code = {0xc3};
  return std::make_shared<const std::vector<std::uint8_t>>(image.build());
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::vector<std::uint8_t> in_one_piece(const UnkeptCode& code) {
  std::vector<std::uint8_t> bytes;
  for (const auto part : code.parts)
    bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

struct Kept {
  std::shared_ptr<MemoryCache> cache = std::make_shared<MemoryCache>();
  UnitStore store{cache, [] { return Sha256Digest{1}; }, "name\ntarget", true};

  UnitFile file() {
    auto found = store.find();
    REQUIRE(found);
    return *std::move(found);
  }
};

const engine::Bytes kSomeModule = engine::module_of({{0, 0x20, 0, 0x0b}, {0, 0x41, 7, 0x0b}});

/// Levels of the images in a file, in order.
std::vector<std::uint32_t> levels(const UnitFile& file) {
  std::vector<std::uint32_t> levels;
  for (const auto& part : file.units()) {
    ImageHeader header;
    std::memcpy(&header, file.bytes(part).data(), sizeof header);
    levels.push_back(header.opt_level);
  }
  return levels;
}

}  // namespace

TEST_CASE("unit store: what is kept twice is there once, and a run's counts are added once") {
  Kept kept;
  const std::vector units = {unit({1, 2}, 0)};
  CHECK(kept.store.keep(units, std::vector<FunctionProfile>{{.function = 1, .calls = 10, .back_edges = 3}}));
  CHECK(kept.store.keep(units, std::vector<FunctionProfile>{{.function = 1, .calls = 15, .back_edges = 3}}));
  const auto file = kept.file();
  CHECK(file.units().size() == 1);
  REQUIRE(file.profile().size() == 1);
  CHECK(file.profile()[0].calls == 15);
  CHECK(file.profile()[0].back_edges == 3);
}

TEST_CASE("unit store: better code comes first, and what it makes unnecessary goes") {
  Kept kept;
  kept.store.keep(std::vector{unit({1, 2}, 0), unit({3}, 0)}, {});
  kept.store.keep(std::vector{unit({3, 4}, 2)}, {});
  CHECK(levels(kept.file()) == std::vector<std::uint32_t>{2, 0});
  kept.store.keep(std::vector{unit({1, 2}, 2)}, {});
  CHECK(levels(kept.file()) == std::vector<std::uint32_t>{2, 2});
}

TEST_CASE("unit store: what was made later makes what it has all functions of unnecessary, also within a pack") {
  Kept kept;
  const auto members = [&] {
    std::vector<std::vector<std::uint32_t>> lists;
    const auto file = kept.file();
    for (const auto& part : file.units()) {
      const auto image = Image::from_bytes(file.bytes(part), {"test", 10, 0});
      REQUIRE(image);
      lists.emplace_back((*image)->members().begin(), (*image)->members().end());
    }
    return lists;
  };
  using Lists = std::vector<std::vector<std::uint32_t>>;
  kept.store.keep(std::vector{unit({1}, 0), unit({2}, 0)}, {});
  CHECK(members() == Lists{{2}, {1}});
  kept.store.keep(std::vector{unit({3}, 0), unit({1, 2, 3}, 0)}, {});
  CHECK(members() == Lists{{1, 2, 3}});
  const auto pack = in_one_piece(kept.store.pack(std::vector{unit({4}, 0), unit({1, 2, 4}, 0)}, {}));
  REQUIRE(keep_pack(*kept.cache, pack));
  CHECK(members() == Lists{{1, 2, 4}, {1, 2, 3}});
}

TEST_CASE("unit store: a loop's entry holds a unit only as long as its function has no better code") {
  Kept kept;
  const auto with_loop = unit({1, 2}, 0, {{.function = 1, .loop = 0, .begin = 0}});
  kept.store.keep(std::vector{with_loop, unit({1, 2}, 0)}, {});
  CHECK(levels(kept.file()) == std::vector<std::uint32_t>{0, 0});
  kept.store.keep(std::vector{unit({1}, 2)}, {});
  CHECK(levels(kept.file()) == std::vector<std::uint32_t>{2, 0});
}

TEST_CASE("unit store: what others have kept is told once") {
  Kept kept;
  CHECK_FALSE(kept.store.find());
  CHECK_FALSE(kept.store.find_newer());
  UnitStore other(kept.cache, [] { return Sha256Digest{1}; }, "", true);
  other.keep(std::vector{unit({1}, 0)}, {});
  CHECK(kept.store.find_newer());
}

TEST_CASE("unit store: no key is made to look for what others have kept, but one that they have made is used") {
  const auto cache = std::make_shared<MemoryCache>();
  const auto key = units_key(sha256(kSomeModule), "target");
  UnitStore(cache, [&] { return key; }, "", true).keep(std::vector{unit({1}, 0)}, {});
  const UnitSource source{"module", {}, "target", CoreFeatures::V3};
  UnitStore store(cache, []() -> Sha256Digest { throw "a key is made"; }, "", true, source);
  CHECK_FALSE(store.find_newer());
  cache->known = sha256(kSomeModule);
  CHECK(store.find_newer());
}

TEST_CASE("unit store: a pack is added like what it was made of") {
  Kept kept;
  kept.store.keep(std::vector{unit({1}, 0)}, std::vector<FunctionProfile>{{.function = 1, .calls = 10}});
  const auto pack = in_one_piece(
      kept.store.pack(std::vector{unit({2}, 2)}, std::vector<FunctionProfile>{{.function = 1, .calls = 12}}));
  REQUIRE(keep_pack(*kept.cache, pack));
  const auto file = kept.file();
  CHECK(levels(file) == std::vector<std::uint32_t>{2, 0});
  REQUIRE(file.profile().size() == 1);
  CHECK(file.profile()[0].calls == 12);
  CHECK(kept.store.pack({}, {}).empty());
  CHECK(UnitStore(kept.cache, [] { return Sha256Digest{}; }, "", false).pack(std::vector{unit({2}, 2)}, {}).empty());
}

TEST_CASE("unit store: a pack without a key has it made of the module's file, if that is what it was") {
  const test::TempDir dir;
  dir.write("module", "contents");
  const auto path = dir / "module";
  const auto file = ModuleFile::open(path);
  REQUIRE(file);
  const auto cache = std::make_shared<MemoryCache>();
  const auto no_key = [] {
    FAIL_CHECK("nobody has asked for the key");
    return Sha256Digest{};
  };
  const UnitSource source{path, *file->fingerprint(), "target", CoreFeatures::V3};
  UnitStore store(cache, no_key, "name", true, source);
  const auto pack = in_one_piece(store.pack(std::vector{unit({2}, 2)}, {}));
  REQUIRE(keep_pack(*cache, pack));
  const auto key = units_key(sha256(bytes_of("contents")), "target");
  CHECK(UnitStore(cache, [&] { return key; }, "", true).find());
  CHECK(cache->remembered == sha256(bytes_of("contents")));

  const auto pack_again = in_one_piece(store.pack(std::vector{unit({3}, 2)}, {}));
  dir.write("module", "contents!");
  const auto other_cache = std::make_shared<MemoryCache>();
  const auto refused = keep_pack(*other_cache, pack_again);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == std::filesystem::canonical(path).string() + " has changed");
  CHECK(other_cache->is_empty());

  const auto real_path = std::filesystem::canonical(path);
  std::filesystem::remove(real_path);
  REQUIRE(mkfifo(real_path.c_str(), 0600) == 0);
  CHECK_FALSE(keep_pack(*other_cache, pack_again));  // and nobody waits for who may write into it

  bool asked = false;
  const auto make_key = [&] {
    asked = true;
    return Sha256Digest{1};
  };
  CHECK_FALSE(UnitStore(cache, make_key, "", true, source).pack(std::vector{unit({3}, 2)}, {}).empty());
  CHECK(asked);  // as the file is not there any more
}

TEST_CASE("unit store: what seems to have become less is not counted, and how many runs have counted is") {
  Kept kept;
  kept.store.keep(std::vector{unit({1}, 0)},
                  std::vector<FunctionProfile>{{.function = 1, .calls = 9, .back_edges = 5}});
  kept.store.keep(std::vector{unit({2}, 0)},
                  std::vector<FunctionProfile>{{.function = 1, .calls = 8, .back_edges = 7}});
  CHECK(kept.file().profile()[0].calls == 9);
  CHECK(kept.file().profile()[0].back_edges == 7);
  CHECK(kept.file().profile()[0].runs == 1);
  UnitStore other(kept.cache, [] { return Sha256Digest{1}; }, "", true);
  other.keep(std::vector{unit({3}, 0)}, std::vector<FunctionProfile>{{.function = 1, .calls = 2}});
  CHECK(kept.file().profile()[0].calls == 11);
  CHECK(kept.file().profile()[0].runs == 2);
}

namespace {

void check_prepared(const PreparedModule& prepared, const engine::Bytes& module) {
  const auto whole = wasm::decode(module, CoreFeatures::V3);
  REQUIRE(whole);
  CHECK(std::ranges::equal(prepared.whole.view(), module));
  const auto start = wasm::decode(prepared.start.view(), CoreFeatures::V3, {.bodies_are_absent = true});
  REQUIRE(start);
  CHECK(start->exports.size() == whole->exports.size());
  REQUIRE(prepared.bodies.size() == whole->code.size());
  for (std::size_t i = 0; i < whole->code.size(); ++i) {
    CHECK(std::ranges::equal(prepared.bodies[i].bytes, whole->code[i].bytes));
    CHECK(prepared.bodies[i].offset == whole->code[i].offset);
  }
}

}  // namespace

TEST_CASE("unit store: a module that is wanted is kept when there are units, once") {
  Kept kept;
  CHECK_FALSE(kept.store.find_module());
  kept.store.want_module(ModuleBytes::borrow(kSomeModule), CoreFeatures::V3);
  kept.store.keep_module();
  CHECK(kept.cache->is_empty());
  kept.store.keep(std::vector{unit({1}, 0)}, {});
  kept.store.keep_module();
  const auto found = kept.store.find_module();
  REQUIRE(found);
  check_prepared(*found, kSomeModule);
  *kept.cache = MemoryCache();
  kept.store.keep(std::vector{unit({1}, 0)}, {});
  kept.store.keep_module();
  CHECK_FALSE(kept.store.find_module());
}

TEST_CASE("unit store: a pack has the module kept that it is of, also without units, and no other") {
  const test::TempDir dir;
  const auto path = dir / "module";
  dir.write("module", std::string(kSomeModule.begin(), kSomeModule.end()));
  const UnitSource source{path, *ModuleFile::open(path)->fingerprint(), "target", CoreFeatures::V3};
  for (const bool is_right : {true, false}) {
    const auto cache = std::make_shared<MemoryCache>();
    const auto key = units_key(is_right ? sha256(kSomeModule) : Sha256Digest{}, "target");
    UnitStore store(cache, [&] { return key; }, "name", true, source);
    store.want_module(ModuleBytes::borrow(kSomeModule), CoreFeatures::V3);
    CHECK(store.pack({}, {}).empty());  // nothing was worth to be kept
    store.keep(std::vector{unit({1}, 0)}, {});
    CHECK(keep_pack(*cache, in_one_piece(store.pack({}, {}))).has_value() == is_right);
    const auto found = store.find_module();
    REQUIRE(found.has_value() == is_right);
    if (found)
      check_prepared(*found, kSomeModule);
    CHECK(levels(*store.find()) == std::vector<std::uint32_t>{0});
  }
}

TEST_CASE("prepared modules: with any bit flipped or any byte missing they are refused or stay within the file") {
  const auto module = wasm::decode(kSomeModule, CoreFeatures::V3);
  REQUIRE(module);
  const PreparedModuleParts parts(*module);
  std::vector<std::uint8_t> bytes;
  for (const auto part : parts.parts())
    bytes.insert(bytes.end(), part.begin(), part.end());
  const auto open = [](std::span<const std::uint8_t> file) {
    const int fd = memfd_create("prepared", MFD_CLOEXEC);
    REQUIRE(write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
    return PreparedModule::open(CacheEntry(fd, file.size()));
  };
  REQUIRE(open(bytes));
  check_prepared(*open(bytes), kSomeModule);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(open(std::span(bytes).first(size)));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    if (const auto opened = open(bytes)) {
      std::uint64_t sum = 0;
      for (const auto& body : opened->bodies)
        sum = std::accumulate(body.bytes.begin(), body.bytes.end(), sum);
      CHECK(sum < std::uint64_t{256} * bytes.size() * opened->bodies.size() + 1);
    }
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
}

TEST_CASE("unit store: what a pack brings in many units becomes one, if the module is there and still the same") {
  constexpr std::uint32_t kFunctions = 200;
  const engine::Bytes body = {0, 0x03, 0x40, 0x0b, 0x20, 0, 0x0b};  // an empty loop, and the parameter
  engine::Bytes module = engine::module_of(std::vector<engine::Bytes>(kFunctions, body));
  const std::string contents(module.begin(), module.end());
  const test::TempDir dir;
  const auto path = dir / "module";
  const auto source = [&] {
    return UnitSource{path, *ModuleFile::open(path)->fingerprint(), "target", CoreFeatures::V3};
  };
  std::vector<UnitStore::Unit> units;
  units.reserve(kFunctions + 1);
  for (std::uint32_t function = 0; function < kFunctions; ++function)
    units.push_back(unit({function}, 0, {{.function = function, .loop = 0, .begin = 0}}));
  units.push_back(unit({7, 8}, 2));
  const auto keep = [&](std::span<const UnitStore::Unit> packed, const Sha256Digest& key) {
    const auto cache = std::make_shared<MemoryCache>();
    UnitStore store(cache, [&] { return key; }, "name", true, source());
    CHECK_FALSE(store.find());  // makes the key
    const auto pack = in_one_piece(store.pack({packed.begin(), packed.end()}, {}));
    const auto has_left = keep_pack(*cache, pack);
    REQUIRE(has_left);
    CHECK(*has_left == (usable_processors() >= 2 && is_worth_joining(*store.find())));
    static_cast<void>(improve_pack(*cache, pack, std::chrono::milliseconds(0)));
    return *store.find();
  };

  dir.write("module", contents);
  const auto key = units_key(sha256(module), "target");
  if (usable_processors() < 2) {
    CHECK(keep(units, key).units().size() == kFunctions - 1);
  } else if (is_worth_joining(keep(units, Sha256Digest{}))) {  // else this processor has no such compiler
    const auto joined = keep(units, key);
    REQUIRE(levels(joined) == std::vector<std::uint32_t>{2, 0});
    const auto& quick = joined.units()[1];
    CHECK(joined.members(quick).size() == kFunctions - 2);
    CHECK_FALSE(std::ranges::binary_search(joined.members(quick), 7U));
    CHECK(joined.loops(quick).size() == kFunctions - 2);
    CHECK(Image::from_bytes(joined.bytes(quick), {"target", kFunctions, 1}));
    CHECK_FALSE(is_worth_joining(joined));
  }
  CHECK(keep(std::span(units).first(100), key).units().size() == 100);  // not worth the while
  CHECK(keep(units, Sha256Digest{}).units().size() == kFunctions - 1);  // the code of another module
  dir.write("module", contents.substr(0, contents.size() - 1));
  CHECK(keep(units, units_key(sha256(bytes_of(contents).first(contents.size() - 1)), "target")).units().size() ==
        kFunctions - 1);  // malformed
}

/// A module in a file, of functions that are a unit each: 18,000 times nop, and the parameter.
struct LongFunctions {
  explicit LongFunctions(std::size_t count) {
    engine::Bytes body = {0};
    body.insert(body.end(), 18'000, 0x01);
    engine::append(body, {0x20, 0, 0x0b});
    const auto module = engine::module_of(std::vector<engine::Bytes>(count, body));
    dir.write("module", std::string(module.begin(), module.end()));
    const auto path = dir / "module";
    source = {path, *ModuleFile::open(path)->fingerprint(), "target", CoreFeatures::V3};
    key = units_key(sha256(module), "target");
  }

  test::TempDir dir;
  UnitSource source;
  Sha256Digest key{};
};

TEST_CASE("unit store: what a run has only entered is compiled with its pack, if it says so") {
  const LongFunctions long_functions(3);
  const auto& [dir, source, key] = long_functions;
  const std::vector<FunctionProfile> profile = {{.function = 0, .calls = 1'000}, {.function = 2, .calls = 1}};
  for (const bool has_entered : {false, true}) {
    const auto cache = std::make_shared<MemoryCache>();
    UnitStore store(cache, [&] { return key; }, "name", true, source);
    REQUIRE(keep_pack(*cache, in_one_piece(store.pack({unit({0}, 0)}, profile, {.entered = has_entered}))));
    std::vector<std::uint32_t> members;
    const auto file = store.find();
    REQUIRE(file);
    for (const auto& part : file->units())
      members.insert(members.end(), file->members(part).begin(), file->members(part).end());
    std::ranges::sort(members);
    const bool is_compiled = has_entered && baseline::is_available() && usable_processors() >= 2;
    CHECK(members == (is_compiled ? std::vector<std::uint32_t>{0, 2} : std::vector<std::uint32_t>{0}));
  }
}

TEST_CASE("unit store: what runs have left is compiled well when they have ended, unless somebody else does so") {
  const LongFunctions long_functions(4);
  const auto& [dir, source, key] = long_functions;
  const auto cache = std::make_shared<MemoryCache>();
  UnitStore store(cache, [&] { return key; }, "name", true, source);
  const std::vector<FunctionProfile> profile = {{.function = 0, .calls = 1'000'000},
                                                {.function = 1, .calls = 500'000, .back_edges = 100'000},
                                                {.function = 2, .calls = 500'000},  // less than its length is worth
                                                {.function = 3, .calls = 1'000'000}};
  const auto pack = in_one_piece(store.pack({unit({0, 1, 2}, 0), unit({3}, 2)}, profile, {.hot = true}));
  if (!has_compiler() || usable_processors() < 2) {
    CHECK(keep_pack(*cache, pack) == false);
    MESSAGE("skipped: there is no compiler here, or one processor only");
    return;
  }
  using Members = std::vector<std::uint32_t>;
  const auto compiled = [&](unsigned level) {
    Members members;
    const auto file = store.find();
    REQUIRE(file);
    for (const auto& part : file->units())
      if (file->header(part).opt_level == level)
        members.insert(members.end(), file->members(part).begin(), file->members(part).end());
    std::ranges::sort(members);
    return members;
  };
  const auto well_compiled = [&] { return compiled(2); };
  constexpr std::chrono::seconds kTime{60};
  const auto run = improving_key(key, Improver::run), other = improving_key(key, Improver::process_after_runs);
  CHECK(keep_pack(*cache, pack) == true);
  REQUIRE(improve_pack(*cache, pack, std::chrono::seconds(0)));
  CHECK(well_compiled() == Members{3});
  for (const auto& claim : {run, other}) {
    cache->claimed = {claim};
    REQUIRE(improve_pack(*cache, pack, kTime));
    CHECK(well_compiled() == Members{3});
  }
  cache->claimed.clear();
  cache->when_stored = [&] { cache->claimed = {run}; };  // a run begins when the first is kept
  REQUIRE(improve_pack(*cache, pack, kTime));
  CHECK(well_compiled() == Members{0, 3});
  cache->claimed.clear();
  cache->when_stored = nullptr;
  REQUIRE(improve_pack(*cache, pack, kTime));
  CHECK(well_compiled() == Members{0, 1, 3});
  if (baseline::is_available())
    CHECK(compiled(0) == Members{2});  // the unit that had the others too is made anew
  cache->when_stored = [] { FAIL_CHECK("nothing was left"); };
  REQUIRE(improve_pack(*cache, pack, kTime));
  cache->clear();
  REQUIRE(improve_pack(*cache, pack, kTime));  // what others have removed does not come back
  CHECK(cache->is_empty());
  dir.write("module", "contents");
  CHECK_FALSE(improve_pack(*cache, pack, kTime));
}

TEST_CASE("unit store: a pack that ends anywhere is refused, and one damaged anywhere harms nobody") {
  Kept kept;
  const auto pack = in_one_piece(
      kept.store.pack(std::vector{unit({2}, 2)}, std::vector<FunctionProfile>{{.function = 1, .calls = 12}}));
  constexpr std::size_t kEnds = 2048;  // between them lie zeros up to the code
  for (std::size_t size = 0; size < pack.size(); size += size < kEnds || size + kEnds > pack.size() ? 1 : kEnds)
    CHECK_FALSE(keep_pack(*kept.cache, std::span(pack).first(size)));
  CHECK(kept.cache->is_empty());
  auto damaged = pack;
  std::uint64_t refused = 0;
  for (std::size_t at = 0; at < pack.size(); at += at < kEnds || at + kEnds > pack.size() ? 1 : kEnds)
    for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
      damaged[at] = pack[at] ^ flip;
      MemoryCache cache;
      refused += keep_pack(cache, damaged) && improve_pack(cache, damaged, std::chrono::seconds(0)) ? 0 : 1;
      damaged[at] = pack[at];
    }
  CHECK(refused > 100);
}

}  // namespace wzrun::runtime
