/* When the next requests to the gateway are sent. */
#pragma once

#include "core/upstream.h"

enum {
    /* RFC 6886 section 3.1: the first interval, and each next one is twice as long. */
    FIRST_INTERVAL_MS = 250,
    /* After so many attempts of a request the intervals are long: 4 s and more. */
    LATE_SENDS = 5,
};

/* Requests the address at once, as if no request for it were under way. */
void upstream_ask_address_now(struct upstream *u, uint64_t now_ms);
/* The gateway has restarted, so answers that were ignored for their epoch may have been true: what they
 * answered is asked again now. */
void upstream_ask_ignored_again(struct upstream *u, uint64_t now_ms);
/* After a silence, the long intervals of section 3.1 would delay all clients, so the later attempts are sent
 * now. */
void upstream_hurry(struct upstream *u, uint64_t now_ms);
