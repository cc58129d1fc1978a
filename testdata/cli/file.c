// file r PATH prints a file, file w PATH TEXT writes one. Failures are printed; then the exit status is 1.
#include <stdio.h>

int main(int argc, char** argv) {
  FILE* file = fopen(argv[2], argv[1]);
  if (!file) {
    perror(argv[2]);
    return 1;
  }
  if (argc > 3)
    return fputs(argv[3], file) < 0 || fclose(file) != 0;
  for (int c; (c = getc(file)) != EOF;)
    putchar(c);
}
