/* A VPN gateway has few ports (ProtonVPN: five). A mapping that is not in use yields to a client that asks.
 * Pure: nothing is written. */
#pragma once

#include "core/mapping.h"

/* It has a port of the gateway, and nobody uses it now. */
bool budget_is_spare(const struct mapping *mapping, uint64_t now_ms);

enum budget_verdict {
    BUDGET_NOTHING, /* all are in use */
    BUDGET_HURRY,   /* deletions that were not confirmed may still take ports: they are tried again now */
    BUDGET_RELEASE, /* a mapping that is kept alive is released, both protocols of its port */
};

struct budget_decision {
    enum budget_verdict verdict;
    uint16_t mapping; /* RELEASE */
    uint16_t twin;    /* RELEASE: the other protocol of its external port; 0: none */
};

/* The gateway has no port left for this mapping: how can one become free? */
struct budget_decision budget_make_room(const struct mapping_tables *t, uint16_t m, uint64_t now_ms);
/* The gateway granted m the port of `holder`: is that one released? */
struct budget_decision budget_yield(const struct mapping_tables *t, uint16_t m, uint16_t holder,
                                    uint64_t now_ms);

/* Mappings in the list of spare ones that are looked at: there are fewer ports than this. */
enum { BUDGET_LOOK_AT_MAX = 64 };

struct budget_use {
    unsigned ports;  /* of the gateway, in use by our books: both protocols of one number are one port */
    unsigned ending; /* of them, of mappings that end */
};
struct budget_use budget_use(const struct mapping_tables *t);
