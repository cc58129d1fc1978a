#include "runtime/sha256.h"

#include "runtime/cpuid.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
  #include <immintrin.h>
#elif defined(__aarch64__)
  #include <arm_neon.h>
  #include <asm/hwcap.h>
  #include <sys/auxv.h>
#endif

namespace wzrun::runtime {

namespace {

alignas(16) constexpr std::array<std::uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

void sha256_portable(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) {
  for (; count != 0; --count, blocks += 64) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i)
      w[i] = big_endian(blocks + i * 4);
    for (std::size_t i = 16; i < 64; ++i) {
      const auto a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    std::array<std::uint32_t, 8> s;
    std::copy_n(state, 8, s.begin());
    auto& [a, b, c, d, e, f, g, h] = s;
    for (std::size_t i = 0; i < 64; ++i) {
      const auto t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) +
                      kRoundConstants[i] + w[i];
      const auto t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    for (std::size_t i = 0; i < 8; ++i)
      state[i] += s[i];
  }
}

#if defined(__x86_64__)

namespace {

__attribute__((target("sha,sse4.1"))) void compress_sha_ni(std::uint32_t* state, const std::uint8_t* blocks,
                                                           std::size_t count) {
  // The instructions want the state as (a b e f) and (c d g h), highest first.
  const auto dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
  const auto hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
  const auto cdab = _mm_shuffle_epi32(dcba, 0xb1);
  const auto efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  auto abef = _mm_alignr_epi8(cdab, efgh, 8);
  auto cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  const auto to_big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

  for (; count != 0; --count, blocks += 64) {
    const auto abef_before = abef, cdgh_before = cdgh;
    std::array<__m128i, 4> w;  // the last 16 words of the schedule; group i is in w[i % 4]
  #pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {
      auto& next = w[i % 4];
      if (i < 4) {
        next = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i), to_big_endian);
      } else {
        const auto& last = w[(i + 3) % 4];
        const auto seven_back = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
        next = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(next, w[(i + 1) % 4]), seven_back), last);
      }
      const auto keyed = _mm_add_epi32(next, *reinterpret_cast<const __m128i*>(&kRoundConstants[std::size_t{i} * 4]));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const auto feba = _mm_shuffle_epi32(abef, 0x1b);
  const auto dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

Sha256::Compress sha256_accelerated() {
  constexpr unsigned kSsse3 = 1U << 9, kSse41 = 1U << 19, kSha = 1U << 29;
  const bool has_sse = (cpuid(1, 0).c & (kSsse3 | kSse41)) == (kSsse3 | kSse41);
  const bool has_sha = (cpuid(7, 0).b & kSha) != 0;
  return has_sse && has_sha ? compress_sha_ni : nullptr;
}

#elif defined(__aarch64__)

namespace {

__attribute__((target("sha2"))) void compress_neon(std::uint32_t* state, const std::uint8_t* blocks,
                                                   std::size_t count) {
  auto abcd = vld1q_u32(state);
  auto efgh = vld1q_u32(state + 4);
  for (; count != 0; --count, blocks += 64) {
    const auto abcd_before = abcd, efgh_before = efgh;
    std::array<uint32x4_t, 4> w;  // the last 16 words of the schedule; group i is in w[i % 4]
  #pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {
      auto& next = w[i % 4];
      if (i < 4)
        next = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + std::size_t{i} * 16)));
      else
        next = vsha256su1q_u32(vsha256su0q_u32(next, w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
      const auto keyed = vaddq_u32(next, vld1q_u32(&kRoundConstants[std::size_t{i} * 4]));
      const auto abcd_last = abcd;
      abcd = vsha256hq_u32(abcd, efgh, keyed);
      efgh = vsha256h2q_u32(efgh, abcd_last, keyed);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

}  // namespace

Sha256::Compress sha256_accelerated() { return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? compress_neon : nullptr; }

#else

Sha256::Compress sha256_accelerated() { return nullptr; }

#endif

}  // namespace wzrun::runtime

namespace wzrun {

Sha256::Sha256() {
  static const auto accelerated = runtime::sha256_accelerated();
  compress_ = accelerated != nullptr ? accelerated : runtime::sha256_portable;
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
  const auto pending = static_cast<std::size_t>(length_ % kBlock);
  length_ += bytes.size();
  if (pending != 0) {
    const auto taken = std::min(kBlock - pending, bytes.size());
    std::ranges::copy(bytes.first(taken), pending_.begin() + static_cast<std::ptrdiff_t>(pending));
    bytes = bytes.subspan(taken);
    if (pending + taken < kBlock)
      return;
    compress_(state_.data(), pending_.data(), 1);
  }
  const auto blocks = bytes.size() / kBlock;
  compress_(state_.data(), bytes.data(), blocks);
  std::ranges::copy(bytes.subspan(blocks * kBlock), pending_.begin());
}

void Sha256::update(std::string_view text) {
  update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Sha256Digest Sha256::finish() {
  const auto bits = length_ * 8;
  std::array<std::uint8_t, kBlock + 8> padding = {0x80};
  const auto used = static_cast<std::size_t>(length_ % kBlock);
  const auto zeros_end = used < kBlock - 8 ? kBlock - 8 - used : 2 * kBlock - 8 - used;
  for (std::size_t i = 0; i < 8; ++i)
    padding[zeros_end + i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
  update(std::span(padding).first(zeros_end + 8));
  Sha256Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha256Digest sha256(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string to_string(const Sha256Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

}  // namespace wzrun
