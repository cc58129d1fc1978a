// Heat on a square plate: each step makes every inner point a weighted mean of itself and its eight neighbours.
#include "kernel.h"

static void step(uint32_t n, const double* in, double* out) {
  for (uint32_t y = 1; y + 1 < n; y++) {
    const double* above = in + (size_t)(y - 1) * n;
    const double* here = above + n;
    const double* below = here + n;
    double* target = out + (size_t)y * n;
    for (uint32_t x = 1; x + 1 < n; x++) {
      const double edges = above[x] + below[x] + here[x - 1] + here[x + 1];
      const double corners = above[x - 1] + above[x + 1] + below[x - 1] + below[x + 1];
      target[x] = 0.25 * here[x] + 0.125 * edges + 0.0625 * corners;
    }
  }
}

int main(int argc, char** argv) {
  const uint32_t n = 512, steps = size_argument(argc, argv, 4000);
  double* plate = allocate((size_t)n * n, sizeof *plate);
  double* next = allocate((size_t)n * n, sizeof *next);
  Random random = random_from(2);
  for (size_t i = 0; i < (size_t)n * n; i++)
    plate[i] = next[i] = 100 * random_unit(&random);
  for (uint32_t i = 0; i < steps; i++) {
    step(n, plate, next);
    double* const done = plate;
    plate = next;
    next = done;
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < (size_t)n * n; i++)
    sum = mix_double(sum, plate[i]);
  return print_checksum(sum);
}
