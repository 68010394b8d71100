/* What the rules of a firewall table do with one class of new connections.
 *
 * A class is as wide as what is not known: "whoever on the internet to whichever port". So a rule covers all
 * of it, or a part that does not matter for the question whether things work at all, or it cannot be told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/survey.h"
#include "core/nat_rule.h"

struct packet {
    const struct nat_context *in;  /* where it comes in */
    const struct nat_context *out; /* where it leaves; NULL: not decided yet */
    enum natpmp_protocol protocol;
    uint16_t dst_port; /* 0: any */
    struct prefix src; /* length 0: anybody */
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

/* Of one row, whatever its chain and action. */
enum cover firewall_cover(const struct ros_sentence *row, const struct packet *packet);

enum firewall_action {
    FIREWALL_ACCEPT, /* the way through this table ends here, well */
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
    struct ruling sure; /* the first rule that decides over all of the class; none: the chain's end accepts */
    /* By action, the first rule before that one which may cover the class, and the first which covers a part.
     */
    struct ruling maybe[FIREWALL_ACTIONS];
    struct ruling part[FIREWALL_ACTIONS];
};

/* Follows jumps. A rule with the id `until` (0: none) counts as covering all. */
void firewall_judge(const struct survey *s, enum table_name table, const char *chain,
                    const struct packet *packet, uint32_t until, struct verdict *ret_verdict);
