// Text of random words packed by repetitions (as LZ77 does, found through hashes of four bytes) and unpacked again.
#include "kernel.h"

enum { kHashBits = 14, kShortest = 4, kFarthest = 65535 };

static uint32_t load(const uint8_t* bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static uint8_t* put_count(uint8_t* out, uint32_t count) {
  for (; count >= 255; count -= 255)
    *out++ = 255;
  *out++ = (uint8_t)count;
  return out;
}

// Literals: their count, they themselves. Then a repetition: its distance, two bytes, and its length.
static uint32_t pack(const uint8_t* in, uint32_t size, uint8_t* packed) {
  static uint32_t seen[1 << kHashBits];
  memset(seen, 0, sizeof seen);
  uint8_t* out = packed;
  uint32_t literals = 0, at = 0;
  while (at + kShortest <= size) {
    const uint32_t hash = load(in + at) * 2654435761U >> (32 - kHashBits);
    const uint32_t before = seen[hash];  // one more than the place
    seen[hash] = at + 1;
    if (before == 0 || at + 1 - before > kFarthest || load(in + before - 1) != load(in + at)) {
      at++;
      continue;
    }
    const uint32_t distance = at + 1 - before;
    uint32_t length = kShortest;
    while (at + length < size && in[at + length] == in[at + length - distance])
      length++;
    out = put_count(out, at - literals);
    memcpy(out, in + literals, at - literals);
    out += at - literals;
    *out++ = (uint8_t)distance;
    *out++ = (uint8_t)(distance >> 8);
    out = put_count(out, length - kShortest);
    at += length;
    literals = at;
  }
  out = put_count(out, size - literals);
  memcpy(out, in + literals, size - literals);
  return (uint32_t)(out - packed) + size - literals;
}

static uint32_t take_count(const uint8_t** in) {
  uint32_t count = 0;
  while (**in == 255)
    count += *(*in)++;
  return count + *(*in)++;
}

static void unpack(const uint8_t* in, uint8_t* out, uint32_t size) {
  uint8_t* const end = out + size;
  for (;;) {
    for (uint32_t left = take_count(&in); left > 0; left--)
      *out++ = *in++;
    if (out == end)
      return;
    const uint32_t distance = in[0] | (uint32_t)in[1] << 8;
    in += 2;
    for (uint32_t left = take_count(&in) + kShortest; left > 0; left--, out++)
      *out = *(out - distance);
    if (out == end)
      return;
  }
}

int main(int argc, char** argv) {
  const uint32_t rounds = size_argument(argc, argv, 180), size = 1 << 20;
  uint8_t* text = allocate(size, 1);
  uint8_t* packed = allocate(2, size);
  uint8_t* unpacked = allocate(size, 1);
  Random random = random_from(15);
  for (uint32_t i = 0; i < size;) {
    const uint32_t word = random_below(&random, 40) * random_below(&random, 100);
    Random letters = random_from(word);
    for (uint32_t left = 2 + random_below(&letters, 9); left > 0 && i < size; left--)
      text[i++] = (uint8_t)('a' + random_below(&letters, 26));
    if (i < size)
      text[i++] = ' ';
  }
  uint64_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const uint32_t packed_size = pack(text, size, packed);
    unpack(packed, unpacked, size);
    if (memcmp(text, unpacked, size) != 0)
      return 1;
    sum = mix(mix(sum, packed_size), packed[packed_size / 2]);
    text[random_below(&random, size)] ^= 1;
  }
  return print_checksum(sum);
}
