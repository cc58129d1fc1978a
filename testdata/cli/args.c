// Prints its arguments, name included, one a line.
#include <stdio.h>

int main(int argc, char** argv) {
  for (int i = 0; i < argc; i++)
    puts(argv[i]);
}
