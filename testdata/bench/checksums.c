// Checks over a buffer: CRC-32 by a table, Adler-32, FNV-1a, and a hash of four 64-bit lanes that are multiplied and
// rotated.
#include "kernel.h"

static uint32_t crc_table[256];

static void make_crc_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++)
      value = value >> 1 ^ (value & 1 ? 0xedb88320U : 0);
    crc_table[i] = value;
  }
}

static uint32_t crc32(const uint8_t* bytes, uint32_t size) {
  uint32_t value = ~0U;
  for (uint32_t i = 0; i < size; i++)
    value = value >> 8 ^ crc_table[(value ^ bytes[i]) & 0xff];
  return ~value;
}

static uint32_t adler32(const uint8_t* bytes, uint32_t size) {
  uint32_t low = 1, high = 0;
  for (uint32_t i = 0; i < size;) {
    const uint32_t end = size - i < 5552 ? size : i + 5552;  // as many as cannot overflow
    for (; i < end; i++) {
      low += bytes[i];
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return high << 16 | low;
}

static uint64_t fnv1a(const uint8_t* bytes, uint32_t size) {
  uint64_t value = 0xcbf29ce484222325U;
  for (uint32_t i = 0; i < size; i++)
    value = (value ^ bytes[i]) * 0x100000001b3U;
  return value;
}

static uint64_t rotate(uint64_t x, int count) { return x << count | x >> (64 - count); }

static uint64_t four_lanes(const uint8_t* bytes, uint32_t size) {
  uint64_t lanes[4] = {1, 2, 3, 4};
  for (uint32_t i = 0; i + 32 <= size; i += 32)
    for (int k = 0; k < 4; k++) {
      uint64_t word;
      memcpy(&word, bytes + i + 8 * k, sizeof word);
      lanes[k] = rotate(lanes[k] + word * 0xc2b2ae3d27d4eb4fU, 31) * 0x9e3779b185ebca87U;
    }
  return rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
}

int main(int argc, char** argv) {
  const uint32_t rounds = size_argument(argc, argv, 200), size = 1 << 20;
  uint8_t* bytes = allocate(size, 1);
  Random random = random_from(9);
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)random_u32(&random);
  make_crc_table();
  uint64_t sum = 0;
  for (uint32_t i = 0; i < rounds; i++) {
    sum = mix(mix(sum, crc32(bytes, size)), adler32(bytes, size));
    sum = mix(mix(sum, fnv1a(bytes, size)), four_lanes(bytes, size));
    bytes[random_below(&random, size)] ^= (uint8_t)sum;
  }
  return print_checksum(sum);
}
