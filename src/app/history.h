/* The external ports of the last 24 hours, for the status page and the metrics: as the notices report them.
 */
#pragma once

#include "core/event.h"

enum {
    HISTORY_S = 24 * 3600,
    /* Gateways change a port at a restart, or every few hours. With five ports this is a change in 100 s. */
    HISTORY_MAX = 4096,
};

struct history_entry {
    uint64_t at_ms;  /* CLOCK_BOOTTIME */
    uint32_t client; /* 0: of all mappings */
    uint16_t internal_port;
    uint16_t external_port; /* from then on; 0: none */
    uint8_t protocol;       /* enum natpmp_protocol */
};

/* The memory must be zero. */
struct history {
    struct history_entry at[HISTORY_MAX];
    uint64_t next;      /* number of the next entry; the last HISTORY_MAX are stored */
    uint64_t changes;   /* of an external port, since the start */
    uint64_t change_ms; /* when the last of them was; 0: there was none */
};

void history_add(struct history *h, const struct notice *notice, uint64_t at_ms);
/* The first entry of a mapping, or of all, from that number on; NULL: there is none. Entries that are not
 * stored any more are left out. *ret_next is the number from which the next call continues. */
const struct history_entry *history_find(const struct history *h, uint64_t from, uint32_t client,
                                         uint8_t protocol, uint16_t internal_port, uint64_t *ret_next);
