#include "wzrun/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace wzrun {

namespace {

Checksum canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Checksum result;
  static_assert(sizeof bytes.digest == sizeof result);
  std::memcpy(result.data(), bytes.digest, sizeof result);
  return result;
}

}  // namespace

struct Checksummer::State {
  XXH3_state_t state;
};

Checksummer::Checksummer() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->state); }

Checksummer::~Checksummer() = default;

void Checksummer::update(std::span<const std::uint8_t> bytes) {
  XXH3_128bits_update(&state_->state, bytes.data(), bytes.size());
}

Checksum Checksummer::finish() const { return canonical(XXH3_128bits_digest(&state_->state)); }

Checksum checksum(std::span<const std::uint8_t> bytes) { return canonical(XXH3_128bits(bytes.data(), bytes.size())); }

}  // namespace wzrun
