/* One question and one reply, between two processes of this program: a datagram each way over an abstract
 * Unix socket (abstract.h). Every process in the namespace can ask. The kernel says which user asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/cursor.h"
#include "io/abstract.h"

enum {
    PROBE_QUESTION_MAX = 16,
    PROBE_REPLY_MAX = 8192,
    /* The number of questions that are answered before other sockets have their turn. */
    PROBE_BATCH = 4,
    PROBE_WAIT_MS = 3000,
};

struct probe_question {
    struct span bytes;
    bool trusted; /* it comes from root or from the user of this process */
};

/* Writes the reply to a question. */
typedef void probe_handler(void *context, const struct probe_question *question, struct writer *reply);

struct probe_server {
    uv_poll_t poll;
    int fd;     /* -1: not open */
    uid_t user; /* of this process */
    probe_handler *asked;
    void *context;
    uint8_t reply[PROBE_REPLY_MAX];
};

/* Returns 0 or a negative errno: -EADDRINUSE if another process has the name. */
nodiscard_ int probe_open(struct probe_server *s, uv_loop_t *loop, const char *name, probe_handler *asked,
                          void *context);
void probe_close(struct probe_server *s);

/* Asks the process that has the name and waits for at most PROBE_WAIT_MS. Returns the length of the reply or
 * a negative errno: -ECONNREFUSED if no process has the name, -EAGAIN if no reply came in time. The reply is
 * what was sent, unchecked. */
nodiscard_ int probe_ask(const char *name, struct span question, uint8_t ret_reply[PROBE_REPLY_MAX]);
