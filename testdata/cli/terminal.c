// Uses standard input as an editor would: makes it non-blocking, waits for it beside a clock, and prints what it reads.
// The argument `stay` makes it wait for ever then.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  char line[64];
  struct pollfd input[2] = {{.fd = 0, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  if (!isatty(0))
    return 1;
  if (fcntl(0, F_SETFL, O_NONBLOCK) != 0 || (fcntl(0, F_GETFL) & O_NONBLOCK) == 0)
    return 2;
  if (read(0, line, sizeof line) != -1 || errno != EAGAIN)
    return 3;
  if (poll(input, 2, 10) != 0)
    return 4;
  puts("waiting");
  fflush(stdout);
  if (poll(input, 2, -1) != 2 || input[0].revents != POLLIN)
    return 5;
  const ssize_t size = read(0, line, sizeof line);
  if (size < 0)
    return 6;
  printf("read %.*s", (int)size, line);
  fflush(stdout);
  while (argc > 1 && strcmp(argv[1], "stay") == 0)
    poll(input, 2, -1);
  return 0;
}
