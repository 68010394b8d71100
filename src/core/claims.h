/* The ports that other rules of the NAT table claim: those that a rule names which could meet what arrives at
 * the tunnel's address from the internet, and would translate it, let it pass or send it to another chain.
 * Rules that name no port do not count, because ours stand before them.
 *
 * The table is read as a stream, and a jump may come after the chain to which it leads. So the ports are
 * collected for each chain, and at the end the walk tells which chains are reached. A chain counts as reached
 * from its beginning: at most that claims too much. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/portset.h"
#include "core/chain_walk.h"

struct claimed_ports {
    struct portset sure;
    struct portset doubted; /* it cannot be known whether a rule meets it: a mark, a time, a list ... */
};

/* The claims on one protocol's ports. */
struct claims {
    struct packet packet;
    struct chain_walk walk;
    uint16_t chain[CLAIM_CHAINS_MAX]; /* of the walk */
    unsigned chains;
    bool elsewhere; /* the last set is in use */
    /* The last one: of chains for which there was no room, and of rules whose place is not known. */
    struct claimed_ports ports[CLAIM_CHAINS_MAX + 1];
};

/* The context must live as long as the claims. */
void claims_begin(struct claims *c, const struct nat_context *context, enum natpmp_protocol protocol);
/* The next row of the table, which is not ours. */
void claims_add(struct claims *c, const struct ros_sentence *row);
/* Adds all claims to *ports. True: there are some. */
bool claims_end(struct claims *c, struct claimed_ports *ports);
/* A row of which only that it exists is known, and not its place. */
void claims_add_anywhere(struct claims *c, const struct ros_sentence *row);
/* The claims of that row alone, as if its chain were reached. */
bool claims_of_row(const struct claims *c, const struct ros_sentence *row, struct claimed_ports *ports);
/* After claims_end: true if the row's chain is reached. */
bool claims_reach_row(const struct claims *c, const struct ros_sentence *row);
