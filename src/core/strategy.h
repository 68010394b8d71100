/* How the gateway forwards (GATEWAY_MODE). The daemon chooses one of two strategies at the start. The other
 * modules ask the strategy, each question by a field of its own, and do not know the mode.
 *
 * The normal strategy is for RFC 6886: the gateway forwards an external port to the internal port of the
 * request, which is the rule's port on the router. The symmetric strategy is for a gateway that forwards port
 * n to port n only, and chooses n. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/step.h"
#include "wire/natpmp.h"

struct mapping;
struct mapping_tables;
struct proxy;
struct upstream_outcome;

struct strategy {
    /* The internal port in a request for the lease, and the one in its deletion. A release_port of 0 means
     * that the lease cannot be deleted. */
    uint16_t (*request_port)(const struct mapping *mapping);
    uint16_t (*release_port)(const struct mapping *mapping);
    bool rule_first;     /* the router port must be known before the gateway can be asked */
    bool withdraws;      /* a request can be withdrawn before its answer, and a deletion follows */
    bool moves;          /* another router port may get another external port */
    bool suggests_own;   /* the router port may be suggested as the external port */
    bool one_port;       /* all mappings of a protocol share the gateway's one port */
    const char *no_port; /* the log text if the gateway has no port left; NULL: the usual text */

    /* True if the rule's port fits the lease. NULL: it always does. */
    bool (*fits)(const struct mapping *mapping);
    /* Returns the mapping of the other protocol that should have the same external port; 0: none. */
    uint16_t (*companion)(const struct mapping_tables *t, uint16_t m);
    /* Chooses the router port, unless it is already fixed. If no port can be used, the client's request is
     * refused. */
    void (*settle_port)(struct proxy *p, uint16_t m, const struct step *step);
    /* Claims the gateway's port for this request or deletion. False: it cannot be sent now, and the function
     * has set the time of the next attempt, or refused the request. NULL: everything can be sent. */
    bool (*claim)(struct proxy *p, uint16_t m, bool releases, const struct step *step);
    /* True if a mapping that is ending has that external port. Its deletion needs the port, so the mapping
     * keeps it until the gateway has confirmed the deletion. NULL: deletions name the router port. */
    bool (*is_being_released)(const struct mapping_tables *t, enum natpmp_protocol protocol, uint16_t port);
    /* Returns the mapping to which an answer without a transaction belongs; 0: none. */
    uint16_t (*owner)(const struct proxy *p, const struct upstream_outcome *o);
    /* The mapping has ended, and another one that waits for its router port can continue. NULL: no mapping
     * waits for a port. */
    void (*ended)(struct mapping_tables *t, uint16_t m);
};

extern const struct strategy strategy_normal;
extern const struct strategy strategy_symmetric;
