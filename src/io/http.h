/* A server for a few short HTTP requests, by libmicrohttpd in the loop, without a thread. A connection
 * carries one request and lives for HTTP_LIFE_MS at most, whatever its client does. The server knows the
 * methods GET and HEAD, and takes no body. While nobody is connected, it costs nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "base/attributes.h"

enum {
    /* A browser opens six at most. What more clients want waits in the kernel's queue. */
    HTTP_CONNECTIONS_MAX = 16,
    /* One host leaves room for others. */
    HTTP_CONNECTIONS_PER_HOST_MAX = 8,
    HTTP_LIFE_MS = 10000,
    /* The first line and all header fields of a request. */
    HTTP_REQUEST_MAX = 4096,
    /* What the library has for one connection: the request, and the head and a piece of the reply. */
    HTTP_CONNECTION_MEMORY = 12288,
    /* Descriptors of the server itself: its socket and its epoll. */
    HTTP_DESCRIPTORS = HTTP_CONNECTIONS_MAX + 2,
};

struct http_request {
    uint32_t peer; /* host byte order */
    const char *path;
    const char *host;   /* the header field, or the host in the request's address; NULL: there is none */
    const char *accept; /* the same */
    void *connection;
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_reply {
    unsigned status;
    const char *type;                  /* of the content */
    const struct http_header *headers; /* further ones; the last one has the name NULL. May be NULL */
    const char *text;                  /* the content, if `read` is NULL. It is never freed */
    /* Writes the next bytes of the content. Returns their number; 0 at the end, -1 if it cannot go on: the
     * client notices that the content is not complete. */
    ssize_t (*read)(void *state, char *ret_bytes, size_t capacity);
    void (*done)(void *state); /* frees the state; it is called once */
    void *state;
};

typedef struct http_reply http_handler(void *context, const struct http_request *request);

struct http_server;

/* Listens on that IPv4 address, or on each one if it is 0. Returns NULL, and in *ret_error a negative errno;
 * -ELIBACC if the library is not installed. To be opened before the process is confined. */
nodiscard_ struct http_server *http_open(uv_loop_t *loop, uint32_t address, uint16_t port,
                                         http_handler *asked, void *context, int *ret_error);
/* NULL is allowed. The memory is freed when the loop has run once more. */
void http_close(struct http_server *s);
/* The port on which it listens. */
uint16_t http_port(const struct http_server *s);

/* The argument of that name in the request's address; NULL: it has none. */
const char *http_argument(const struct http_request *request, const struct http_server *s, const char *name);
