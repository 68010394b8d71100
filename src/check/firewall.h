/* What the rules of a firewall table do with a class of new connections.
 *
 * A class is as wide as what is unknown, such as "any host on the internet to any port". So a rule can cover
 * all of the class, none of it, a part that does not matter to the question whether connections work, or it
 * cannot be decided. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/survey.h"
#include "core/nat_rule.h"

struct packet {
    const struct nat_context *in;  /* the interface where it enters */
    const struct nat_context *out; /* the interface where it leaves; NULL: not known yet */
    enum natpmp_protocol protocol;
    uint16_t dst_port; /* 0: any */
    struct prefix src; /* length 0: any host */
    struct prefix dst;
    bool dst_known;
    bool dst_local; /* to the router itself */
    bool dstnat;    /* its destination was translated */
};

enum cover {
    COVER_NONE,
    COVER_PART,
    COVER_MAYBE,
    COVER_ALL,
};

/* How much of the class one row covers, whatever its chain and action. */
enum cover firewall_cover(const struct ros_sentence *row, const struct packet *packet);

enum firewall_action {
    FIREWALL_ACCEPT, /* the packet passes this table */
    FIREWALL_DROP,
    FIREWALL_TRANSLATE,
    FIREWALL_ACTIONS,
};

struct ruling {
    bool found;
    uint32_t id;
    enum firewall_action action;
};

struct verdict {
    struct ruling sure; /* the first rule that decides over the whole class; none: the chain accepts */
    /* By action: the first rule before `sure` that may cover the class, and the first that covers a part of
     * it. */
    struct ruling maybe[FIREWALL_ACTIONS];
    struct ruling part[FIREWALL_ACTIONS];
};

/* Follows the rules of a chain and its jumps. A rule with the id `until` (0: none) counts as covering
 * everything. */
void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict);
