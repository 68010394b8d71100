/* Chooses ports: the router port of a rule, and the external port to suggest to the gateway. Also decides
 * whether a granted external port can be used. These functions do not change anything. */
#pragma once

#include "core/strategy.h"
#include "core/mapping.h"
#include "core/router.h"

enum {
    PORT_FIRST = 1024, /* ports below are of services */
    /* IANA's range of dynamic ports (RFC 6335). */
    PORT_DYNAMIC_FIRST = 49152,
    PORT_DYNAMIC_LAST = 65535,
    /* For this time after a mapping has ended, no other client gets its router port or its external port,
     * because peers on the internet may still send to them. */
    QUARANTINE_MS = 120 * 1000,
};

/* True if it is no port on which the router itself may listen, and neither a foreign rule nor another mapping
 * takes the router port, and the same port of the other protocol is free or belongs to the same client. */
bool port_is_available(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t port);
/* The router port that the mapping should get: the companion's port, so that the gateway gives both protocols
 * one external port, otherwise the port that the client suggested. 0: any port, chosen at random [M-05]. */
uint16_t port_preferred(const struct mapping_tables *t, const struct router *r, uint16_t m);
/* Returns the first port from `start` on that is free for both protocols, so that the companion can get the
 * same number later; if there is none, the first one that is free for the mapping's own protocol; last of
 * all, one that a rule may or may not take. It is a dynamic port if there is one, because RFC 6886
 * section 3.3 gives a high-numbered port to a client that suggests none [M-04]. `start` is one. 0: no port is
 * free. */
uint16_t port_free_from(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t start);

/* The external port to suggest to the gateway: the one that the client has [C-19] [M-06], otherwise the
 * companion's, so that both are one number, otherwise the one that the client suggested. A port that another
 * mapping has or is about to get is not suggested. 0: none. */
uint16_t port_suggestion(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                         uint64_t now_ms);

/* The internal port of the mapping's request, as a suggestion; 0: another mapping has it or is about to get
 * it. */
uint16_t port_own_suggestion(const struct mapping_tables *t, uint16_t m, uint64_t now_ms);

enum port_verdict {
    PORT_USABLE,
    PORT_CONFLICTS, /* another mapping has the port */
    PORT_UNUSABLE,  /* another client has its other protocol, or had the port a short time ago */
};
/* Decides whether the mapping can use the external port that the gateway granted. */
enum port_verdict port_judge_grant(const struct mapping_tables *t, const struct strategy *strategy,
                                   uint16_t m, uint16_t external_port, uint64_t now_ms);
/* Returns the mapping that has that external port in the tables although its lease has ended; 0: none. */
uint16_t port_expired_holder(const struct mapping_tables *t, enum natpmp_protocol protocol,
                             uint16_t external_port, uint64_t now_ms);
