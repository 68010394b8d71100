/* One host that floods a socket fills its buffer, and the kernel then drops what the others send. Who sends
 * more than all others together, and far more than any client needs, is shut out for a while, in the kernel,
 * where it takes no room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

enum {
    FLOOD_WINDOW_MS = 250,
    /* A host that asks anew for CLIENT_MAPPINGS_MAX mappings at once, and again for want of an answer. */
    FLOOD_LEAD = 2048,
    FLOOD_SHUT_MS = 10 * 1000,
};

struct flood {
    uint64_t window_ms; /* when the counting began */
    uint32_t suspect;
    unsigned lead; /* so many more datagrams of the suspect than of all others */
};

/* Counts a datagram; true: its source floods. */
bool flood_count(struct flood *f, uint32_t source, uint64_t now_ms);
/* The kernel drops what this source sends to the socket; false: it cannot. */
nodiscard_ bool flood_shut(int fd, uint32_t source);
/* Everybody is heard again. */
void flood_open(int fd);
