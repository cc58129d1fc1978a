// Calls a function again and again until it is hot, and then, with an argument, one that it has not called before, which
// traps.
#include <stdio.h>

__attribute__((noinline)) static unsigned step(unsigned x) {
  for (int i = 0; i < 8; i++)
    x = x * 1664525 + 1013904223;
  return x;
}

__attribute__((noinline)) static unsigned late(unsigned x) {
  if (x != 0)
    __builtin_trap();
  return x;
}

int main(int argc, char** argv) {
  (void)argv;
  unsigned x = 1;
  for (int i = 0; i < 5000000; i++)
    x = step(x);
  printf("%u\n", x);
  fflush(stdout);
  return argc > 1 ? late(x) == 1 : 0;
}
