// The largest singular value of the infinite matrix 1 / ((i + j)(i + j + 1) / 2 + i + 1), cut off at n, by powers.
#include "kernel.h"

#include <math.h>

static double element(uint32_t i, uint32_t j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void multiply(uint32_t n, const double* in, double* out) {
  for (uint32_t i = 0; i < n; i++) {
    double sum = 0;
    for (uint32_t j = 0; j < n; j++)
      sum += element(i, j) * in[j];
    out[i] = sum;
  }
}

static void multiply_transposed(uint32_t n, const double* in, double* out) {
  for (uint32_t i = 0; i < n; i++) {
    double sum = 0;
    for (uint32_t j = 0; j < n; j++)
      sum += element(j, i) * in[j];
    out[i] = sum;
  }
}

int main(int argc, char** argv) {
  const uint32_t n = size_argument(argc, argv, 4200);
  double* u = allocate(n, sizeof *u);
  double* v = allocate(n, sizeof *v);
  double* between = allocate(n, sizeof *between);
  for (uint32_t i = 0; i < n; i++)
    u[i] = 1;
  for (int round = 0; round < 10; round++) {
    multiply(n, u, between);
    multiply_transposed(n, between, v);
    multiply(n, v, between);
    multiply_transposed(n, between, u);
  }
  double products = 0, squares = 0;
  for (uint32_t i = 0; i < n; i++) {
    products += u[i] * v[i];
    squares += v[i] * v[i];
  }
  return print_checksum(mix_double(0, sqrt(products / squares)));
}
