/* Where a rule can be put so that packets meet it before the rule that is to blame. RouterOS puts nothing
 * before a dynamic rule, so the place may be in a chain to which a dynamic jump leads, or there is none. */
#pragma once

#include "check/firewall.h"

struct place {
    bool open; /* there is one */
    char chain[CHAIN_NAME_MAX + 1];
    /* The rules before which it can be put: the first one, and the nearest to the one to blame. 0: at the end
     * of the chain. */
    uint32_t first;
    uint32_t nearest;
    /* The rule of the chain where packets begin that is to blame, or that jumps towards it; 0: not found. */
    uint32_t top;
    uint32_t maker; /* the dynamic rule without which packets would not meet the one to blame; 0: none */
};

/* For packets that begin in that chain (NULL: the table has none) and meet the rule with that id. If they do
 * not, or the id is 0, the place is before the first static rule of the chain. */
struct place place_before(const struct survey *s, enum table_name table, const char *chain, uint32_t id,
                          const struct packet *packet);
bool place_is_in(const struct place *place, const char *chain);

/* " place-before=*5"; empty: at the end. */
struct place_text {
    char text[sizeof(" place-before=*FFFFFFFF")];
};
struct place_text place_text(uint32_t before);
