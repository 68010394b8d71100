/* The ports that other rules of the NAT table take: those that a rule names which could meet what arrives at
 * the tunnel's address from the internet, and would translate it, let it pass or send it to another chain.
 * Rules that name no port do not count, because ours stand before them; only a dynamic one that is sure to
 * take everything, and stands before all before which ours can be put, takes all ports.
 *
 * The table is read as a stream, and a jump may come after the chain to which it leads. So the ports are
 * collected for each chain, and at the end the walk finds which chains are reached. A chain counts as reached
 * from its beginning: at most too many ports are taken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/portset.h"
#include "core/chain_walk.h"

struct taken_set {
    struct portset sure;
    struct portset doubted; /* it cannot be known whether a rule meets it: a mark, a time, a list ... */
};

/* What is collected for one protocol. */
struct taken_ports {
    struct packet packet;
    struct chain_walk walk;
    uint16_t chain[TAKEN_CHAINS_MAX]; /* of the walk */
    /* enum cover: how much the rules before which ours cannot be put bring to the chain. Not for dstnat. */
    uint8_t barred[TAKEN_CHAINS_MAX];
    unsigned chains;
    bool elsewhere;  /* the last set is in use */
    bool crowded;    /* there was no room for the ports of all chains */
    uint8_t general; /* enum cover: how surely a rule of dstnat, of those so far, takes any port */
    bool placed;     /* a row so far is one before which ours can be put */
    uint16_t border; /* the last step of dstnat before it */
    uint32_t bar;    /* the first rule that takes all ports, and ours cannot be put before it; 0: none */
    /* The last one: of chains for which there was no room, and of rules whose place is not known. */
    struct taken_set ports[TAKEN_CHAINS_MAX + 1];
};

/* The context must live as long as what is collected. */
void taken_ports_begin(struct taken_ports *c, const struct nat_context *context,
                       enum natpmp_protocol protocol);
/* The next row of the table, which is not ours. */
void taken_ports_add(struct taken_ports *c, const struct ros_sentence *row);
/* How surely a rule of dstnat, of those so far, takes what comes to that port: not at all, perhaps
 * (COVER_MAYBE), or all of it. *ret_named: one names the port. */
enum cover taken_ports_ahead(const struct taken_ports *c, uint16_t port, bool *ret_named);
/* A rule can be put before this row: before a dynamic one nothing can be. */
bool taken_ports_is_place(const struct ros_sentence *row);
/* Adds all taken ports to *ports. True: there are some. */
bool taken_ports_end(struct taken_ports *c, struct taken_set *ports);
/* After taken_ports_end: how surely the jumps before which ours cannot be put lead to a rule that takes the
 * port.
 */
enum cover taken_ports_barred(const struct taken_ports *c, uint16_t port);
/* True if the table has more chains, or jumps and other steps, than there is room for (limits.h). */
bool taken_ports_is_incomplete(const struct taken_ports *c);
/* A row of which only that it exists is known, and not its place. */
void taken_ports_add_anywhere(struct taken_ports *c, const struct ros_sentence *row);
/* The ports that this row alone takes, as if its chain were reached. */
bool taken_ports_of_row(const struct taken_ports *c, const struct ros_sentence *row, struct taken_set *ports);
/* After taken_ports_end: true if the row's chain is reached. */
bool taken_ports_reach_row(const struct taken_ports *c, const struct ros_sentence *row);
