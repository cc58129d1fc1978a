// Calls a function again and again for about a second of interpretation; then says so. With the argument `trap` it then
// calls one for the first time, which traps; with another one it goes on for ever.
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
  unsigned x = 1;
  for (int i = 0; i < 10000000; i++)
    x = step(x);
  printf("%u\n", x);
  fflush(stdout);
  if (argc > 1 && argv[1][0] == 't')
    return late(x) == 1;
  while (argc > 1)
    x = step(x);
  return 0;
}
