/* How the gateway forwards (GATEWAY_MODE). One of two strategies is chosen at the start; nothing else asks
 * for the mode.
 *
 * The normal one is RFC 6886: from an external port to the internal port of the request, which is the rule's
 * port on the router. The symmetric one forwards port n to port n only, and chooses n. */
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
    /* The internal port by which a lease is requested, and by which it is given back; 0: by none. */
    uint16_t (*request_port)(const struct mapping *mapping);
    uint16_t (*release_port)(const struct mapping *mapping);
    bool rule_first;     /* a router port is needed before the gateway can be asked */
    bool withdraws;      /* a request can be given up before its answer: a deletion settles what it did */
    bool moves;          /* another router port may get another external port */
    const char *no_port; /* what the operator is told when the gateway has no port left; NULL: the usual */

    /* The rule's port fits the lease; NULL: it always does. */
    bool (*fits)(const struct mapping *mapping);
    /* The mapping of the other protocol that ought to have the same number; 0: none. */
    uint16_t (*companion)(const struct mapping_tables *t, uint16_t m);
    /* Chooses the router port, as far as it is not fixed yet. */
    void (*settle_port)(struct proxy *p, uint16_t m, const struct step *step);
    /* True if the gateway cannot be asked for this now: when it is tried again, or that it is refused, is
     * noted. NULL: it never is held back. */
    bool (*holds_back)(struct proxy *p, uint16_t m, bool releases, const struct step *step);
    /* True if a mapping that ends has that external port: by its number it is given back, so it stays in our
     * books. NULL: by its router port. */
    bool (*is_being_released)(const struct mapping_tables *t, enum natpmp_protocol protocol, uint16_t port);
    /* The mapping that an answer without a transaction is about; 0: none. */
    uint16_t (*owner)(const struct proxy *p, const struct upstream_outcome *o);
    /* The mapping has ended: one that waits for its port may go on. NULL: none waits. */
    void (*ended)(struct mapping_tables *t, uint16_t m);
};

extern const struct strategy strategy_normal;
extern const struct strategy strategy_symmetric;
