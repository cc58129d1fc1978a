#include "runtime/prepared_module.h"

#include "runtime/file_mapping.h"
#include "runtime/file_parts.h"
#include "runtime/mapped_data.h"
#include "wasm/bodies.h"
#include "wasm/decoder.h"
#include "wzrun/sha256.h"

#include <array>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

namespace wzrun::runtime {

namespace {

struct Tail {
  static constexpr std::array<char, 8> kMagic = {'w', 'z', 'r', 'u', 'n', 'm', 'o', 'd'};
  static constexpr std::uint64_t kFormat = 1;

  std::array<char, 8> magic = kMagic;
  std::uint64_t format = kFormat;
  ImagePart start;
  ImagePart whole;
  ImagePart bodies;  ///< of type BodyPlace
};

}  // namespace

Sha256Digest prepared_key(const Sha256Digest& units_key) {
  Sha256 hash;
  hash.update(units_key);
  hash.update(std::string_view("module"));
  return hash.finish();
}

struct PreparedModuleParts::Pieces {
  std::vector<std::uint8_t> before;  ///< zeros
  std::vector<std::uint8_t> start;
  std::array<std::uint8_t, alignof(BodyPlace)> gap{};
  std::vector<BodyPlace> bodies;
  Tail tail;
  std::vector<std::span<const std::uint8_t>> parts;
};

PreparedModuleParts::PreparedModuleParts(const wasm::Module& module) : pieces_(std::make_unique<Pieces>()) {
  auto& [before, start, gap, bodies, tail, parts] = *pieces_;
  start = wasm::without_bodies(module);
  const auto decoded = wasm::decode(start, module.features, {.bodies_are_absent = true});
  assert(decoded);
  before.resize(decoded ? module_offset_in_file(*decoded, 0) : 0);
  bodies.reserve(module.code.size());
  for (const auto& body : module.code)
    bodies.push_back({body.offset, body.bytes.size()});
  std::uint64_t offset = 0;
  const auto append = [&](std::span<const std::uint8_t> bytes) {
    parts.push_back(bytes);
    offset += bytes.size();
    return ImagePart{offset - bytes.size(), bytes.size()};
  };
  append(before);
  tail.start = append(start);
  tail.whole = append(module.bytes);
  append(std::span(gap).first((gap.size() - offset % gap.size()) % gap.size()));
  tail.bodies = append(bytes_of(std::span<const BodyPlace>(bodies)));
  append(bytes_of(std::span<const Tail>(&tail, 1)));
}

PreparedModuleParts::~PreparedModuleParts() = default;

std::span<const std::span<const std::uint8_t>> PreparedModuleParts::parts() const { return pieces_->parts; }

Expected<PreparedModule> PreparedModule::open(CacheEntry entry) {
  const auto malformed = [] {
    return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, "the prepared module is damaged"});
  };
  const auto file = WZRUN_TRY(map_file(entry.fd(), entry.size_bytes()));
  Tail tail;
  if (file.view().size() < sizeof tail)
    return malformed();
  const auto end = file.view().size() - sizeof tail;
  std::memcpy(&tail, file.view().data() + end, sizeof tail);
  if (tail.magic != Tail::kMagic || tail.format != Tail::kFormat || !lies_within<std::uint8_t>(tail.start, end) ||
      !lies_within<std::uint8_t>(tail.whole, end) || !lies_within<BodyPlace>(tail.bodies, end))
    return malformed();
  PreparedModule module{.file = std::move(entry),
                        .start = file.part(tail.start.offset, tail.start.size),
                        .start_offset = tail.start.offset,
                        .whole = file.part(tail.whole.offset, tail.whole.size)};
  const auto bytes = module.whole.view();
  const auto places = array_at<BodyPlace>(file.view(), tail.bodies);
  module.bodies.reserve(places.size());
  for (const auto& place : places) {
    if (!lies_within<std::uint8_t>({place.offset, place.size}, bytes.size()))
      return malformed();
    module.bodies.push_back({bytes.subspan(place.offset, place.size), place.offset});
  }
  return module;
}

}  // namespace wzrun::runtime
