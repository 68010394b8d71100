/* Messages for all processes that connect to an abstract Unix socket (abstract.h) and read: those of root and
 * of the user of this process. The connection keeps the bounds of messages, and both sides learn when the
 * other one ends.
 *
 * Nothing waits for a reader, and nothing is stored for it: each has a position in what the owner of the feed
 * stores anyway, and goes on from there as soon as its socket has room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "base/attributes.h"
#include "base/span.h"

enum {
    /* A script for each of some programs, and somebody who looks. Each takes one descriptor. */
    FEED_READERS_MAX = 8,
};

enum feed_verdict {
    FEED_WELCOME,
    FEED_FULL,      /* FEED_READERS_MAX others read */
    FEED_UNTRUSTED, /* it belongs to another user */
    FEED_VERDICTS,
};

struct feed_handlers {
    /* Returns the first message for a process that has connected; only a welcome one stays connected, and
     * goes on from *ret_position. */
    struct span (*greet)(void *context, enum feed_verdict verdict, uint64_t *ret_position);
    /* Returns the message at *position and advances it; an empty one: there is none yet. */
    struct span (*next)(void *context, uint64_t *position);
};

struct feed_reader {
    uv_poll_t poll;
    struct feed_server *server;
    int fd;       /* -1: none */
    bool closing; /* the event loop still has the handle */
    bool blocked; /* its socket has no room */
    uint64_t position;
};

struct feed_server {
    uv_poll_t poll;
    int fd;      /* -1: not open */
    bool paused; /* a connection could not be accepted */
    uid_t user;  /* of this process */
    const struct feed_handlers *handlers;
    void *context;
    struct feed_reader reader[FEED_READERS_MAX];
};

/* Returns 0 or a negative errno: -EADDRINUSE if another process has the name. The handlers must outlive the
 * server. */
nodiscard_ int feed_open(struct feed_server *s, uv_loop_t *loop, const char *name,
                         const struct feed_handlers *handlers, void *context);
/* There is a new message. */
void feed_wake(struct feed_server *s);
void feed_close(struct feed_server *s);

/* Connects to the feed with that name. Returns a descriptor or a negative errno: -ECONNREFUSED if no process
 * has the name. Each recv() returns one message; 0: the feed has ended. */
nodiscard_ int feed_connect(const char *name);
