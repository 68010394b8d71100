/* A host that floods the socket fills its buffer, and the kernel then drops what other hosts send. A source
 * that sends a large part of all datagrams, and more than a client needs, is ignored, so that the buffer
 * empties as fast as it can be read. At a far higher rate a filter in the kernel drops what it sends, before
 * it takes room in the buffer. A small sample still passes the filter: it shows when the flood ends. Several
 * sources can be blocked at a time, each for itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/limits.h"

enum {
    FLOOD_WINDOW_MS = 250,
    /* Sources that are watched, and that can be blocked at a time. Each one that sends more than a ninth of
     * all datagrams is found. */
    FLOOD_SOURCES = 8,
    /* A host that requests all of its CLIENT_MAPPINGS_DEFAULT mappings at once and retransmits each request
     * once, and as much again. */
    FLOOD_HEARD = 2 * 2 * CLIENT_MAPPINGS_DEFAULT,
    /* A host that requests CLIENT_MAPPINGS_MAX mappings at once and retransmits all requests once. */
    FLOOD_LEAD = 2 * CLIENT_MAPPINGS_MAX,
    /* One datagram in so many from a blocked source passes the filter; a power of two. */
    FLOOD_SAMPLE = 64,
    /* A flood is over when so many windows in a row had less than a quarter of it. Whoever's address was
     * misused is heard again a second later. */
    FLOOD_QUIET_SAMPLES = FLOOD_LEAD / FLOOD_SAMPLE / 4,
    FLOOD_QUIET_WINDOWS = 4,
};

struct flood_suspect {
    uint32_t source;
    unsigned lead; /* its datagrams, less those of sources that are not watched */
};

struct flood_blocked {
    uint32_t source;
    unsigned samples; /* of its datagrams in this window */
    unsigned quiet;   /* windows in a row with few of them */
};

/* Zero at the start. */
struct flood {
    uint64_t window_ms; /* when the counting began */
    struct flood_suspect suspect[FLOOD_SOURCES];
    struct flood_blocked blocked[FLOOD_SOURCES];
    unsigned blocks; /* how many are blocked */
};

enum flood_verdict {
    FLOOD_HEAR,
    FLOOD_IGNORE,
    FLOOD_SHUT,    /* the source should be blocked */
    FLOOD_BLOCKED, /* a datagram of a blocked source that passed the filter */
};

/* Counts a datagram and decides what to do with its source. */
enum flood_verdict flood_count(struct flood *f, uint32_t source, uint64_t now_ms);
/* Makes the kernel drop all datagrams of this source but the sample. False if it cannot, or if as many
 * sources as possible are blocked. */
nodiscard_ bool flood_block(struct flood *f, int fd, uint32_t source);
/* A window is over: unblocks the sources whose flood has ended. Call it every FLOOD_WINDOW_MS while a source
 * is blocked. */
void flood_window(struct flood *f, int fd);
