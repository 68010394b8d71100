/* A host that floods the socket fills its buffer, and the kernel then drops what other hosts send. A source
 * that sends more than all others together, and more than a client needs, is ignored, so that the buffer
 * empties as fast as it can be read. At a far higher rate a filter in the kernel drops what it sends, before
 * it takes room in the buffer. A small sample still passes the filter: it shows whether the flood
 * continues. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/limits.h"

enum {
    FLOOD_WINDOW_MS = 250,
    /* A host that requests all of its CLIENT_MAPPINGS_DEFAULT mappings at once and retransmits each request
     * once, and as much again. */
    FLOOD_HEARD = 2 * 2 * CLIENT_MAPPINGS_DEFAULT,
    /* A host that requests CLIENT_MAPPINGS_MAX mappings at once and retransmits all requests once. */
    FLOOD_LEAD = 2 * CLIENT_MAPPINGS_MAX,
    FLOOD_SHUT_MS = 10 * 1000,
    /* One datagram in so many from the blocked source passes the filter; a power of two. */
    FLOOD_SAMPLE = 64,
};

struct flood {
    uint64_t window_ms; /* when the counting began */
    uint32_t suspect;
    unsigned lead; /* how many more datagrams came from the suspect than from all others */
};

enum flood_verdict {
    FLOOD_HEAR,
    FLOOD_IGNORE,
    FLOOD_SHUT,
};

/* Counts a datagram and decides what to do with its source. */
enum flood_verdict flood_count(struct flood *f, uint32_t source, uint64_t now_ms);
/* Makes the kernel drop all datagrams of this source but the sample. False if it cannot. */
nodiscard_ bool flood_shut(int fd, uint32_t source);
/* Removes the filter. */
void flood_open(int fd);
