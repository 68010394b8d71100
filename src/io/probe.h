/* One question and one line in answer, between two processes of this program: a datagram each way, over an
 * abstract Unix socket. Such a name belongs to the network namespace: it needs no directory and no
 * permission, and is gone with whoever holds it.
 *
 * Anybody in the namespace may ask, and may have taken the name before us. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/attributes.h"

enum {
    PROBE_NAME_MAX = 107, /* what sun_path holds after the zero that makes it abstract */
    PROBE_LINE_MAX = 511,
    /* Questions before other sockets have their turn. */
    PROBE_BATCH = 4,
    PROBE_WAIT_MS = 3000,
};

struct probe_server {
    uv_poll_t poll;
    int fd; /* -1: it is not open */
    /* Writes the answer, a text of at most PROBE_LINE_MAX bytes. */
    void (*asked)(void *context, char ret_line[PROBE_LINE_MAX + 1]);
    void *context;
};

/* 0, or a negative errno: -EADDRINUSE if another process has the name. */
nodiscard_ int probe_open(struct probe_server *s, uv_loop_t *loop, const char *name,
                          void (*asked)(void *context, char ret_line[PROBE_LINE_MAX + 1]), void *context);
void probe_close(struct probe_server *s);

/* Asks whoever has the name, and waits for PROBE_WAIT_MS at the most. 0, or a negative errno: -ECONNREFUSED
 * if nobody has it, -EAGAIN if no answer came in time. The line holds whatever was sent. */
nodiscard_ int probe_ask(const char *name, char ret_line[PROBE_LINE_MAX + 1]);
