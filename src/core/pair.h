/* A gateway may change external ports, even of one protocol alone, but most programs announce one port number
 * for TCP and UDP. This module decides what to do when the two external ports of a client's port differ, and
 * how they become equal again. It does not change anything. */
#pragma once

#include "core/strategy.h"
#include "core/mapping.h"

enum pair_next {
    PAIR_NEXT_NOTHING,
    PAIR_NEXT_SETTLES, /* the comparison with the companion has ended */
    PAIR_NEXT_REJOINS, /* the companion's lease is deleted and requested again */
};

struct pair_verdict {
    uint16_t companion; /* with a valid lease; 0: none */
    bool compare;       /* neither port has just changed, so a difference is worth a log line */
    bool changed;       /* the gateway changed a port that a client uses */
    bool ask_companion; /* the companion's port may have changed, too: it is renewed before the comparison */
    bool broken;        /* a client was advertised a port that is not valid any more */
    enum pair_next companion_next;
};

/* Decides what follows from a grant. The mapping already has the granted external port; `old` is the one
 * before (0: none). `rotated`: the lease was valid until the grant, so the gateway alone caused a change. */
struct pair_verdict pair_judge(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                               uint16_t old, bool rotated, uint64_t now_ms);
/* Returns the companion if its lease is valid; 0: none. */
uint16_t pair_companion(const struct mapping_tables *t, uint16_t m, uint64_t now_ms);
