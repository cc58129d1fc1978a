// SHA-256 of 1 MiB, each time with the digest before it put in front. Source: FIPS 180-4.
#include "kernel.h"

typedef struct {
  uint32_t words[8];
} Digest;

static uint32_t round_constants[64];

// The first 32 bits after the point of the square or cube root of `n`: 2^32 times the root, cut off, without its whole
// part.
static uint32_t root_fraction(uint64_t n, int power) {
  uint64_t root = 0;  // of n * 2^(32 * power)
  for (int bit = 36; bit >= 0; bit--) {
    const uint64_t attempt = root + (1ULL << bit);
    unsigned __int128 raised = (unsigned __int128)attempt * attempt;
    if (power == 3)
      raised *= attempt;
    if (raised <= (unsigned __int128)n << (32 * power))
      root = attempt;
  }
  return (uint32_t)root;
}

static Digest make_constants(void) {
  Digest first;
  for (uint32_t n = 2, found = 0; found < 64; n++) {
    uint32_t divisor = 2;
    while (n % divisor != 0)
      divisor++;
    if (divisor != n)
      continue;
    if (found < 8)
      first.words[found] = root_fraction(n, 2);
    round_constants[found++] = root_fraction(n, 3);
  }
  return first;
}

static uint32_t rotate(uint32_t x, int count) { return x >> count | x << (32 - count); }

static uint32_t load_big_endian(const uint8_t* bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void add_block(Digest* digest, const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++)
    w[i] = load_big_endian(block + 4 * i);
  for (int i = 16; i < 64; i++) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = digest->words[0], b = digest->words[1], c = digest->words[2], d = digest->words[3];
  uint32_t e = digest->words[4], f = digest->words[5], g = digest->words[6], h = digest->words[7];
  for (int i = 0; i < 64; i++) {
    const uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
    const uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t added[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++)
    digest->words[i] += added[i];
}

static Digest hash(Digest digest, const uint8_t* bytes, uint32_t size) {
  uint32_t done = 0;
  for (; size - done >= 64; done += 64)
    add_block(&digest, bytes + done);
  uint8_t tail[128] = {0};
  const uint32_t rest = size - done, padded = rest < 56 ? 64 : 128;
  memcpy(tail, bytes + done, rest);
  tail[rest] = 0x80;
  const uint64_t bits = (uint64_t)size * 8;
  for (uint32_t i = 0; i < 8; i++)
    tail[padded - 1 - i] = (uint8_t)(bits >> 8 * i);
  for (uint32_t i = 0; i < padded; i += 64)
    add_block(&digest, tail + i);
  return digest;
}

static void print(const Digest* digest) {
  for (int i = 0; i < 8; i++)
    printf("%08x", (unsigned)digest->words[i]);
  putchar('\n');
}

int main(int argc, char** argv) {
  const uint32_t rounds = size_argument(argc, argv, 300), size = 1 << 20;
  const Digest first = make_constants();
  const Digest abc = hash(first, (const uint8_t*)"abc", 3);
  print(&abc);
  uint8_t* text = allocate(size, 1);
  for (uint32_t i = 0; i < size; i++)
    text[i] = (uint8_t)(i * 7 + (i >> 9));
  Digest digest = abc;
  for (uint32_t i = 0; i < rounds; i++) {
    for (int k = 0; k < 8; k++)
      for (int byte = 0; byte < 4; byte++)
        text[4 * k + byte] = (uint8_t)(digest.words[k] >> (24 - 8 * byte));
    digest = hash(first, text, size);
  }
  print(&digest);
}
