/* How much of a class of connections the conditions of one firewall rule cover.
 *
 * A class is as wide as what is unknown, such as "any host on the internet to any port". So a rule can cover
 * all of the class, none of it, a part that does not matter to the question whether connections work, or it
 * cannot be decided. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/nat_rule.h"

enum cover {
    COVER_NONE,
    COVER_PART,
    COVER_MAYBE,
    COVER_ALL,
};

/* How much of a class of addresses an address list has. */
struct address_lists {
    const void *state;
    enum cover (*cover)(const void *state, struct span list, struct prefix addresses);
};

struct packet {
    const struct nat_context *in;  /* the interface where it enters */
    const struct nat_context *out; /* the interface where it leaves; NULL: not known yet */
    enum natpmp_protocol protocol;
    uint16_t dst_port; /* 0: any */
    uint16_t src_port; /* 0: any */
    struct prefix src; /* length 0: any host on the internet, also below */
    struct prefix dst;
    bool dst_known;
    bool dst_local;   /* to the router itself */
    bool dstnat;      /* its connection has a translated destination */
    bool srcnat;      /* its connection has a translated source */
    bool established; /* not the first packet of its connection */
    /* What mangle rules made of it; NULL: unknown, empty: no mark. */
    const char *connection_mark;
    const char *packet_mark;
    const char *routing_mark;
    const struct address_lists *lists; /* NULL: unknown */
    /* It comes from a host on the internet, which has no private address and is no client of a hotspot, to
     * each port alike: conditions on ports are left out. Of what only some packets or times meet nothing is
     * known. */
    bool arrival;
};

/* False: what the attribute means is unknown, so a rule that has it may cover anything. */
bool cover_knows(struct span attribute);
/* How much of the class one word of a row covers, "=time=8h-9h"; *ret_name is the name of the condition. */
enum cover cover_of_word(struct span word, const struct packet *packet, struct span *ret_name);
/* Whether the interface is in a list: all, none or, if it cannot be known, maybe. */
enum cover cover_of_list(const struct nat_context *at, struct span name);
/* How much of the class one row covers, whatever its chain and action. */
enum cover cover_of_row(const struct ros_sentence *row, const struct packet *packet);
