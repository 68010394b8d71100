/* A VPN gateway has few ports (ProtonVPN: five). These functions decide which unused mapping is released when
 * a client needs a port. They do not change anything. */
#pragma once

#include "core/mapping.h"

/* True if the mapping has a lease, but no client uses it now. */
bool budget_is_spare(const struct mapping *mapping, uint64_t now_ms);

enum budget_verdict {
    BUDGET_NOTHING, /* clients use all ports */
    BUDGET_HURRY,   /* unconfirmed deletions may still take ports: they are repeated now */
    /* A mapping that is kept alive is released, with both protocols of its port; for a static mapping, also
     * one that a client uses. */
    BUDGET_RELEASE,
};

struct budget_decision {
    enum budget_verdict verdict;
    uint16_t mapping; /* RELEASE */
    uint16_t other;   /* RELEASE: the mapping of the other protocol with the same external port; 0: none */
};

/* The gateway has no port left for this mapping: decides how one can become free. `may_hurry`: deletions may
 * be repeated. */
struct budget_decision budget_make_room(const struct mapping_tables *t, uint16_t m, bool may_hurry,
                                        uint64_t now_ms);
/* The gateway granted m the external port of `holder`: decides whether `holder` is released. */
struct budget_decision budget_yield(const struct mapping_tables *t, uint16_t m, uint16_t holder,
                                    uint64_t now_ms);
/* The gateway has one port number for both protocols and granted it to m, and another client has its other
 * protocol: decides whether that one is released for a static mapping. */
struct budget_decision budget_take_number(const struct mapping_tables *t, uint16_t m, uint16_t external_port);

/* The number of unused mappings that one decision examines; a gateway has fewer ports than this. */
enum { BUDGET_SEARCH_MAX = 64 };

struct budget_use {
    unsigned ports;  /* external ports in use, as far as known; TCP and UDP of one number count once */
    unsigned ending; /* those of them whose mapping is ending */
};
/* Which hosts have most mappings, or most of the gateway's ports, for the log: "192.168.88.11 (5)". */
struct budget_text {
    char text[128];
};
struct budget_text budget_holders(const struct mapping_tables *t, bool ports);
/* Counts the gateway's ports, for the log. */
struct budget_use budget_use(const struct mapping_tables *t);
