// Steps that each point of a square takes to leave the circle of radius two.
#include "kernel.h"

static uint32_t steps_to_leave(double real, double imaginary, uint32_t limit) {
  double x = 0, y = 0;
  for (uint32_t step = 0; step < limit; step++) {
    const double xx = x * x, yy = y * y;
    if (xx + yy > 4)
      return step;
    y = 2 * x * y + imaginary;
    x = xx - yy + real;
  }
  return limit;
}

int main(int argc, char** argv) {
  const uint32_t n = size_argument(argc, argv, 1300);
  uint64_t sum = 0;
  for (uint32_t row = 0; row < n; row++)
    for (uint32_t column = 0; column < n; column++)
      sum = mix(sum, steps_to_leave(3.0 * column / n - 2.25, 3.0 * row / n - 1.5, 1000));
  return print_checksum(sum);
}
