/* A gateway may change external ports, of one protocol alone, too. Most programs announce one number for TCP
 * and UDP: what follows when the two ports of a client stand apart, and how they come together again. Pure:
 * nothing is written. */
#pragma once

#include "core/strategy.h"
#include "core/mapping.h"

enum pair_next {
    PAIR_NEXT_NOTHING,
    PAIR_NEXT_SETTLES, /* it is known now where the companion stands */
    PAIR_NEXT_REJOINS, /* the companion's lease is given back and made anew */
};

struct pair_verdict {
    uint16_t companion; /* with a living lease; 0: none */
    bool compare;       /* neither port has just changed: whether they differ is worth knowing */
    bool changed;       /* a client relied on the port of before */
    bool ask_companion; /* its port may have changed, too: it is asked before its number is taken for another
                           one */
    bool broken;        /* a client relies on a port that is no more */
    enum pair_next companion_next;
};

/* The gateway granted the external port that the mapping has now; before it was `old` (0: none). `rotated`:
 * the lease of before lived, so that a change is the gateway's doing alone. */
struct pair_verdict pair_judge(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                               uint16_t old, bool rotated, uint64_t now_ms);
/* The companion with a living lease; 0: none. */
uint16_t pair_companion(const struct mapping_tables *t, uint16_t m, uint64_t now_ms);
