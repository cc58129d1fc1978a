// Prints "before", then sleeps an hour in poll_oneoff.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  puts("before");
  fflush(stdout);
  sleep(3600);
}
