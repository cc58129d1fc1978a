// Computes for a while, in a function whose name is not fit for a line. usage: busy ROUNDS
#include <stdlib.h>

unsigned busy(unsigned rounds) __asm__("busy\nbee");

__attribute__((noinline)) unsigned busy(unsigned rounds) {
  unsigned x = 1;
  for (; rounds != 0; --rounds) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
  }
  return x;
}

int main(int argc, char** argv) { return busy(argc > 1 ? strtoul(argv[1], 0, 10) : 1) == 0; }
