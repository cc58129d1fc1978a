// Pancakes: for many orders of twelve numbers, how often the first k of them must be turned round, k being the first,
// until 1 leads.
#include "kernel.h"

enum { n = 12 };

static uint32_t flips(const uint8_t* order) {
  uint8_t stack[n];
  memcpy(stack, order, n);
  uint32_t count = 0;
  for (uint8_t first = stack[0]; first != 0; first = stack[0]) {
    for (uint8_t *low = stack, *high = stack + first; low < high; low++, high--) {
      const uint8_t kept = *low;
      *low = *high;
      *high = kept;
    }
    count++;
  }
  return count;
}

int main(int argc, char** argv) {
  const uint32_t orders = size_argument(argc, argv, 15000000);
  uint8_t order[n];
  uint32_t turns[n] = {0};  // how often the first i + 1 numbers have been turned round
  for (uint32_t i = 0; i < n; i++)
    order[i] = (uint8_t)i;
  uint32_t most = 0;
  uint64_t sum = 0;
  for (uint32_t done = 0; done < orders; done++) {
    const uint32_t count = flips(order);
    sum = mix(sum, count);
    most = count > most ? count : most;
    for (uint32_t i = 1; i < n; i++) {
      const uint8_t first = order[0];
      memmove(order, order + 1, i);
      order[i] = first;
      if (++turns[i] <= i)
        break;
      turns[i] = 0;
    }
  }
  return print_checksum(mix(sum, most));
}
