/* One question and one line as the reply, between two processes of this program: a datagram each way over an
 * abstract Unix socket. An abstract name belongs to the network namespace: it needs no directory and no
 * permission, and disappears with the process that has it.
 *
 * Every process in the namespace can ask, and another one may have taken the name before us. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/attributes.h"

enum {
    PROBE_NAME_MAX = 107, /* the room in sun_path behind the zero that makes the name abstract */
    PROBE_LINE_MAX = 511,
    /* The number of questions that are answered before other sockets have their turn. */
    PROBE_BATCH = 4,
    PROBE_WAIT_MS = 3000,
};

struct probe_server {
    uv_poll_t poll;
    int fd; /* -1: not open */
    /* Writes the reply, at most PROBE_LINE_MAX bytes of text. */
    void (*asked)(void *context, char ret_line[PROBE_LINE_MAX + 1]);
    void *context;
};

/* Returns 0 or a negative errno: -EADDRINUSE if another process has the name. */
nodiscard_ int probe_open(struct probe_server *s, uv_loop_t *loop, const char *name,
                          void (*asked)(void *context, char ret_line[PROBE_LINE_MAX + 1]), void *context);
void probe_close(struct probe_server *s);

/* Asks the process that has the name and waits for at most PROBE_WAIT_MS. Returns 0 or a negative errno:
 * -ECONNREFUSED if no process has the name, -EAGAIN if no reply came in time. The line contains what was
 * sent, unchecked. */
nodiscard_ int probe_ask(const char *name, char ret_line[PROBE_LINE_MAX + 1]);
