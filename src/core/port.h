/* Choices of ports: the rule's on the router, the external one to suggest, and whether a granted one can be
 * used. Pure: nothing is written. */
#pragma once

#include "core/strategy.h"
#include "core/mapping.h"
#include "core/router.h"

/* IANA's dynamic range, RFC 6335. */
enum {
    PORT_DYNAMIC_FIRST = 49152,
    PORT_DYNAMIC_LAST = 65535,
    /* Neither a router port nor an external port goes to another client while strangers may still send to it.
     */
    QUARANTINE_MS = 120 * 1000,
};

/* No rule on the router and none of ours takes the port, and its companion is free or of the same client. */
bool port_is_available(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t port);
/* The router port that the mapping ought to have: the companion's, so that the gateway gives both protocols
 * of a client's port one external port; then what the client suggested. 0: any, a random one [M-05]. */
uint16_t port_preferred(const struct mapping_tables *t, const struct router *r, uint16_t m);
/* The first one from `start` on that is free of both protocols, so that the companion can have the same
 * number later; else of the mapping's own protocol; one that is in doubt, last of all. High, as RFC 6886
 * section 3.3 has it for a client that suggests nothing [M-04]. 0: there is none. */
uint16_t port_free_from(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t start);

/* The external port to ask for: the one that the client has [C-19] [M-06]; the companion's, so that both are
 * one number; what the client suggested. Never one that another mapping has or is about to have. 0: none. */
uint16_t port_suggestion(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                         uint64_t now_ms);

enum port_verdict {
    PORT_USABLE,
    PORT_CONFLICTS, /* another mapping has it */
    PORT_UNUSABLE,  /* its other protocol belongs to another client, or another client had it until a moment
                       ago */
};
/* Can the mapping use the external port that the gateway granted? */
enum port_verdict port_judge_grant(const struct mapping_tables *t, const struct strategy *strategy,
                                   uint16_t m, uint16_t external_port, uint64_t now_ms);
/* The mapping that has that external port by our books although its lease is not alive; 0: none. */
uint16_t port_dead_holder(const struct mapping_tables *t, enum natpmp_protocol protocol,
                          uint16_t external_port, uint64_t now_ms);
