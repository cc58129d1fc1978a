// An HTTP/1.1 server for many connections at once. Its listening sockets are the descriptors from 3 on. GET /sum/N
// answers 1 + ... + N, GET /bytes/N so many bytes, POST /echo its body; after GET /quit it accepts nobody else and ends with
// its last connection. Connections are kept alive, and requests may follow each other without waiting.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wasi/api.h>

enum { MAX_LISTENERS = 8, MAX_CONNECTIONS = 256, MAX_REQUEST = 65536, MAX_BYTES = 1 << 22 };

struct connection {
  int fd;
  char* in;  // MAX_REQUEST bytes
  size_t in_size;
  char* out;
  size_t out_size, out_at, out_capacity;
  int closing;  // when all is sent
};

static int listeners[MAX_LISTENERS], listener_count;
static struct connection connections[MAX_CONNECTIONS];
static int connection_count, quitting;

static void find_listeners(void) {
  __wasi_fdstat_t status;
  for (int fd = 3; listener_count < MAX_LISTENERS && __wasi_fd_fdstat_get(fd, &status) == 0; ++fd) {
    if (status.fs_filetype != __WASI_FILETYPE_SOCKET_STREAM)
      continue;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
      perror("F_SETFL");
    listeners[listener_count++] = fd;
  }
}

static void put(struct connection* c, const void* bytes, size_t size) {
  if (c->out_size + size > c->out_capacity) {
    c->out_capacity = (c->out_size + size) * 2;
    c->out = realloc(c->out, c->out_capacity);
  }
  memcpy(c->out + c->out_size, bytes, size);
  c->out_size += size;
}

static void respond(struct connection* c, const char* status, const char* body, size_t size, int with_body) {
  char head[256];
  const int length = snprintf(head, sizeof head,
                              "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n", status, size,
                              c->closing ? "Connection: close\r\n" : "");
  put(c, head, (size_t)length);
  if (with_body)
    put(c, body, size);
}

// Value of a header, or NULL; `head` ends with an empty line.
static const char* header(const char* head, const char* name) {
  const size_t length = strlen(name);
  for (const char* line = strstr(head, "\r\n"); line != NULL && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
      return line + 3 + length + strspn(line + 3 + length, " \t");
  }
  return NULL;
}

static void serve(struct connection* c, const char* method, const char* path, const char* body, size_t body_size) {
  char text[64];
  const int head = strcmp(method, "HEAD") == 0;
  const int get = head || strcmp(method, "GET") == 0;
  if (get && strncmp(path, "/sum/", 5) == 0) {
    const unsigned long long n = strtoull(path + 5, NULL, 10);
    const int length = snprintf(text, sizeof text, "%llu\n", n * (n + 1) / 2);
    respond(c, "200 OK", text, (size_t)length, !head);
  } else if (get && strncmp(path, "/bytes/", 7) == 0) {
    const size_t size = strtoul(path + 7, NULL, 10) % (MAX_BYTES + 1);
    char* const bytes = malloc(size + 1);
    memset(bytes, 'x', size);
    respond(c, "200 OK", bytes, size, !head);
    free(bytes);
  } else if (get && strcmp(path, "/quit") == 0) {
    quitting = c->closing = 1;
    respond(c, "200 OK", "bye\n", 4, !head);
  } else if (strcmp(path, "/echo") == 0) {
    if (strcmp(method, "POST") == 0)
      respond(c, "200 OK", body, body_size, 1);
    else
      respond(c, "405 Method Not Allowed", "", 0, 1);
  } else {
    respond(c, "404 Not Found", "not found\n", 10, !head);
  }
}

// Answers the first request of the input. Returns its size, or 0 if it is not complete.
static size_t take_request(struct connection* c) {
  char method[16], path[1024], version[16];
  c->in[c->in_size] = '\0';
  char* const end = strstr(c->in, "\r\n\r\n");
  if (end == NULL) {
    if (c->in_size < MAX_REQUEST - 1)
      return 0;
    c->closing = 1;
    respond(c, "431 Request Header Fields Too Large", "", 0, 1);
    return c->in_size;
  }
  const size_t head_size = (size_t)(end - c->in) + 4;
  const char after = end[4];
  end[4] = '\0';
  const char* const length = header(c->in, "Content-Length");
  const char* const keep = header(c->in, "Connection");
  const size_t body_size = length == NULL ? 0 : strtoul(length, NULL, 10);
  const int understood = sscanf(c->in, "%15s %1023s %15s", method, path, version) == 3;
  const int last = keep != NULL && strncasecmp(keep, "close", 5) == 0;
  end[4] = after;
  if (!understood || head_size + body_size > MAX_REQUEST - 1) {
    c->closing = 1;
    respond(c, understood ? "413 Content Too Large" : "400 Bad Request", "", 0, 1);
    return c->in_size;
  }
  if (c->in_size < head_size + body_size)
    return 0;
  c->closing |= last;
  serve(c, method, path, c->in + head_size, body_size);
  return head_size + body_size;
}

static void close_connection(struct connection* c) {
  close(c->fd);
  free(c->in);
  free(c->out);
  *c = connections[--connection_count];
}

// Returns 0 once the connection is over.
static int can_read(struct connection* c) {
  const ssize_t size = recv(c->fd, c->in + c->in_size, MAX_REQUEST - 1 - c->in_size, 0);
  if (size < 0)
    return errno == EAGAIN;
  if (size == 0)
    return 0;
  c->in_size += (size_t)size;
  for (size_t taken; !c->closing && c->in_size > 0 && (taken = take_request(c)) > 0;) {
    c->in_size -= taken;
    memmove(c->in, c->in + taken, c->in_size);
  }
  return 1;
}

static int can_write(struct connection* c) {
  while (c->out_at < c->out_size) {
    const ssize_t size = send(c->fd, c->out + c->out_at, c->out_size - c->out_at, 0);
    if (size < 0)
      return errno == EAGAIN;
    c->out_at += (size_t)size;
  }
  c->out_at = c->out_size = 0;
  return !c->closing;
}

static void accept_all(int listener) {
  while (connection_count < MAX_CONNECTIONS) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno != EAGAIN)
        perror("accept");
      return;
    }
    connections[connection_count++] = (struct connection){.fd = fd, .in = malloc(MAX_REQUEST)};
  }
}

static short wanted_events(const struct connection* c) {
  const short out = c->out_size > c->out_at ? POLLOUT : 0;
  return c->closing ? out : out | POLLIN;
}

static void run(void) {
  static struct pollfd polled[MAX_LISTENERS + MAX_CONNECTIONS];
  while (!quitting || connection_count > 0) {
    const int listening = quitting || connection_count == MAX_CONNECTIONS ? 0 : listener_count;
    for (int i = 0; i < listening; ++i)
      polled[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
    const int count = connection_count;
    for (int i = 0; i < count; ++i)
      polled[listening + i] = (struct pollfd){.fd = connections[i].fd, .events = wanted_events(&connections[i])};
    if (poll(polled, (nfds_t)(listening + count), -1) < 0) {
      perror("poll");
      exit(1);
    }
    for (int i = count - 1; i >= 0; --i) {
      struct connection* const c = &connections[i];
      const int events = polled[listening + i].revents;
      int open = 1;
      if (events != 0 && !c->closing)
        open = can_read(c);
      if (open && c->out_size > c->out_at)
        open = can_write(c);
      if (!open)
        close_connection(c);
    }
    for (int i = 0; i < listening; ++i) {
      if (polled[i].revents & POLLIN)
        accept_all(listeners[i]);
    }
  }
}

int main(void) {
  find_listeners();
  printf("%d listening\n", listener_count);
  fflush(stdout);
  if (listener_count == 0)
    return 1;
  run();
  puts("bye");
  return 0;
}
