// C = A * B for dense square matrices of doubles, by rows of B, sixteen times.
#include "kernel.h"

static void multiply(uint32_t n, const double* a, const double* b, double* restrict c) {
  for (uint32_t row = 0; row < n; row++) {
    double* out = c + (size_t)row * n;
    for (uint32_t column = 0; column < n; column++)
      out[column] = 0;
    for (uint32_t k = 0; k < n; k++) {
      const double factor = a[(size_t)row * n + k];
      const double* in = b + (size_t)k * n;
      for (uint32_t column = 0; column < n; column++)
        out[column] += factor * in[column];
    }
  }
}

int main(int argc, char** argv) {
  const uint32_t n = size_argument(argc, argv, 640);
  const size_t count = (size_t)n * n;
  double* a = allocate(count, sizeof *a);
  double* b = allocate(count, sizeof *b);
  double* c = allocate(count, sizeof *c);
  Random random = random_from(1);
  for (size_t i = 0; i < count; i++) {
    a[i] = random_unit(&random) - 0.5;
    b[i] = random_unit(&random) - 0.5;
  }
  for (int round = 0; round < 16; round++) {
    multiply(n, a, b, c);
    double* const used = a;
    a = c;
    c = used;
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum = mix_double(sum, a[i]);
  return print_checksum(sum);
}
