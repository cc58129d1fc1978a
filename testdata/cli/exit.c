// Prints "before" and exits with its first argument.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  puts("before");
  exit(argc > 1 ? atoi(argv[1]) : 0);
}
