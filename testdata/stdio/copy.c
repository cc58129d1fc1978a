// Copies standard input to standard output as cat does, 128 KiB at a time.
#include <unistd.h>

int main(void) {
  static char buffer[1 << 17];
  ssize_t size;
  while ((size = read(0, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const ssize_t written = write(1, buffer + at, (size_t)(size - at));
      if (written < 0)
        return 2;
      at += written;
    }
  }
  return size < 0;
}
