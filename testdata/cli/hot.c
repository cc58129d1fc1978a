// Calls a function again and again for about a second of interpretation; then says so, and with an argument goes on for
// ever.
#include <stdio.h>

__attribute__((noinline)) static unsigned step(unsigned x) {
  for (int i = 0; i < 8; i++)
    x = x * 1664525 + 1013904223;
  return x;
}

int main(int argc, char** argv) {
  (void)argv;
  unsigned x = 1;
  for (int i = 0; i < 10000000; i++)
    x = step(x);
  printf("%u\n", x);
  fflush(stdout);
  while (argc > 1)
    x = step(x);
  return 0;
}
