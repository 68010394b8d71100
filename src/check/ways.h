/* Through which interface the router sends a packet: its routing rules, tables and routes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/survey.h"
#include "core/nat_rule.h"

enum { WAYS_MAX = 4 };

struct traveller {
    struct prefix src; /* hosts of a subnet may take different ways */
    uint32_t dst;
    const char *in;           /* the interface where it entered */
    const char *routing_mark; /* empty: none */
};

struct way {
    char interface[INTERFACE_NAME_MAX + 1]; /* empty: there is no route, or a rule drops the packet */
    uint32_t rule;                          /* the routing rule that decided; 0: none */
    bool marked;                            /* the table of the routing mark decided */
    bool partly;                            /* a part of the packets */
    bool unsure;                            /* it is unknown whether the rule decides */
};

struct ways {
    unsigned count;
    struct way at[WAYS_MAX];
};

void ways_find(const struct survey *s, const struct traveller *t, struct ways *ret_ways);
/* A table other than main, whose default route leads through the interface; empty: none. */
struct log_safe ways_table_through(const struct survey *s, const char *interface);
