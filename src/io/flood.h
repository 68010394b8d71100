/* One host that floods a socket fills its buffer, and the kernel then drops what the others send. Who sends
 * more than all others together, and more than a client needs, is not answered any more, so that the buffer
 * empties as fast as it can be read; at far more it is shut out for a while, in the kernel, where it takes no
 * room. A few of its datagrams still come through: they tell whether it goes on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

enum {
    FLOOD_WINDOW_MS = 250,
    /* A host that asks at once for all that CLIENT_MAPPINGS_DEFAULT gives it, with a copy of each, and as
     * much again. */
    FLOOD_HEARD = 256,
    /* A host that asks anew for CLIENT_MAPPINGS_MAX mappings at once, and again for want of an answer. */
    FLOOD_LEAD = 2048,
    FLOOD_SHUT_MS = 10 * 1000,
    /* One datagram of so many of a host that is shut out comes through; a power of two. */
    FLOOD_SAMPLE = 64,
};

struct flood {
    uint64_t window_ms; /* when the counting began */
    uint32_t suspect;
    unsigned lead; /* so many more datagrams of the suspect than of all others */
};

enum flood_verdict {
    FLOOD_HEAR,
    FLOOD_IGNORE,
    FLOOD_SHUT,
};

/* Counts a datagram, and says what to do with its source. */
enum flood_verdict flood_count(struct flood *f, uint32_t source, uint64_t now_ms);
/* The kernel drops what this source sends to the socket, but for the sample; false: it cannot. */
nodiscard_ bool flood_shut(int fd, uint32_t source);
/* Everybody is heard again. */
void flood_open(int fd);
