// A wave in a cube: leapfrog with the second difference of the six neighbours, in single precision.
#include "kernel.h"

static size_t at(uint32_t n, uint32_t z, uint32_t y, uint32_t x) { return ((size_t)z * n + y) * n + x; }

// `past` becomes the state after `now`.
static void step(uint32_t n, const float* now, float* past) {
  for (uint32_t z = 1; z + 1 < n; z++)
    for (uint32_t y = 1; y + 1 < n; y++)
      for (uint32_t x = 1; x + 1 < n; x++) {
        const float neighbours = now[at(n, z - 1, y, x)] + now[at(n, z + 1, y, x)] + now[at(n, z, y - 1, x)] +
                                 now[at(n, z, y + 1, x)] + now[at(n, z, y, x - 1)] + now[at(n, z, y, x + 1)];
        const float here = now[at(n, z, y, x)];
        past[at(n, z, y, x)] = 2 * here - past[at(n, z, y, x)] + 0.15F * (neighbours - 6 * here);
      }
}

int main(int argc, char** argv) {
  const uint32_t n = 96, steps = size_argument(argc, argv, 1600);
  float* now = allocate((size_t)n * n * n, sizeof *now);
  float* past = allocate((size_t)n * n * n, sizeof *past);
  now[at(n, n / 2, n / 2, n / 2)] = 1;
  now[at(n, n / 3, n / 4, n / 5)] = -1;
  for (uint32_t i = 0; i < steps; i++) {
    step(n, now, past);
    float* const next = past;
    past = now;
    now = next;
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < (size_t)n * n * n; i++)
    sum = mix_double(sum, now[i]);
  return print_checksum(sum);
}
