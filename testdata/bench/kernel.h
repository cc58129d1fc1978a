// What the kernels share. Each takes one argument, its size, and prints a checksum of its results, which is the same on
// every machine: no long, no function of libm but sqrt, no contraction of a multiplication and an addition.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t size_argument(int argc, char** argv, uint32_t otherwise) {
  return argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : otherwise;
}

static inline void* allocate(size_t count, size_t size) {
  void* memory = calloc(count, size);
  if (memory == NULL) {
    fputs("out of memory\n", stderr);
    exit(1);
  }
  return memory;
}

// Random numbers: xorshift64*.
typedef struct {
  uint64_t state;
} Random;

static inline Random random_from(uint64_t seed) { return (Random){seed * 2 + 1}; }

static inline uint32_t random_u32(Random* random) {
  random->state ^= random->state >> 12;
  random->state ^= random->state << 25;
  random->state ^= random->state >> 27;
  return (uint32_t)(random->state * 0x2545f4914f6cdd1dU >> 32);
}

// From 0 to below `bound`.
static inline uint32_t random_below(Random* random, uint32_t bound) {
  return (uint32_t)((uint64_t)random_u32(random) * bound >> 32);
}

// From 0 to below 1.
static inline double random_unit(Random* random) { return random_u32(random) * 0x1p-32; }

static inline uint64_t mix(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * 0x9e3779b97f4a7c15U;
  return sum ^ sum >> 29;
}

static inline uint64_t mix_double(uint64_t sum, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return mix(sum, bits);
}

static inline int print_checksum(uint64_t sum) {
  printf("%08x%08x\n", (unsigned)(sum >> 32), (unsigned)sum);
  return 0;
}
